import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { denoDialer } from "../../src/adapters/deno/mod.ts";
import { resolverAt } from "../../src/adapters/deno/resolver.ts";
import { UpstreamFailure } from "../../src/session/upstream.ts";
import { discoveredUpstream, type DiscoveryOptions } from "../../src/upstream/discovered.ts";
import { smtpUpstream } from "../../src/upstream/smtp/upstream.ts";
import { FakeClock, settle } from "../_clock.ts";
import { startScripted } from "../cli/_servers.ts";
import { nameOctets, type Records, short, TYPE, withNameServer } from "../dns/_name_server.ts";
import { FakeMailResolver } from "../dns/_resolver.ts";
import { FakeUpstream, never, session } from "./_fakes.ts";

/** A domain with records to be changed, whose servers are fakes by address. */
class Domain {
  readonly clock = new FakeClock();
  readonly resolver = new FakeMailResolver();
  readonly journal: string[] = [];
  readonly fakes = new Map<string, FakeUpstream>();
  readonly upstream;

  constructor(options: Partial<DiscoveryOptions> = {}) {
    this.upstream = discoveredUpstream("smtp+mx://example", {
      ...{ by: "mx", domain: "example", resolver: this.resolver },
      ...{ clock: this.clock, random: () => 0 },
      connect: ({ host, address, port }) => {
        const fake = new FakeUpstream(`${host} ${address} ${port}`, this.journal);
        this.fakes.set(address, fake);
        return fake;
      },
      ...options,
    });
  }

  /** Gives the domain hosts of preference 10, 20 and so on, each with its addresses. */
  has(hosts: Readonly<Record<string, readonly string[]>>, ttl?: number): void {
    this.resolver.mxRecords["example"] = Object.keys(hosts)
      .map((exchange, nth) => ({ exchange, preference: 10 * (nth + 1), ttl }));
    for (const [host, addresses] of Object.entries(hosts)) {
      this.resolver.addressRecords[`${host}/4`] = addresses;
    }
  }

  /** One session; who was asked for a connection. */
  async session(): Promise<string[]> {
    const link = await this.upstream.connect(session, never);
    await link.quit();
    return this.called();
  }

  called(): string[] {
    return this.journal.splice(0);
  }

  async failure(): Promise<UpstreamFailure> {
    return await assertRejects(() => this.upstream.connect(session, never), UpstreamFailure);
  }
}

Deno.test("discovered: hosts by preference, all addresses of one before the next", async () => {
  const domain = new Domain({ port: 2525 });
  domain.has({ "a.example": ["192.0.2.1", "192.0.2.2"], "b.example": ["192.0.2.3"] });
  assertEquals(await domain.session(), ["a.example 192.0.2.1 2525 connect"]);
  domain.fakes.get("192.0.2.1")!.fails = "unreachable";
  assertEquals(await domain.session(), [
    "a.example 192.0.2.1 2525 connect",
    "a.example 192.0.2.2 2525 connect",
  ]);
  assertEquals(await domain.session(), ["a.example 192.0.2.2 2525 connect"]);
  domain.fakes.get("192.0.2.2")!.fails = "refusing";
  assertEquals(await domain.session(), [
    "a.example 192.0.2.2 2525 connect",
    "a.example 192.0.2.1 2525 connect",
    "b.example 192.0.2.3 2525 connect",
  ]);
  await domain.upstream.close();
  assertEquals([...domain.fakes.values()].every(({ closed }) => closed), true);
  assertEquals(domain.clock.timers, 0);
});

Deno.test("discovered: an address that is silent leaves time for the next", async () => {
  const domain = new Domain();
  domain.has({ "a.example": ["192.0.2.1", "192.0.2.2"] });
  await domain.session();
  domain.fakes.get("192.0.2.1")!.fails = "silence";
  const connecting = domain.session();
  await domain.clock.advance(15_000);
  assertEquals(await connecting, [
    "a.example 192.0.2.1 25 connect",
    "a.example 192.0.2.2 25 connect",
  ]);
  assertEquals(await domain.session(), ["a.example 192.0.2.2 25 connect"]);
});

Deno.test("discovered: SRV records with priority, weight and port", async () => {
  const domain = new Domain({ by: "srv", domain: "_smtp._tcp.example" });
  const record = (target: string, port: number, weight: number, priority: number) => ({
    ...{ target, port, weight, priority },
  });
  domain.resolver.srvRecords["_smtp._tcp.example"] = [
    record("a.example.", 2525, 3, 0),
    record("b.example.", 2526, 1, 0),
    record("c.example.", 2527, 100, 1),
  ];
  for (const [nth, name] of ["a", "b", "c"].entries()) {
    domain.resolver.addressRecords[`${name}.example/4`] = [`192.0.2.${nth}`];
  }
  const calls: string[] = [];
  for (let nth = 0; nth < 8; nth++) calls.push(...await domain.session());
  const count = (name: string) => calls.filter((call) => call.startsWith(name)).length;
  assertEquals([count("a.example 192.0.2.0 2525"), count("b.example 192.0.2.1 2526")], [6, 2]);
  for (const fake of domain.fakes.values()) fake.fails = "unreachable";
  assertEquals((await domain.session()).at(-1), "c.example 192.0.2.2 2527 connect");
});

