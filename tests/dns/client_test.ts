/**
 * A name server that is asked over TCP or HTTPS.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { memoryPair } from "../../src/adapters/memory.ts";
import type { Channel, Dialer, SocketTarget } from "../../src/channel.ts";
import { TimeoutError } from "../../src/clock.ts";
import { httpsNameClient, nameClient } from "../../src/dns/client.ts";
import { RecordError } from "../../src/dns/records.ts";
import { ReplyError } from "../../src/dns/wire.ts";
import { FakeClock } from "../_clock.ts";
import { short } from "./_name_server.ts";

const SERVER: SocketTarget = { transport: "tcp", host: "127.0.0.1", port: 53 };
const never = new AbortController().signal;

/** The reply to any question: one TXT record, or a response code. */
function replyTo(question: Uint8Array, code = 0): Uint8Array {
  const answer = [0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 4, 3, 0x79, 0x65, 0x73];
  return new Uint8Array([
    ...[...question.subarray(0, 2), 0x81, 0x80 | code, 0, 1, 0, code === 0 ? 1 : 0, 0, 0, 0, 0],
    ...question.subarray(12),
    ...code === 0 ? answer : [],
  ]);
}

/** Who serves each connection. */
function dialerTo(
  serve: (channel: Channel) => Promise<void>,
): Dialer & { served: Promise<void>[] } {
  const served: Promise<void>[] = [];
  return {
    served,
    connect: () => {
      const [near, far] = memoryPair();
      served.push(serve(far));
      return Promise.resolve(near);
    },
  };
}

async function answer(channel: Channel, replies: (question: Uint8Array) => Uint8Array[]) {
  const question = (await channel.read())!;
  assertEquals(question[0] << 8 | question[1], question.length - 2);
  for (const piece of replies(question.slice(2))) await channel.write(piece);
  // Until the client is gone.
  assertEquals(await channel.read(), undefined);
  channel.close();
}

const framed = (reply: Uint8Array): Uint8Array =>
  new Uint8Array([...short(reply.length), ...reply]);

Deno.test("over TCP, however the reply is cut", async () => {
  const cuts: readonly ((reply: Uint8Array) => Uint8Array[])[] = [
    (reply) => [reply],
    (reply) => [reply.subarray(0, 1), reply.subarray(1)],
    (reply) => Array.from(reply, (octet) => Uint8Array.of(octet)),
  ];
  for (const cut of cuts) {
    const dialer = dialerTo((channel) => answer(channel, (asked) => cut(framed(replyTo(asked)))));
    const client = nameClient(dialer, SERVER);
    assertEquals(await client.records("x.example", "TXT", never), [["yes"]]);
    await Promise.all(dialer.served);
  }
});

Deno.test("over TCP, a server that has nothing, fails, or breaks off", async () => {
  const cases: readonly [
    (asked: Uint8Array) => Uint8Array[],
    typeof RecordError | typeof ReplyError,
  ][] = [
    [(asked) => [framed(replyTo(asked, 3))], RecordError],
    [(asked) => [framed(replyTo(asked, 2))], RecordError],
    [() => [framed(new Uint8Array(0))], ReplyError],
  ];
  for (const [replies, error] of cases) {
    const dialer = dialerTo((channel) => answer(channel, replies));
    const client = nameClient(dialer, SERVER);
    const thrown = await assertRejects(() => client.records("x.example", "TXT", never));
    assertEquals(thrown instanceof error, true, String(thrown));
    await Promise.all(dialer.served);
  }
  const dialer = dialerTo(async (channel) => {
    await channel.read();
    await channel.write(Uint8Array.of(0, 20, 1));
    channel.close();
  });
  const client = nameClient(dialer, SERVER);
  await assertRejects(() => client.records("x.example", "TXT", never));
  await Promise.all(dialer.served);
});

Deno.test("a server that says nothing is given up, at the latest when nobody waits", async () => {
  const silent = () =>
    dialerTo(async (channel) => {
      while (await channel.read().catch(() => undefined) !== undefined);
      channel.close();
    });
  const clock = new FakeClock();
  const dialer = silent();
  const asked = nameClient(dialer, SERVER, { clock }).records("x.example", "TXT", never);
  await Promise.all([clock.advance(5_000), assertRejects(() => asked, TimeoutError)]);
  await Promise.all(dialer.served);

  const other = silent();
  const over = new AbortController();
  const unwanted = nameClient(other, SERVER, { clock }).records("x.example", "TXT", over.signal);
  over.abort();
  await assertRejects(() => unwanted);
  await Promise.all(other.served);
});

Deno.test("over HTTPS", async () => {
  const client = (answer: (question: Uint8Array) => Response) =>
    httpsNameClient("https://dns.example/dns-query", {}, async (input, init) => {
      const request = new Request(input as string, init);
      assertEquals(request.headers.get("content-type"), "application/dns-message");
      return answer(new Uint8Array(await request.arrayBuffer()));
    });
  const bodyOf = (octets: Uint8Array) => new Response(octets as Uint8Array<ArrayBuffer>);
  const good = client((asked) => bodyOf(replyTo(asked)));
  assertEquals(await good.records("x.example", "TXT", never), [["yes"]]);
  const missing = client((asked) => bodyOf(replyTo(asked, 3)));
  const error = await assertRejects(() => missing.records("x.example", "TXT", never), RecordError);
  assertEquals(error.code, "ENOTFOUND");
  for (
    const wrong of [
      client(() => new Response("No", { status: 503 })),
      client(() => bodyOf(new Uint8Array(65_536))),
      client(() => new Response(null)),
    ]
  ) {
    await assertRejects(() => wrong.records("x.example", "TXT", never), ReplyError);
  }
});
