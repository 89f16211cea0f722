import { assertEquals } from "@std/assert";
import { confirmedName } from "../../src/dns/resolver.ts";
import { FakeResolver, type Zone } from "./_resolver.ts";

const CLIENT = "192.0.2.1";
const own = [CLIENT];
const label = "a".repeat(63);

interface Row {
  readonly what: string;
  readonly zone: Zone;
  readonly address?: string;
  readonly name: string | undefined;
  /** Forward questions, where they matter. */
  readonly asked?: readonly string[];
}

const rows: readonly Row[] = [
  {
    what: "a name that leads back, with its full stop, in any case",
    zone: { [CLIENT]: ["MX.Example."], "mx.example": ["192.0.2.9", CLIENT] },
    name: "mx.example",
    asked: ["mx.example/4"],
  },
  {
    what: "a name that leads elsewhere",
    zone: { [CLIENT]: ["mx.bank.example."], "mx.bank.example": ["192.0.2.9"] },
    name: undefined,
    asked: ["mx.bank.example/4"],
  },
  {
    what: "a name without addresses",
    zone: { [CLIENT]: ["mx.example"], "mx.example": [] },
    name: undefined,
  },
  {
    what: "addresses that are none",
    zone: { [CLIENT]: ["mx.example"], "mx.example": ["", "192.0.2.1.", " 192.0.2.1", "mx"] },
    name: undefined,
  },
  { what: "no PTR records", zone: { [CLIENT]: [] }, name: undefined, asked: [] },
  { what: "a reverse lookup that fails", zone: {}, name: undefined, asked: [] },
  {
    what: "the first name that leads back, behind those that fail or lead elsewhere",
    zone: {
      [CLIENT]: ["gone.example", "b.example", "c.example", "d.example"],
      "b.example": ["192.0.2.9"],
      "c.example": own,
      "d.example": own,
    },
    name: "c.example",
    asked: ["gone.example/4", "b.example/4", "c.example/4"],
  },
  {
    what: "the fifth name is the last that is looked at",
    zone: { [CLIENT]: ["a.x", "b.x", "c.x", "d.x", "e.x", "f.x"], "f.x": own },
    name: undefined,
    asked: ["a.x/4", "b.x/4", "c.x/4", "d.x/4", "e.x/4"],
  },
  {
    what: "IPv6, however it is written",
    address: "2001:db8::1",
    zone: { "2001:db8::1": ["mx.example"], "mx.example": ["2001:DB8:0:0:0:0:0:1"] },
    name: "mx.example",
    asked: ["mx.example/6"],
  },
  {
    what: "an IPv4-mapped address is one of IPv4",
    address: "::ffff:192.0.2.1",
    zone: { "::ffff:192.0.2.1": ["mx.example"], "mx.example": own },
    name: "mx.example",
    asked: ["mx.example/4"],
  },
];

Deno.test("names: confirmed or none", async (t) => {
  for (const { what, zone, address = CLIENT, name, asked } of rows) {
    await t.step(what, async () => {
      const resolver = new FakeResolver(zone);
      const found = await confirmedName(resolver, address, new AbortController().signal);
      assertEquals(found, name);
      assertEquals(resolver.asked[0], address);
      if (asked !== undefined) assertEquals(resolver.asked.slice(1), asked);
    });
  }
});

Deno.test("names: what is no host name is not asked about", async () => {
  const junk = [
    ...["", ".", "..", "a..b", ".a", "-a.example", "a-.example", "a_b.example", "a b.example"],
    ...["*.example", "a.example..", "a\n", "a\r\nb.example", "ü.example", "ſ.example", "a\0"],
    ...["192.0.2.1", "192.0.2.1.", "a.1", "1", "[192.0.2.1]", `${label}a.example`],
    ...[`${label}.`.repeat(4) + "example"],
  ];
  for (const name of junk) {
    const resolver = new FakeResolver({ [CLIENT]: [name], [name]: own });
    const found = await confirmedName(resolver, CLIENT, new AbortController().signal);
    assertEquals([found, resolver.asked], [undefined, [CLIENT]], JSON.stringify(name));
  }
  const good = ["a", "localhost", "1.example", "a--b.xn--c", `${label}.example`, "4u"];
  for (const name of good) {
    const resolver = new FakeResolver({ [CLIENT]: [name], [name]: own });
    assertEquals(await confirmedName(resolver, CLIENT, new AbortController().signal), name);
  }
});

Deno.test("names: nothing is asked about what is no address", async () => {
  for (const address of ["", "mx.example", "fe80::1%eth0", "192.0.2.01"]) {
    const resolver = new FakeResolver({ [address]: ["mx.example"], "mx.example": own });
    const found = await confirmedName(resolver, address, new AbortController().signal);
    assertEquals([found, resolver.asked], [undefined, []], address);
  }
});

Deno.test("names: a resolver that does not mind its signal is left", async () => {
  for (const stalled of [CLIENT, "mx.example"]) {
    const resolver = new FakeResolver({ [CLIENT]: ["mx.example", "b.example"], "b.example": own });
    resolver.stalled.add(stalled);
    const control = new AbortController();
    const name = confirmedName(resolver, CLIENT, control.signal);
    await Promise.resolve();
    control.abort();
    assertEquals(await name, undefined);
    const asked = resolver.asked.length;
    assertEquals(await confirmedName(resolver, CLIENT, control.signal), undefined);
    assertEquals(resolver.asked.length, asked);
  }
});

Deno.test("names: a resolver that throws at once fails like one that rejects", async () => {
  const broken = () => {
    throw new Error("Not allowed");
  };
  const { signal } = new AbortController();
  const addresses = { reverse: () => Promise.resolve(["mx.example"]), addresses: broken };
  assertEquals(await confirmedName(addresses, CLIENT, signal), undefined);
  assertEquals(await confirmedName({ ...addresses, reverse: broken }, CLIENT, signal), undefined);
});
