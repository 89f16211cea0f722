import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { readEvents } from "../../src/admin/event_reader.ts";
import {
  type Batch,
  LiveFeed,
  LiveFeeds,
  type Since,
  StalledError,
  Viewers,
  type ViewersOptions,
} from "../../src/admin/sse.ts";
import { encodeEvent, parseLastEventId } from "../../src/admin/sse_format.ts";
import { FakeClock, settle } from "../_clock.ts";

const INTERVAL = 250;
const GREETING = "retry: 2000\n\n";
const decoder = new TextDecoder();

/** A source that counts up, and what it was asked. */
class Source {
  newest = 1;
  readonly asked: (number | undefined)[] = [];
  readonly since: Since = (id) => {
    this.asked.push(id);
    return id === this.newest ? undefined : this.batch(id);
  };
  batch(id: number | undefined): Batch {
    return { id: this.newest, event: "n", data: { after: id ?? null } };
  }
}

/** A feed on a clock of its own. */
function feedOf(since: Since, options: ViewersOptions & { interval?: number } = {}) {
  const { interval = INTERVAL } = options;
  const clock = new FakeClock();
  const viewers = new Viewers(options);
  let emptied = 0;
  const feed = new LiveFeed({ clock, viewers, interval, since, emptied: () => void emptied++ });
  return { clock, viewers, feed, emptied: () => emptied };
}

/** Takes chunks as they come; what it holds can be looked at while it goes on. */
class Watcher {
  readonly chunks: Uint8Array[] = [];
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** How the stream has ended; `undefined` while it has not. */
  end: "closed" | { readonly error: unknown } | undefined;
  constructor(response: Response | undefined) {
    this.#reader = response!.body!.getReader();
  }
  /** Reads on to the end, in the background. */
  start(): this {
    void this.#run();
    return this;
  }
  async #run(): Promise<void> {
    while (this.end === undefined) await this.one();
  }
  async one(): Promise<void> {
    try {
      const { done, value } = await this.#reader.read();
      if (done) this.end = "closed";
      else this.chunks.push(value);
    } catch (error) {
      this.end = { error };
    }
  }
  leave(): Promise<void> {
    return this.#reader.cancel();
  }
  /** What has come since the last look. */
  take(): string {
    return this.chunks.splice(0).map((chunk) => decoder.decode(chunk)).join("");
  }
}

const event = (id: number, after: number | null) =>
  `id: ${id}\nevent: n\ndata: {"after":${after}}\n\n`;

Deno.test("encodeEvent: each line of the data has a line", () => {
  const rows: readonly [data: string, lines: string][] = [
    ["", "data: \n"],
    ["a", "data: a\n"],
    [" a", "data:  a\n"],
    ["a\nb", "data: a\ndata: b\n"],
    ["a\rb", "data: a\ndata: b\n"],
    ["a\r\nb", "data: a\ndata: b\n"],
    ["a\n\rb\r\n", "data: a\ndata: \ndata: b\ndata: \n"],
    ["a\n\nid: 9\n\n", "data: a\ndata: \ndata: id: 9\ndata: \ndata: \n"],
    ["\u2028\0é", "data: \u2028\0é\n"],
  ];
  for (const [data, lines] of rows) {
    const encoded = decoder.decode(encodeEvent(7, "e", data));
    assertEquals(encoded, `id: 7\nevent: e\n${lines}\n`, JSON.stringify(data));
  }
  for (const type of ["a\nb", "a\r", "\ndata: x"]) {
    assertThrows(() => encodeEvent(7, type, ""), RangeError, "allowed is one line");
  }
});

Deno.test("parseLastEventId: a number of ours, or nothing", () => {
  const rows: readonly [header: string | null | undefined, id: number | undefined][] = [
    [undefined, undefined],
    [null, undefined],
    ["", undefined],
    ["0", 0],
    ["42", 42],
    ["007", 7],
    ["999999999999999", 999_999_999_999_999],
    ["1000000000000000", undefined],
    ["-1", undefined],
    ["1.5", undefined],
    ["1e3", undefined],
    ["0x10", undefined],
    [" 1", undefined],
    ["1\n", undefined],
    ["٣", undefined],
    ["9".repeat(100_000), undefined],
  ];
  for (const [header, id] of rows) assertEquals(parseLastEventId(header), id, header?.slice(0, 20));
});

