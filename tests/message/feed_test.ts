import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { concat, encode } from "../../src/bytes.ts";
import { TimeoutError } from "../../src/clock.ts";
import { Feed, Incomplete, TooMuch } from "../../src/message/feed.ts";
import { FakeClock, settle } from "../_clock.ts";

const PATIENCE = 1_000;

function feedWith(clock = new FakeClock()): Feed {
  return new Feed({ clock, patience: PATIENCE, signal: new AbortController().signal });
}

async function all(stream: ReadableStream<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return new TextDecoder().decode(concat(pieces));
}

Deno.test("feed: each reader gets all of it, from the beginning, in memory of its own", async () => {
  const feed = feedWith();
  const first = all(feed.stream());
  const octets = encode("one ");
  feed.give(octets);
  octets.fill(0);
  const second = feed.stream();
  feed.give(encode("two"));
  feed.end();
  const third = feed.stream().getReader();
  const { value } = await third.read();
  value!.fill(0);
  await third.cancel();
  assertEquals([await first, await all(second)], ["one two", "one two"]);
  await feed.ended;
});

Deno.test("feed: once its beginning is passed on, nobody can read it any more", () => {
  const feed = feedWith();
  feed.give(encode("one"));
  feed.release();
  assertThrows(() => feed.stream(), TypeError, "its beginning has been passed on");
  assertEquals(feed.give(new Uint8Array(1_000_000)), undefined);
});

Deno.test("feed: it waits for the slowest, and holds no more than 64 KiB for it", async () => {
  const feed = feedWith();
  const fast = feed.stream().getReader();
  const slow = feed.stream().getReader();
  feed.release();
  const piece = new Uint8Array(40_000);
  assertEquals(feed.give(piece), undefined);
  const waiting = feed.give(piece)!;
  let waits = true;
  const over = waiting.then(() => waits = false);
  for (let nth = 0; nth < 2; nth++) await fast.read();
  await settle();
  assertEquals(waits, true);
  assertEquals((await slow.read()).value?.length, 65_536);
  await over;
  assertEquals((await slow.read()).value?.length, 2 * piece.length - 65_536);
  await Promise.all([fast.cancel(), slow.cancel()]);
});

Deno.test("feed: a piece larger than what may wait, for a reader that takes it at once", async () => {
  for (const size of [65_536, 1_000_000]) {
    const feed = feedWith();
    const reading = all(feed.stream());
    await feed.give(encode("x".repeat(size)));
    await feed.give(encode("end"));
    feed.end();
    assertEquals((await reading).length, size + 3);
  }
});

Deno.test("feed: what has come before it began, for whoever reads from the beginning", async () => {
  const beginning = encode("x".repeat(100_000));
  const feed = new Feed({
    clock: new FakeClock(),
    patience: PATIENCE,
    signal: new AbortController().signal,
    beginning,
  });
  const readings = [all(feed.stream()), all(feed.stream({ limit: 100_003 }))];
  const failures: unknown[] = [];
  feed.stream({ limit: 99_999, failed: (error) => failures.push(error) });
  feed.release();
  // Nobody is shown what becomes of that memory then.
  beginning.fill(0);
  await feed.give(encode("end"));
  feed.end();
  for (const reading of readings) assertEquals(await reading, `${"x".repeat(100_000)}end`);
  assertEquals(failures.map((error) => (error as TooMuch).limit), [99_999]);
});

Deno.test("feed: octets in their order, in whatever pieces they come and are read", async () => {
  for (const [piece, read] of [[7, 5], [100, 16_384], [40_000, 3_000], [300_000, 16_384]]) {
    const feed = feedWith();
    const own = feed.stream().getReader({ mode: "byob" });
    const other = all(feed.stream());
    const reading = (async () => {
      const pieces: Uint8Array[] = [];
      for (;;) {
        const { done, value } = await own.read(new Uint8Array(read));
        if (done) return new TextDecoder().decode(concat(pieces));
        pieces.push(value);
      }
    })();
    let sent = "";
    for (let nth = 0; nth < 6; nth++) {
      const text = String.fromCharCode(0x61 + nth).repeat(piece - nth);
      const octets = encode(text);
      await feed.give(octets);
      octets.fill(0);
      sent += text;
    }
    feed.end();
    assertEquals([await reading === sent, await other === sent], [true, true], `${piece}`);
  }
});

