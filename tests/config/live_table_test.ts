import { assertEquals, assertRejects } from "@std/assert";
import { httpFeed } from "../../src/config/http_feed.ts";
import { type Copy, LiveTable, type TableFeed } from "../../src/config/live_table.ts";
import { TableError } from "../../src/policy/rules/table.ts";
import { FakeClock } from "../_clock.ts";

/** A source whose lines a test sets; an error is thrown. */
class Source implements TableFeed {
  readonly name = "source";
  readonly refresh = 1_000;
  readonly stamps: (string | undefined)[] = [];
  copy: Copy | Error | undefined;

  constructor(text: string) {
    this.copy = { text, stamp: "1" };
  }

  read(stamp: string | undefined): Promise<Copy | undefined> {
    this.stamps.push(stamp);
    return this.copy instanceof Error ? Promise.reject(this.copy) : Promise.resolve(this.copy);
  }
}

const a = { domain: "a.example" };

Deno.test("a table is looked at again when it is used, and not before its time", async () => {
  const clock = new FakeClock();
  const source = new Source("a.example one");
  const failed: string[] = [];
  const table = await LiveTable.open(source, {
    clock,
    failed: (error) => failed.push(error.message),
  });
  const next = async (copy: Copy | Error | undefined): Promise<string | undefined> => {
    source.copy = copy;
    await clock.advance(1_000);
    // Sets off the look, whose lines are for those that come after.
    table.get(a);
    await table.settled();
    return table.get(a);
  };
  assertEquals(table.get(a), "one");
  source.copy = { text: "a.example two", stamp: "2" };
  await clock.advance(999);
  assertEquals(table.get(a), "one");
  await table.settled();
  assertEquals(source.stamps, [undefined]);
  assertEquals(await next({ text: "a.example two", stamp: "2" }), "two");
  assertEquals(await next(undefined), "two");
  assertEquals(source.stamps, [undefined, "1", "2"]);

  // The last good copy is kept, and a failure is told once.
  assertEquals(await next(new Error("gone")), "two");
  assertEquals(await next(new Error("gone")), "two");
  assertEquals(await next({ text: "a.example two\na.example three", stamp: "3" }), "two");
  assertEquals(failed.length, 2);
  assertEquals(failed[0], "Cannot renew table: gone");
  assertEquals(failed[1].startsWith("Cannot renew table: source:2:1: "), true);
  assertEquals(await next({ text: "", stamp: "4" }), undefined);
  assertEquals([table.size, table.has(a)], [0, false]);
});

Deno.test("a source that does not answer is given up", async () => {
  const clock = new FakeClock();
  let aborted = false;
  const opened = LiveTable.open({
    name: "slow",
    refresh: 1,
    read: (_stamp, signal) =>
      new Promise(() => signal.addEventListener("abort", () => aborted = true)),
  }, { clock, failed: () => {} });
  const rejected = assertRejects(() => opened, Error, "Timed out after 30000 ms: slow");
  await clock.advance(30_000);
  await rejected;
  assertEquals(aborted, true);
});

Deno.test("a table that is wrong at the start is not opened", async () => {
  const options = { clock: new FakeClock(), failed: () => {} };
  await assertRejects(() => LiveTable.open(new Source("/(/"), options), TableError, "source:1:");
});

Deno.test("lines from an endpoint", async () => {
  const asked: (string | null)[] = [];
  const answers: Response[] = [
    new Response("a.example 1\n", { headers: { etag: '"x"' } }),
    new Response(null, { status: 304 }),
    new Response("a.example 2\n"),
    new Response("no", { status: 500 }),
    new Response(null, { status: 304 }),
  ];
  const feed = httpFeed("http://tables.example/a", 5_000, (url, init) => {
    assertEquals(url, "http://tables.example/a");
    asked.push(new Headers(init.headers).get("if-none-match"));
    return Promise.resolve(answers.shift()!);
  });
  const { signal } = new AbortController();
  const first = await feed.read(undefined, signal);
  assertEquals(first, { text: "a.example 1\n", stamp: '"x"' });
  assertEquals(await feed.read(first?.stamp, signal), undefined);
  assertEquals(await feed.read(first?.stamp, signal), { text: "a.example 2\n", stamp: "" });
  for (const status of [500, 304]) {
    await assertRejects(
      () => feed.read("", signal),
      Error,
      `found status ${status}, allowed is 200`,
    );
  }
  assertEquals(asked, [null, '"x"', '"x"', null, null]);
});

Deno.test("an endpoint that never ends is cut off", async () => {
  const chunk = new Uint8Array(1 << 20);
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(chunk) });
  const feed = httpFeed("http://a", 1, () => Promise.resolve(new Response(endless)));
  await assertRejects(
    () => feed.read(undefined, new AbortController().signal),
    Error,
    "found more than 67108864 octets",
  );
});