Deno.test("what is written is what is read", async () => {
  const hostile = fc.string({
    unit: fc.oneof(
      fc.constantFrom("\r", "\n", "\r\n", "\0", ":", " ", "data: ", "\ufeff", "\ud800", "\udfff"),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    ),
  });
  const written = fc.record({
    id: fc.nat(),
    event: fc.constantFrom("stats", "transactions", "two words", " led by a space"),
    text: hostile,
    json: fc.boolean(),
  });
  const size = fc.integer({ min: 1, max: 40 });
  const octets = ({ id, event, text, json }: { [K in "event" | "text"]: string } & {
    id: number;
    json: boolean;
  }) => encodeEvent(id, event, json ? JSON.stringify({ text }) : text);
  await fc.assert(
    fc.asyncProperty(fc.array(written, { maxLength: 8 }), size, async (all, size) => {
      const whole = all.flatMap((one) => [...octets(one)]);
      const chunks = Array.from(
        { length: Math.ceil(whole.length / size) },
        (_, index) => Uint8Array.from(whole.slice(index * size, (index + 1) * size)),
      );
      const read = await Array.fromAsync(readEvents(ReadableStream.from(chunks)));
      assertEquals(
        read.map(({ data }, index) => all[index].json ? JSON.parse(data).text : data),
        all.map(({ text, json }) => json ? text : text.replaceAll(/\r\n|\r/g, "\n").toWellFormed()),
      );
      const heads = all.map(({ id, event }) => [`${id}`, event]);
      assertEquals(read.map(({ id, event }) => [id, event]), heads);
    }),
  );
});

Deno.test("a viewer is answered at once, from where it has stopped", async (t) => {
  const rows: readonly [header: string | undefined, after: number | null][] = [
    [undefined, null],
    ["3", 3],
    ["999", 999],
    ["no number", null],
  ];
  for (const [header, after] of rows) {
    await t.step(`Last-Event-ID ${header}`, async () => {
      const source = new Source();
      source.newest = 8;
      const { feed, clock } = feedOf(source.since);
      const response = feed.respond(header);
      assertEquals(response?.status, 200);
      assertEquals([...response!.headers], [
        ["cache-control", "no-store"],
        ["content-type", "text/event-stream"],
        ["x-accel-buffering", "no"],
      ]);
      const watcher = new Watcher(response).start();
      await settle();
      assertEquals(watcher.take(), GREETING + event(8, after));
      await watcher.leave();
      assertEquals(clock.timers, 0);
    });
  }
});

Deno.test("what is new is made once for all who are at the same place", async () => {
  const source = new Source();
  const { feed, clock } = feedOf(source.since);
  const watchers = Array.from({ length: 50 }, () => new Watcher(feed.respond()).start());
  await settle();
  for (const watcher of watchers) watcher.take();
  assertEquals(clock.timers, 1);
  source.asked.length = 0;
  source.newest = 2;
  await clock.advance(INTERVAL);
  assertEquals(source.asked, [1]);
  const [first] = watchers[0].chunks;
  for (const { chunks } of watchers) {
    assertEquals(chunks.length, 1);
    assertStrictEquals(chunks[0], first);
  }
  // Nothing new is asked for once as well, and told to nobody.
  await clock.advance(INTERVAL);
  assertEquals(source.asked, [1, 2]);
  assertEquals(watchers.map(({ chunks }) => chunks.length), watchers.map(() => 1));
  await Promise.all(watchers.map((watcher) => watcher.leave()));
  assertEquals(clock.timers, 0);
});

Deno.test("viewers at different places are told what each lacks, then the same", async () => {
  const source = new Source();
  source.newest = 5;
  const { feed, clock } = feedOf(source.since);
  const early = new Watcher(feed.respond()).start();
  await settle();
  source.newest = 6;
  const late = new Watcher(feed.respond("2")).start();
  await settle();
  assertEquals([early.take(), late.take()], [GREETING + event(5, null), GREETING + event(6, 2)]);
  await clock.advance(INTERVAL);
  assertEquals([early.take(), late.take()], [event(6, 5), ""]);
  source.newest = 7;
  await clock.advance(INTERVAL);
  assertEquals([early.take(), late.take()], [event(7, 6), event(7, 6)]);
  await Promise.all([early.leave(), late.leave()]);
});

