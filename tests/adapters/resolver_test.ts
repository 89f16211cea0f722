import { assertEquals, assertRejects } from "@std/assert";
import { createSocket } from "node:dgram";
import { resolverAt } from "../../src/adapters/deno/resolver.ts";
import { encode } from "../../src/bytes.ts";
import { confirmedName, type Resolver } from "../../src/dns/resolver.ts";

const PTR = 12;
const A = 1;
const AAAA = 28;

/** Answers: the name and the type that are asked for, and the data of the record. */
const records: Readonly<Record<string, readonly number[]>> = {
  [`1.2.0.192.in-addr.arpa/${PTR}`]: [2, ...encode("MX"), 7, ...encode("example"), 0],
  [`mx.example/${A}`]: [192, 0, 2, 1],
  [`mx.example/${AAAA}`]: [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
};

/** The reply to one question (RFC 1035 §4.1); NXDOMAIN for what is not among the records. */
function replyTo(query: Uint8Array): Uint8Array {
  const labels: string[] = [];
  let at = 12;
  for (; query[at] > 0; at += 1 + query[at]) {
    labels.push(new TextDecoder().decode(query.subarray(at + 1, at + 1 + query[at])));
  }
  const type = query[at + 2];
  const data = records[`${labels.join(".").toLowerCase()}/${type}`];
  const flags = data === undefined ? [0x81, 0x83] : [0x81, 0x80];
  const counts = [0, 1, 0, data === undefined ? 0 : 1, 0, 0, 0, 0];
  const answer = data && [0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length, ...data];
  return new Uint8Array([
    ...query.subarray(0, 2),
    ...flags,
    ...counts,
    ...query.subarray(12, at + 5),
    ...answer ?? [],
  ]);
}

/** Runs a test against a name server, which may be one that never answers. */
async function withServer(silent: boolean, play: (resolver: Resolver) => Promise<void>) {
  const server = createSocket("udp4");
  server.on("message", (query, { port, address }) => {
    if (!silent) server.send(replyTo(query), port, address);
  });
  await new Promise<void>((resolve) => {
    server.bind(0, "127.0.0.1", resolve);
  });
  await play(resolverAt({ ipAddr: "127.0.0.1", port: server.address().port }));
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}

Deno.test("resolver: PTR, A and AAAA records", async () => {
  await withServer(false, async (resolver) => {
    const { signal } = new AbortController();
    assertEquals(await resolver.addresses("mx.example", 4, signal), ["192.0.2.1"]);
    assertEquals(await resolver.addresses("mx.example", 6, signal), ["2001:db8::1"]);
    assertEquals(await confirmedName(resolver, "192.0.2.1", signal), "mx.example");
    assertEquals(await confirmedName(resolver, "192.0.2.2", signal), undefined);
    await assertRejects(() => resolver.addresses("gone.example", 4, signal));
  });
});

Deno.test("resolver: a name server that does not answer is left at the signal", async () => {
  await withServer(true, async (resolver) => {
    const control = new AbortController();
    const asked = resolver.addresses("mx.example", 4, control.signal);
    control.abort();
    await assertRejects(() => asked);
  });
});
