/** What filters that speak to a program over a socket have in common. */

import { assertEquals, assertRejects } from "@std/assert";
import { memoryPair } from "../../src/adapters/memory.ts";
import { encode } from "../../src/bytes.ts";
import { type Channel, ChannelError } from "../../src/channel.ts";
import { type Answer, converse, type Protocol } from "../../src/content/conversation.ts";
import { deferred } from "../../src/deferred.ts";
import { Feed, Incomplete } from "../../src/message/feed.ts";
import { FakeClock } from "../_clock.ts";
import { rest } from "../_peer.ts";
import { LINE, readThrough, target } from "./_program.ts";

const protocol: Protocol = { opening: encode("HELLO\n"), until: 0x0a, most: 100 };

class Talk {
  readonly over = new AbortController();
  readonly feed = new Feed({ clock: new FakeClock(), patience: 1_000, signal: this.over.signal });
  readonly end: Channel;
  readonly answer: Promise<Answer>;

  /** @param change Makes the client's end behave in another way. */
  constructor(change: (client: Channel) => Partial<Channel> = () => ({})) {
    const [client, server] = memoryPair();
    this.end = server;
    const changed = Object.assign(client, change(client));
    const dialer = { connect: () => Promise.resolve(changed) };
    this.answer = converse({ dialer, target }, this.feed, protocol);
    this.answer.catch(() => {});
  }
}

Deno.test("an answer in the middle: nothing more is said, and the message does not wait", async () => {
  const talk = new Talk();
  talk.feed.give(encode(LINE));
  await rest();
  await talk.end.write(encode("ENOUGH\n"));
  const { octets, given, complete } = await talk.answer;
  const said = [new TextDecoder().decode(octets), given, complete];
  assertEquals(said, ["ENOUGH", LINE.length, false]);
  // Of a reader that has not gone these would be too many to hold.
  for (let nth = 0; nth < 10; nth++) await talk.feed.give(encode(LINE.repeat(1_000)));
  talk.feed.end();
  assertEquals(await readThrough(talk.end), `HELLO\n${LINE}`);
});

Deno.test("what was said before the connection broke counts", async () => {
  const heard = deferred<Uint8Array>();
  const talk = new Talk(() => ({
    write: () => Promise.reject(new ChannelError("broken", "Broken pipe")),
    read: () => heard.promise,
  }));
  await rest();
  heard.resolve(encode("FOUND\n"));
  assertEquals(new TextDecoder().decode((await talk.answer).octets), "FOUND");
  talk.feed.end();
});

Deno.test("a message that breaks off ends the conversation, and not as if it were whole", async () => {
  let ended = false;
  const talk = new Talk(() => ({ closeWrite: () => Promise.resolve(void (ended = true)) }));
  talk.feed.give(encode(LINE));
  await rest();
  talk.feed.fail();
  await assertRejects(() => talk.answer, Incomplete);
  assertEquals(ended, false);
});

Deno.test("who is not waited for any more hangs up, at any moment", async () => {
  const early = new AbortController();
  early.abort();
  const feed = new Feed({ clock: new FakeClock(), patience: 1_000, signal: early.signal });
  const [client, server] = memoryPair();
  const dialer = { connect: () => Promise.resolve(client) };
  await assertRejects(() => converse({ dialer, target }, feed, protocol), ChannelError);
  assertEquals(await server.read(), undefined);

  const talk = new Talk();
  await rest();
  talk.over.abort();
  await assertRejects(() => talk.answer, ChannelError);
  assertEquals(await readThrough(talk.end), "HELLO\n");
});