Deno.test("what holds nothing for a viewer is passed without a word and not looked at again", async () => {
  const source = new Source();
  const only = (id: number | undefined) => {
    source.asked.push(id);
    if (id === source.newest) return undefined;
    return source.newest % 10 === 0 ? source.batch(id) : { id: source.newest };
  };
  const { feed, clock } = feedOf(only);
  const watcher = new Watcher(feed.respond()).start();
  for (const newest of [5, 7, 10]) {
    source.newest = newest;
    await clock.advance(INTERVAL);
  }
  assertEquals(source.asked, [undefined, 1, 5, 7]);
  assertEquals(watcher.take(), GREETING + event(10, 7));
  await watcher.leave();
});

Deno.test("a comment every 15 seconds to those who got nothing else", async () => {
  const source = new Source();
  const { feed, clock } = feedOf(source.since);
  const watcher = new Watcher(feed.respond()).start();
  const got: string[] = [];
  const steps: readonly [milliseconds: number, newest: number][] = [
    [14_999, 1],
    [1, 1],
    [14_000, 1],
    [250, 2],
    [14_999, 2],
    [251, 2],
  ];
  for (const [milliseconds, newest] of steps) {
    source.newest = newest;
    await clock.advance(milliseconds);
    got.push(watcher.take());
  }
  assertEquals(got, [GREETING + event(1, null), ":\n", "", event(2, 1), "", ":\n"]);
  await watcher.leave();
});

Deno.test("too many viewers: no answer, and room again when one leaves", async () => {
  const source = new Source();
  const { feed, viewers, clock } = feedOf(source.since, { most: 2 });
  const first = new Watcher(feed.respond());
  const second = new Watcher(feed.respond());
  assertEquals([feed.respond(), viewers.open], [undefined, 2]);
  await first.leave();
  assertEquals(viewers.open, 1);
  const third = new Watcher(feed.respond());
  assertEquals([feed.respond(), viewers.open], [undefined, 2]);
  await Promise.all([second.leave(), third.leave()]);
  assertEquals([viewers.open, viewers.dropped, viewers.queued, clock.timers], [0, 0, 0, 0]);
});

Deno.test("five hundred by default", async () => {
  const { feed, viewers } = feedOf(new Source().since);
  const watchers = Array.from({ length: 500 }, () => new Watcher(feed.respond()));
  assertEquals([feed.respond(), viewers.open], [undefined, 500]);
  await Promise.all(watchers.map((watcher) => watcher.leave()));
});

Deno.test("with the last viewer go the timer and the feed, and both come again", async () => {
  const source = new Source();
  const { feed, viewers, clock, emptied } = feedOf(source.since);
  assertEquals(clock.timers, 0);
  for (let round = 1; round <= 2; round++) {
    const one = new Watcher(feed.respond()).start();
    const other = new Watcher(feed.respond()).start();
    await clock.advance(3 * INTERVAL);
    assertEquals([clock.timers, viewers.open], [1, 2]);
    await one.leave();
    assertEquals([clock.timers, viewers.open, emptied()], [1, 1, round - 1]);
    await other.leave();
    assertEquals([clock.timers, viewers.open, emptied()], [0, 0, round]);
  }
  const asked = source.asked.length;
  await clock.advance(60_000);
  assertEquals(source.asked.length, asked);
});

Deno.test("the last batch ends the stream behind it", async () => {
  const source = new Source();
  const since: Since = (id) => ({ ...source.batch(id), last: source.newest === 2 });
  const { feed, viewers, clock, emptied } = feedOf(since);
  const watcher = new Watcher(feed.respond()).start();
  await settle();
  source.newest = 2;
  await clock.advance(INTERVAL);
  assertEquals(watcher.take(), GREETING + event(1, null) + event(2, 1));
  assertEquals([watcher.end, viewers.open, viewers.dropped], ["closed", 0, 0]);
  assertEquals([clock.timers, emptied()], [0, 1]);
  // One that comes then gets it all the same.
  const late = new Watcher(feed.respond("1")).start();
  await settle();
  assertEquals([late.take(), late.end], [GREETING + event(2, 1), "closed"]);
  assertEquals([clock.timers, viewers.open], [0, 0]);
});

Deno.test("an end that nobody reads is held for 30 seconds and no longer", async () => {
  const source = new Source();
  const { feed, viewers, clock } = feedOf((id) => ({ ...source.batch(id), last: true }));
  const response = feed.respond();
  await clock.advance(30_000 - INTERVAL);
  assertEquals([viewers.open, viewers.dropped], [1, 0]);
  assertEquals(viewers.queued, GREETING.length + event(1, null).length);
  await clock.advance(INTERVAL);
  assertEquals([viewers.open, viewers.dropped, viewers.queued, clock.timers], [0, 1, 0, 0]);
  await assertRejects(() => response!.text(), StalledError);
});

