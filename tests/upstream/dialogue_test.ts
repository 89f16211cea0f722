import { assertEquals, assertRejects } from "@std/assert";
import { decodeStrict, encode } from "../../src/bytes.ts";
import { type Address, type Channel, ChannelError } from "../../src/channel.ts";
import { type Deferred, deferred } from "../../src/deferred.ts";
import type { Reply } from "../../src/rfc5321/reply.ts";
import { Scratch } from "../../src/scratch.ts";
import { UpstreamFailure } from "../../src/session/upstream.ts";
import { Dialogue } from "../../src/upstream/smtp/dialogue.ts";
import { FakeClock, settle } from "../_clock.ts";

const nowhere: Address = { transport: "memory", name: "server" };
const WRITE_TIMEOUT = 10_000;

/** A server whose every octet and every write is the test's. */
class Server implements Channel {
  readonly localAddress = nowhere;
  readonly remoteAddress = nowhere;
  /** What has been written, a write each. */
  readonly writes: string[] = [];
  /** The write under way. */
  #write: Deferred<void> | undefined;
  #read: Deferred<Uint8Array | undefined> | undefined;

  read(): Promise<Uint8Array | undefined> {
    this.#read = deferred();
    return this.#read.promise;
  }

  write(octets: Uint8Array): Promise<void> {
    assertEquals(this.#write, undefined, "a second write while one is under way");
    this.writes.push(decodeStrict(octets)!);
    this.#write = deferred();
    return this.#write.promise;
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    const closed = new ChannelError("closed", "Closed");
    this.#read?.reject(closed);
    this.#write?.reject(closed);
  }

  /** Ends the write under way, in which this has been written. */
  async take(expected: string): Promise<void> {
    await settle();
    assertEquals(this.writes.splice(0), [expected]);
    const write = this.#write!;
    this.#write = undefined;
    write.resolve();
    await settle();
  }

  async say(text: string): Promise<void> {
    this.#read!.resolve(encode(text));
    await settle();
  }
}

function dialogue(name: string, play: (dialogue: Dialogue, bench: Bench) => Promise<void>): void {
  Deno.test(`dialogue: ${name}`, async () => {
    const bench = { clock: new FakeClock(), server: new Server() };
    const dialogue = new Dialogue(bench.server, bench.clock, WRITE_TIMEOUT);
    dialogue.pipelining = true;
    await play(dialogue, bench);
    dialogue.fail(new UpstreamFailure("aborted", "The test is over"));
    await dialogue.done;
    await settle();
    assertEquals([bench.clock.timers, dialogue.open, dialogue.quiet], [0, false, true]);
    assertEquals(dialogue.written, undefined);
  });
}

interface Bench {
  readonly clock: FakeClock;
  readonly server: Server;
}

const wait = { milliseconds: 1_000, waitedFor: "a reply" };

/** How it ends: a code, or the kind of its failure. */
function outcome(reply: Promise<{ readonly code: number }>): Promise<number | string> {
  return reply.then(({ code }) => code, (error: UpstreamFailure) => error.kind);
}

/** Whether it has come about by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  await settle();
  const pending = {};
  return await Promise.race([promise, Promise.resolve(pending)]).catch(() => {}) !== pending;
}

dialogue("commands of one turn leave together, later ones behind them", async (it, { server }) => {
  const replies = [it.send("MAIL", wait), it.send("RCPT", wait)];
  await settle();
  replies.push(it.send("NOOP", wait));
  await settle();
  replies.push(it.send("RSET", wait));
  await server.take("MAIL\r\nRCPT\r\n");
  await server.take("NOOP\r\nRSET\r\n");
  await server.say("250 a\r\n251 b\r\n252 c\r\n2");
  await server.say("53 d\r\n");
  assertEquals(await Promise.all(replies.map(outcome)), [250, 251, 252, 253]);
});

dialogue("mail data and commands keep their order, one write at a time", async (it, { server }) => {
  const replies = [it.send("NOOP", wait)];
  const written = it.write(encode("first"));
  await server.take("NOOP\r\n");
  await settle();
  replies.push(it.send("RSET", wait));
  assertEquals(await settled(written), false);
  await server.take("first");
  await written;
  it.push(new Scratch().text("second"));
  replies.push(it.expect(wait));
  replies.push(it.send("QUIT", wait));
  await server.take("RSET\r\n");
  await server.take("secondQUIT\r\n");
  await server.say("250 a\r\n251 b\r\n252 c\r\n221 d\r\n");
  assertEquals(await Promise.all(replies.map(outcome)), [250, 251, 252, 221]);
});

dialogue("a reply may come before all of it has left", async (it, { server }) => {
  it.push(new Scratch().text("octets"));
  const reply = it.expect(wait, ({ code }) => Promise.resolve(it.written).then(() => code));
  await server.say("552 Too much\r\n");
  assertEquals(await settled(reply), false);
  await server.take("octets");
  assertEquals(await reply, 552);
});

dialogue(
  "commands that wait for replies go before what is said to those",
  async (it, { server }) => {
    it.pipelining = false;
    // What is said to the first reply comes behind what has been said before.
    const replies: Promise<Reply>[] = [];
    const quit = (reply: Reply): Reply => {
      replies.push(it.send("QUIT", wait));
      return reply;
    };
    replies.push(it.send("MAIL", wait, quit), it.send("RCPT", wait));
    await server.take("MAIL\r\n");
    await server.say("250 a\r\n");
    await server.take("RCPT\r\n");
    await server.say("251 b\r\n");
    await server.take("QUIT\r\n");
    await server.say("221 c\r\n");
    assertEquals(await Promise.all(replies.map(outcome)), [250, 251, 221]);
  },
);

dialogue("what cannot be made of a reply is told to who waits for it", async (it, { server }) => {
  const taken = it.send("NOOP", wait, () => {
    throw new RangeError("No such thing");
  });
  const next = it.send("RSET", wait);
  const rejected = assertRejects(() => taken, RangeError);
  await server.take("NOOP\r\nRSET\r\n");
  await server.say("250 a\r\n251 b\r\n");
  await rejected;
  assertEquals(await outcome(next), 251);
});

dialogue("each reply has its time from the one before it", async (it, { server, clock }) => {
  const outcomes = [
    outcome(it.send("MAIL", wait)),
    outcome(it.send("RCPT", { ...wait, milliseconds: 2_000 })),
  ];
  await server.take("MAIL\r\nRCPT\r\n");
  await clock.advance(900);
  // Nothing of what is said meanwhile gives the first more time.
  outcomes.push(outcome(it.send("NOOP", wait)));
  await server.take("NOOP\r\n");
  await clock.advance(99);
  await server.say("250 a\r\n");
  await clock.advance(1_999);
  assertEquals(it.open, true);
  await clock.advance(1);
  assertEquals(await Promise.all(outcomes), [250, "timeout", "timeout"]);
});

dialogue("a write has its time", async (it, { clock }) => {
  const written = it.write(encode("octets"));
  const rejected = assertRejects(() => written, UpstreamFailure);
  await clock.advance(WRITE_TIMEOUT);
  assertEquals((await rejected).kind, "timeout");
});

dialogue("its end is told to everybody who waits", async (it, { server }) => {
  const replies = [it.send("MAIL", wait)];
  await settle();
  replies.push(it.send("RCPT", wait));
  const writes = [it.write(encode("octets"))];
  const failures = [...replies, ...writes].map((one) => assertRejects(() => one, UpstreamFailure));
  await settle();
  server.close();
  const kinds = (await Promise.all(failures)).map(({ kind }) => kind);
  assertEquals(kinds, ["lost", "lost", "lost"]);
  assertEquals(await outcome(it.send("NOOP", wait)), "lost");
  assertEquals((await assertRejects(() => it.write(encode("x")), UpstreamFailure)).kind, "lost");
  it.push(new Scratch().text("nobody reads it"));
  assertEquals(server.writes, ["MAIL\r\n"]);
});

Deno.test("dialogue: a channel's own mistake is told to whoever waits, at once", async () => {
  const channel: Channel = {
    localAddress: nowhere,
    remoteAddress: nowhere,
    read: () => new Promise(() => {}),
    write: () => Promise.reject(new TypeError("Odd")),
    closeWrite: () => Promise.resolve(),
    close: () => {},
  };
  const clock = new FakeClock();
  const dialogue = new Dialogue(channel, clock, 10_000);
  const reply = dialogue.send("NOOP", { milliseconds: 1_000, waitedFor: "a reply" });
  await assertRejects(() => reply, UpstreamFailure, "Odd");
  assertEquals([dialogue.open, dialogue.written, clock.timers], [false, undefined, 0]);
});
