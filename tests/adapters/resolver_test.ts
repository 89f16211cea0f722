import { assertEquals, assertRejects } from "@std/assert";
import { resolverAt as denoResolverAt } from "../../src/adapters/deno/resolver.ts";
import { resolverAt as nodeResolverAt } from "../../src/adapters/node/resolver.ts";
import { confirmedName, type MailResolver, type Resolver } from "../../src/dns/resolver.ts";
import {
  nameOctets,
  type NameServerAddress,
  type Records,
  short,
  TYPE,
  withNameServer,
} from "../dns/_name_server.ts";

const records: Records = {
  [`1.2.0.192.in-addr.arpa/${TYPE.PTR}`]: [nameOctets("mx.example")],
  [`mx.example/${TYPE.A}`]: [[192, 0, 2, 1]],
  [`mx.example/${TYPE.AAAA}`]: [[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
  [`example/${TYPE.MX}`]: [
    [...short(20), ...nameOctets("b.example")],
    [...short(10), ...nameOctets("a.example")],
  ],
  [`null.example/${TYPE.MX}`]: [[...short(0), ...nameOctets("")]],
  [`_smtp._tcp.example/${TYPE.SRV}`]: [
    [...short(1), ...short(30), ...short(2525), ...nameOctets("a.example")],
  ],
};

/** A name as an adapter gives it, with or without the full stop at the end. */
const bare = (name: string): string => name === "." ? name : name.replace(/\.$/, "");

const adapters: Record<string, (at: NameServerAddress) => Resolver & MailResolver> = {
  denoResolver: denoResolverAt,
  nodeResolver: ({ ipAddr, port }) => nodeResolverAt([`${ipAddr}:${port}`]),
};

for (const [name, resolverAt] of Object.entries(adapters)) {
  Deno.test(`${name}: PTR, A and AAAA records`, async () => {
    await withNameServer(records, async (at) => {
      const resolver = resolverAt(at);
      const { signal } = new AbortController();
      assertEquals(await resolver.addresses("mx.example", 4, signal), ["192.0.2.1"]);
      assertEquals(await resolver.addresses("mx.example", 6, signal), ["2001:db8::1"]);
      assertEquals(await confirmedName(resolver, "192.0.2.1", signal), "mx.example");
      assertEquals(await confirmedName(resolver, "192.0.2.2", signal), undefined);
      await assertRejects(() => resolver.addresses("gone.example", 4, signal));
    });
  });

  Deno.test(`${name}: MX and SRV records`, async () => {
    await withNameServer(records, async (at) => {
      const resolver = resolverAt(at);
      const { signal } = new AbortController();
      const mx = await resolver.mx("example", signal);
      assertEquals(
        mx.toSorted((one, other) => one.preference - other.preference)
          .map(({ preference, exchange }) => [preference, bare(exchange)]),
        [[10, "a.example"], [20, "b.example"]],
      );
      assertEquals(await resolver.mx("null.example", signal), [{ preference: 0, exchange: "." }]);
      const [{ priority, weight, port, target }, ...others] = await resolver.srv(
        "_smtp._tcp.example",
        signal,
      );
      assertEquals([priority, weight, port, bare(target)], [1, 30, 2525, "a.example"]);
      assertEquals(others, []);
      await assertRejects(() => resolver.mx("gone.example", signal));
      await assertRejects(() => resolver.srv("_smtp._tcp.gone.example", signal));
    });
  });

  Deno.test(`${name}: a name server that does not answer is left at the signal`, async () => {
    await withNameServer(undefined, async (at) => {
      const control = new AbortController();
      const asked = resolverAt(at).addresses("mx.example", 4, control.signal);
      control.abort();
      await assertRejects(() => asked);
      await assertRejects(() => resolverAt(at).addresses("mx.example", 4, control.signal));
    });
  });
}