Deno.test("one who reads late, but reads, stays; one who stops is dropped after 30 seconds", async () => {
  const source = new Source();
  const { feed, viewers, clock } = feedOf((id) => (source.newest++, source.batch(id)), {
    interval: 1_000,
  });
  const watcher = new Watcher(feed.respond());
  for (let round = 0; round < 10; round++) {
    await clock.advance(29_000);
    await watcher.one();
  }
  assertEquals([viewers.open, viewers.dropped, watcher.chunks.length], [1, 0, 10]);
  await clock.advance(30_000);
  assertEquals([viewers.open, viewers.dropped], [1, 0]);
  await clock.advance(1_000);
  assertEquals([viewers.open, viewers.dropped, clock.timers], [0, 1, 0]);
  await watcher.one();
  assertInstanceOf((watcher.end as { error: unknown }).error, StalledError);
});

Deno.test("the 30 seconds begin when something waits, not when something was last taken", async () => {
  const source = new Source();
  const { feed, viewers, clock } = feedOf(source.since, { interval: 1_000 });
  const watcher = new Watcher(feed.respond());
  await watcher.one();
  await watcher.one();
  await clock.advance(14_000);
  assertEquals(viewers.queued, 0);
  source.newest = 2;
  await clock.advance(1_000);
  assert(viewers.queued > 0);
  await clock.advance(29_000);
  assertEquals(viewers.open, 1);
  await clock.advance(1_000);
  assertEquals([viewers.open, viewers.dropped], [0, 1]);
  assertEquals(watcher.chunks.length, 2);
});

Deno.test("one for whom nothing waits is never dropped, however long nothing comes", async () => {
  const { feed, viewers, clock } = feedOf(new Source().since, { interval: 1_000 });
  const watcher = new Watcher(feed.respond()).start();
  await clock.advance(600_000);
  assertEquals([viewers.open, viewers.dropped], [1, 0]);
  await watcher.leave();
});

Deno.test("more than the limit waits: dropped; one batch beyond it is none too many", async () => {
  const source = new Source();
  const since: Since = (id) =>
    id === source.newest ? undefined : { ...source.batch(id), data: { text: "x".repeat(5_000) } };
  const { feed, viewers, clock } = feedOf(since, { queue: 4_000 });
  // The first batch is larger than the queue, and who reads gets it.
  const reader = new Watcher(feed.respond()).start();
  await clock.advance(INTERVAL);
  assertEquals([viewers.open, viewers.queued], [1, 0]);
  const stalled = new Watcher(feed.respond("1"));
  source.newest = 2;
  await clock.advance(INTERVAL);
  assertEquals([viewers.open, viewers.dropped], [2, 0]);
  assertLess(viewers.queued, 4_000 + 5_100);
  await clock.advance(INTERVAL);
  assertEquals([viewers.open, viewers.dropped, viewers.queued], [1, 1, 0]);
  assertEquals(reader.end, undefined);
  await stalled.one();
  assertEquals((stalled.end as { error: Error }).error.name, "StalledError");
  await reader.leave();
});

Deno.test("300 viewers of whom 30 never read: bounded, and the others miss nothing", async () => {
  const source = new Source();
  const text = "x".repeat(4_000);
  const { feed, viewers, clock } = feedOf((id) => ({ ...source.batch(id), data: { text } }));
  const watchers = Array.from({ length: 300 }, (_, index) => {
    const watcher = new Watcher(feed.respond());
    return index % 10 === 0 ? watcher : watcher.start();
  });
  let most = 0;
  const ticks = 60;
  for (let tick = 1; tick <= ticks; tick++) {
    source.newest++;
    await clock.advance(INTERVAL);
    most = Math.max(most, viewers.queued);
  }
  assertEquals([viewers.open, viewers.dropped, viewers.queued], [270, 30, 0]);
  // They were let to wait, and no more than allowed.
  assert(most > 30 * 50_000);
  assertLess(most, 30 * (65_536 + 4_100));
  for (const [index, { chunks }] of watchers.entries()) {
    if (index % 10 > 0) assertEquals(chunks.length, 2 + ticks);
  }
  await Promise.all(watchers.map((watcher) => watcher.leave().catch(() => {})));
  assertEquals([viewers.open, viewers.dropped, clock.timers], [0, 30, 0]);
});