Deno.test("discovered: a domain without mail is 556, for as long as it says so", async () => {
  const domain = new Domain();
  domain.resolver.mxRecords["example"] = [{ preference: 0, exchange: ".", ttl: 60 }];
  const { kind, message } = await domain.failure();
  assertEquals([kind, message], ["no-mail", "example says that it takes no mail"]);
  await assertRejects(() => domain.upstream.offer(), UpstreamFailure, message);
  domain.has({ "a.example": ["192.0.2.1"] });
  await domain.clock.advance(59_999);
  await domain.failure();
  await domain.clock.advance(1);
  assertEquals(await domain.session(), ["a.example 192.0.2.1 25 connect"]);
});

Deno.test("discovered: answers are used for their time, or for five minutes", async () => {
  for (const [ttl, used] of [[120, 120], [undefined, 300], [0, 5], [1e9, 86_400]] as const) {
    const domain = new Domain();
    domain.has({ "a.example": ["192.0.2.1"] }, ttl);
    await domain.session();
    domain.resolver.asked.length = 0;
    await domain.clock.advance(used * 1_000 - 1);
    await domain.session();
    assertEquals(domain.resolver.asked.includes("mx example"), false, `${ttl}`);
    await domain.clock.advance(1);
    await Promise.all([domain.session(), domain.session()]);
    assertEquals(domain.resolver.asked.filter((question) => question === "mx example").length, 1);
  }
});

Deno.test("discovered: other records are other members; who stays keeps what is known of him", async () => {
  const domain = new Domain();
  domain.has({ "a.example": ["192.0.2.1"], "b.example": ["192.0.2.2"] }, 60);
  await domain.session();
  const a = domain.fakes.get("192.0.2.1")!;
  a.fails = "unreachable";
  await domain.session();
  domain.has({ "a.example": ["192.0.2.1"], "c.example": ["192.0.2.3"] }, 60);
  const b = domain.fakes.get("192.0.2.2")!;
  await domain.clock.advance(60_000);
  domain.called();
  assertEquals(await domain.session(), [
    // Its time is over, so it is asked.
    ...["a.example 192.0.2.1 25 probe", "c.example 192.0.2.3 25 connect"],
  ]);
  await settle();
  assertEquals([a.closed, b.closed], [false, true]);
  assertEquals(domain.fakes.get("192.0.2.1"), a);
});

Deno.test("discovered: while there is no answer the last one stays in use", async () => {
  const domain = new Domain();
  domain.has({ "a.example": ["192.0.2.1"] });
  await domain.session();
  domain.resolver.failing = true;
  await domain.clock.advance(3_600_000);
  assertEquals(await domain.session(), ["a.example 192.0.2.1 25 connect"]);
  // Not everybody asks again.
  domain.resolver.asked.length = 0;
  await domain.clock.advance(9_999);
  await domain.session();
  assertEquals(domain.resolver.asked, []);
  await domain.clock.advance(1);
  await domain.session();
  assertEquals(domain.resolver.asked[0], "mx example");
});

Deno.test("discovered: a name server that does not answer costs five seconds", async () => {
  const domain = new Domain({ by: "srv" });
  domain.resolver.stalled = true;
  const failing = domain.failure();
  await domain.clock.advance(5_000);
  const { kind, message } = await failing;
  assertEquals(kind, "unreachable");
  assertStringIncludes(message, "Cannot find the servers of example: Timed out after 5000 ms");
  assertEquals((await domain.failure()).message, message);
  assertEquals(domain.clock.timers, 0);
});

Deno.test("discovered: without MX records the domain itself, until there are some", async () => {
  const domain = new Domain();
  domain.resolver.addressRecords["example/4"] = ["192.0.2.9"];
  assertEquals(await domain.session(), ["example 192.0.2.9 25 connect"]);
  domain.has({ "a.example": ["192.0.2.1"] });
  await domain.clock.advance(10_000);
  assertEquals(await domain.session(), ["a.example 192.0.2.1 25 connect"]);
  assertEquals(domain.fakes.get("192.0.2.9")!.closed, true);
});

Deno.test("discovered: a domain that cannot be found at all", async () => {
  const { kind, message } = await new Domain().failure();
  assertEquals(kind, "unreachable");
  assertEquals(
    message,
    "example:25: Cannot find the servers of example: Found no address of example",
  );
});

Deno.test("discovered: closing calls a question off", async () => {
  const domain = new Domain();
  domain.resolver.stalled = true;
  const failing = domain.failure();
  await settle();
  await domain.upstream.close();
  await failing;
  assertEquals(domain.clock.timers, 0);
});

Deno.test("discovered: a real name server, and a real connection", async () => {
  await using server = await startScripted();
  const port = Number(new URL(server.url).port);
  const records: Records = {
    [`_smtp._tcp.example/${TYPE.SRV}`]: [
      [...short(0), ...short(1), ...short(port), ...nameOctets("a.example")],
    ],
    [`a.example/${TYPE.A}`]: [[127, 0, 0, 1]],
  };
  await withNameServer(records, async (at) => {
    const upstream = discoveredUpstream("smtp+srv://_smtp._tcp.example", {
      ...{ by: "srv", domain: "_smtp._tcp.example", resolver: resolverAt(at) },
      connect: ({ address, port }) =>
        smtpUpstream({
          target: { transport: "tcp", host: address, port },
          dialer: denoDialer,
          tls: { mode: "none" },
        }),
    });
    const link = await upstream.connect(session, never);
    assertEquals(link.usable, true);
    await link.quit();
    await upstream.close();
  });
});
