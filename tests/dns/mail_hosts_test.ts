import { assertEquals, assertRejects } from "@std/assert";
import { hostAddresses, type MailHosts, mxHosts, srvHosts } from "../../src/dns/mail_hosts.ts";
import type { MxRecord, SrvRecord } from "../../src/dns/resolver.ts";
import { FakeMailResolver } from "./_resolver.ts";

const { signal } = new AbortController();

/** Lots in this order, again and again. */
function lots(...numbers: number[]): () => number {
  let nth = 0;
  return () => numbers[nth++ % numbers.length];
}

function mx(
  records: readonly MxRecord[] | undefined,
  { own = "", random = lots(0) }: { own?: string; random?: () => number } = {},
): Promise<MailHosts> {
  const resolver = new FakeMailResolver();
  if (records !== undefined) resolver.mxRecords["example"] = records;
  return mxHosts(resolver, "example", { port: 25, own, random }, signal);
}

function srv(records: readonly SrvRecord[], random = lots(0)): Promise<MailHosts> {
  const resolver = new FakeMailResolver();
  resolver.srvRecords["_smtp._tcp.example"] = records;
  return srvHosts(resolver, "_smtp._tcp.example", random, signal);
}

const names = ({ hosts }: MailHosts) => hosts.map(({ host, priority }) => `${priority} ${host}`);

Deno.test("mail hosts: MX records by preference, equal ones in random order", async () => {
  const records = [
    { preference: 20, exchange: "c.example." },
    { preference: 10, exchange: "A.example" },
    { preference: 10, exchange: "b.example." },
  ];
  assertEquals(names(await mx(records, { random: lots(0.1, 0.2, 0.3) })), [
    ...["10 a.example", "10 b.example", "20 c.example"],
  ]);
  assertEquals(names(await mx(records, { random: lots(0.2, 0.1, 0.3) })), [
    ...["10 b.example", "10 a.example", "20 c.example"],
  ]);
});

Deno.test("mail hosts: without MX records the domain itself, as a guess where that is not known", async () => {
  const implicit = [{ host: "example", port: 25, priority: 0, weight: 1 }];
  assertEquals(await mx([]), { hosts: implicit });
  assertEquals(await mx(undefined), { hosts: implicit, guessed: true });
});

Deno.test("mail hosts: a null MX is no mail, beside others it is nothing", async () => {
  for (const exchange of [".", ""]) {
    const none = { preference: 0, exchange };
    assertEquals((await mx([none])).hosts, []);
    assertEquals(names(await mx([none, { preference: 1, exchange: "a.example" }])), [
      "1 a.example",
    ]);
  }
});

Deno.test("mail hosts: where we are among them, only those that come before us", async () => {
  const records = ["a", "b", "us", "c", "d"].map((name, nth) => ({
    preference: [10, 20, 20, 20, 30][nth],
    exchange: `${name}.example`,
  }));
  assertEquals(names(await mx(records, { own: "US.example" })), ["10 a.example"]);
  await assertRejects(() => mx(records, { own: "a.example" }), RangeError, "MX records of example");
});

Deno.test("mail hosts: what is no host name is left out", async () => {
  const exchanges = [
    "192.0.2.1",
    "a b.example",
    "a..example",
    "x\r\ny.example",
    `${"a".repeat(64)}.x`,
  ];
  const records = exchanges.map((exchange) => ({ preference: 1, exchange }));
  await assertRejects(() => mx(records), RangeError, "nothing that can be used");
  assertEquals(names(await mx([...records, { preference: 9, exchange: "a.example" }])), [
    "9 a.example",
  ]);
});

Deno.test("mail hosts: 20 of a domain, the first by preference, each once", async () => {
  const records = Array.from({ length: 50 }, (_, nth) => ({
    preference: 50 - nth,
    exchange: `mx${50 - nth}.example`,
  }));
  const hosts = names(await mx([...records, { preference: 60, exchange: "mx1.example" }]));
  assertEquals(hosts, Array.from({ length: 20 }, (_, nth) => `${nth + 1} mx${nth + 1}.example`));
});

Deno.test("mail hosts: answers hold as long as the record that runs out first", async () => {
  const record = { preference: 1, exchange: "a.example" };
  assertEquals((await mx([{ ...record, ttl: 300 }, { ...record, ttl: 60 }, record])).ttl, 60);
  assertEquals((await mx([record])).ttl, undefined);
});

Deno.test("mail hosts: SRV records with port, priority and weight", async () => {
  const { hosts } = await srv([
    { target: "b.example.", port: 587, priority: 2, weight: 0 },
    { target: "a.example.", port: 2525, priority: 1, weight: 30 },
    { target: "a.example.", port: 0, priority: 1, weight: 30 },
  ]);
  assertEquals(hosts, [
    { host: "a.example", port: 2525, priority: 1, weight: 30 },
    { host: "b.example", port: 587, priority: 2, weight: 0.1 },
  ]);
  assertEquals((await srv([{ target: ".", port: 0, priority: 0, weight: 0 }])).hosts, []);
  await assertRejects(() => srv([]), RangeError, "SRV records of _smtp._tcp.example");
});

Deno.test("mail hosts: addresses of both families in turn, at most 10, each once", async () => {
  const resolver = new FakeMailResolver();
  const addresses = async () => {
    const { hosts } = await hostAddresses(resolver, { host: "mx.example", port: 26 }, signal);
    assertEquals(hosts.every(({ port, weight }) => port === 26 && weight === 1), true);
    return hosts.map(({ host, priority }) => `${priority} ${host}`);
  };
  await assertRejects(addresses, RangeError, "no address of mx.example");
  resolver.addressRecords["mx.example/4"] = ["192.0.2.1", "192.0.2.2", "192.0.2.1"];
  assertEquals(await addresses(), ["0 192.0.2.1", "1 192.0.2.2"]);
  resolver.addressRecords["mx.example/6"] = ["2001:db8::1"];
  assertEquals(await addresses(), ["0 2001:db8::1", "1 192.0.2.1", "2 192.0.2.2"]);
  resolver.addressRecords["mx.example/4"] = Array.from(
    { length: 99 },
    (_, nth) => `192.0.2.${nth}`,
  );
  assertEquals((await addresses()).length, 10);
  resolver.addressRecords["mx.example/4"] = resolver.addressRecords["mx.example/6"] = [];
  await assertRejects(addresses, RangeError);
});