Deno.test("a source that fails ends its streams, and harms nobody else", async () => {
  const source = new Source();
  const fault = new Error("out of order");
  let broken = false;
  const { feed, viewers, clock, emptied } = feedOf((id) => {
    if (broken) throw fault;
    return source.since(id);
  });
  const watchers = [feed.respond(), feed.respond()].map((one) => new Watcher(one).start());
  await settle();
  broken = true;
  await clock.advance(INTERVAL);
  assertEquals(watchers.map(({ end }) => end), [{ error: fault }, { error: fault }]);
  assertThrows(() => feed.respond(), Error, "out of order");
  assertEquals([viewers.open, viewers.dropped, clock.timers, emptied()], [0, 0, 0, 1]);
  broken = false;
  const again = new Watcher(feed.respond()).start();
  await clock.advance(INTERVAL);
  assertEquals(again.take(), GREETING + event(1, null));
  await again.leave();
});

Deno.test("close ends every stream of every feed, and nobody comes in any more", async () => {
  const clock = new FakeClock();
  const viewers = new Viewers();
  const feeds = [1, 2].map((interval) =>
    new LiveFeed({ clock, viewers, interval, since: new Source().since })
  );
  const readers = feeds.map((feed) => new Watcher(feed.respond()).start());
  const stalled = new Watcher(feeds[0].respond());
  await clock.advance(10);
  viewers.close();
  await settle();
  assertEquals(readers.map(({ end }) => end), ["closed", "closed"]);
  await stalled.one();
  assertEquals((stalled.end as { error: Error }).error.message.includes("closed"), true);
  assertEquals([viewers.open, viewers.dropped, viewers.queued, clock.timers], [0, 0, 0, 0]);
  assertEquals(feeds.map((feed) => feed.respond()), [undefined, undefined]);
  assertEquals(clock.timers, 0);
});

Deno.test("LiveFeeds: one feed a key while it has viewers, none for one who is not let in", async () => {
  const clock = new FakeClock();
  const viewers = new Viewers({ most: 3 });
  const feeds = new LiveFeeds({ clock, viewers, interval: INTERVAL });
  const sources = { a: new Source(), b: new Source() };
  const watch = (key: "a" | "b") => feeds.respond(key, sources[key].since);
  assertEquals([feeds.size, clock.timers], [0, 0]);
  const [one, two, three] = [watch("a"), watch("a"), watch("b")].map((response) =>
    new Watcher(response).start()
  );
  assertEquals([feeds.size, clock.timers], [2, 2]);
  await settle();
  sources.a.newest = 2;
  await clock.advance(INTERVAL);
  assertEquals([sources.a.asked, sources.b.asked], [[undefined, undefined, 1], [undefined, 1]]);
  const first = GREETING + event(1, null);
  assertEquals([two.take(), three.take()], [first + event(2, 1), first]);
  assertEquals(feeds.respond("c", new Source().since), undefined);
  assertEquals(feeds.size, 2);
  await three.leave();
  assertEquals([feeds.size, clock.timers], [1, 1]);
  const faulty = () => feeds.respond("c", () => JSON.parse("{"));
  assertThrows(faulty, SyntaxError);
  assertEquals(feeds.size, 1);
  await Promise.all([one.leave(), two.leave()]);
  assertEquals([feeds.size, clock.timers, viewers.open], [0, 0, 0]);
});

Deno.test("over HTTP: events come as they happen, and a client that leaves is noticed", async () => {
  const source = new Source();
  const clock = new FakeClock();
  const viewers = new Viewers();
  const left = Promise.withResolvers<void>();
  const feed = new LiveFeed({
    ...{ clock, viewers, interval: INTERVAL },
    since: source.since,
    emptied: left.resolve,
  });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) =>
      feed.respond(request.headers.get("last-event-id")) ?? new Response("", { status: 503 }),
  );
  const response = await fetch(`http://127.0.0.1:${server.addr.port}/`, {
    headers: { "last-event-id": "0" },
  });
  const seen: unknown[] = [];
  for await (const { id, data } of readEvents(response.body!)) {
    seen.push([id, data]);
    if (seen.length === 3) break;
    source.newest++;
    await clock.advance(INTERVAL);
  }
  assertEquals(seen, [["1", '{"after":0}'], ["2", '{"after":1}'], ["3", '{"after":2}']]);
  await left.promise;
  assertEquals([viewers.open, clock.timers], [0, 0]);
  await server.shutdown();
});