Deno.test("feed: patience begins anew whenever something has been read", async () => {
  const clock = new FakeClock();
  const feed = feedWith(clock);
  const reader = feed.stream().getReader({ mode: "byob" });
  let over = false;
  const waiting = feed.give(new Uint8Array(200_000))!.then(() => over = true);
  for (let nth = 0; nth < 13; nth++) {
    await clock.advance(PATIENCE - 1);
    assertEquals([(await reader.read(new Uint8Array(10_000))).value?.length, over], [
      10_000,
      false,
    ]);
  }
  await reader.read(new Uint8Array(10_000));
  await waiting;
  await clock.advance(10 * PATIENCE);
  assertEquals((await reader.read(new Uint8Array(100_000))).value?.length, 60_000);
  await reader.cancel();
  assertEquals(clock.timers, 0);
});

Deno.test("feed: a late reader gets all that is kept, however much that is", async () => {
  const feed = feedWith();
  for (const size of [100, 100_000]) feed.give(new Uint8Array(size));
  const reading = all(feed.stream());
  await feed.give(encode("end"));
  feed.end();
  assertEquals((await reading).length, 100_103);
});

Deno.test("feed: nothing waits for a reader whose signal has aborted", async () => {
  const clock = new FakeClock();
  const feed = feedWith(clock);
  const answered = new AbortController();
  const reader = feed.stream({ signal: answered.signal }).getReader();
  const waiting = feed.give(new Uint8Array(100_000));
  answered.abort(new Error("answered"));
  await waiting;
  await assertRejects(() => reader.read(), Error, "answered");
  const late = feed.stream({ signal: answered.signal }).getReader();
  await assertRejects(() => late.read(), Error, "answered");
  assertEquals([feed.give(new Uint8Array(100_000)), clock.timers], [undefined, 0]);
});

Deno.test("feed: a reader that brings its own memory", async () => {
  const feed = feedWith();
  const reader = feed.stream().getReader({ mode: "byob" });
  const first = reader.read(new Uint8Array(4));
  feed.give(encode("seven"));
  assertEquals(new TextDecoder().decode((await first).value), "seve");
  const second = await reader.read(new Uint8Array(4));
  assertEquals(new TextDecoder().decode(second.value), "n");
  const third = reader.read(new Uint8Array(4));
  feed.end();
  assertEquals((await third).done, true);
});

Deno.test("feed: a reader that lets it wait is given up, the others are not", async () => {
  const clock = new FakeClock();
  const feed = feedWith(clock);
  const failures: unknown[] = [];
  const lazy = feed.stream({ failed: (error) => failures.push(error) }).getReader();
  const reading = all(feed.stream());
  const waiting = feed.give(new Uint8Array(100_000));
  await clock.advance(PATIENCE);
  await waiting;
  assertEquals(failures.map((error) => error instanceof TimeoutError), [true]);
  await assertRejects(() => lazy.read(), TimeoutError);
  feed.end();
  assertEquals((await reading).length, 100_000);
  assertEquals(clock.timers, 0);
});

Deno.test("feed: one that has left does not let it wait", async () => {
  const clock = new FakeClock();
  const feed = feedWith(clock);
  const reader = feed.stream().getReader();
  const waiting = feed.give(new Uint8Array(100_000));
  await reader.cancel();
  await waiting;
  assertEquals([feed.give(new Uint8Array(100_000)), clock.timers], [undefined, 0]);
});

Deno.test("feed: more than a reader may read", async () => {
  const feed = feedWith();
  const failures: unknown[] = [];
  const limited = feed.stream({ limit: 5, failed: (error) => failures.push(error) });
  const exactly = all(feed.stream({ limit: 6 }));
  feed.give(encode("three"));
  assertEquals(failures, []);
  feed.give(encode("s"));
  feed.end();
  assertEquals(failures.map((error) => (error as TooMuch).limit), [5]);
  await assertRejects(() => all(limited), TooMuch, "more than 5 octets");
  assertEquals(await exactly, "threes");
});

Deno.test("feed: a message that does not come to its end", async () => {
  const feed = feedWith();
  const reading = all(feed.stream());
  feed.give(encode("half"));
  feed.fail();
  // The end that comes behind it is none.
  feed.end();
  await assertRejects(() => reading, Incomplete);
  await assertRejects(() => feed.ended, Incomplete);
  await assertRejects(() => all(feed.stream()), Incomplete);
});

Deno.test("feed: an end that has been read cannot fail any more", async () => {
  const feed = feedWith();
  const reading = all(feed.stream());
  feed.give(encode("whole"));
  feed.end();
  feed.fail();
  assertEquals(await reading, "whole");
});
