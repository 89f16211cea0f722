import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { DotStuffer, pump, type Reader, type Stage, type Writer } from "../../src/stages/mod.ts";
import { octets, text } from "../_chunking.ts";

type Source = ReadableStream<Uint8Array> | Reader;
type Sink = WritableStream<Uint8Array> | Writer;

/** Chunks as a stream, or by a reader that spoils what it gave before. `ended` tells how. */
const sources: Record<string, (chunks: string[], log: string[]) => Source> = {
  stream(chunks, log) {
    const left = chunks.map(octets);
    return new ReadableStream({
      pull(controller) {
        const chunk = left.shift();
        if (chunk) controller.enqueue(chunk);
        else controller.close();
      },
      cancel: (reason) => void log.push(`cancelled: ${reason.message}`),
    }, { highWaterMark: 0 });
  },
  reader(chunks) {
    const memory = new Uint8Array(1 << 17);
    const left = [...chunks];
    return {
      read() {
        memory.fill(0xee);
        const chunk = left.shift();
        if (chunk === undefined) return Promise.resolve(undefined);
        memory.set(octets(chunk));
        return Promise.resolve(memory.subarray(0, chunk.length));
      },
    };
  },
};

/** A stream, or a writer; both take their time and copy only at the end of it. */
const sinks: Record<string, (writes: string[], log: string[]) => Sink> = {
  stream(writes, log) {
    return new WritableStream({
      async write(chunk) {
        await Promise.resolve();
        writes.push(text(chunk));
      },
      close: () => void log.push("closed"),
      abort: (reason) => void log.push(`aborted: ${reason.message}`),
    });
  },
  writer(writes) {
    return {
      async write(chunk) {
        await Promise.resolve();
        writes.push(text(chunk));
      },
    };
  },
};

const pairs = Object.keys(sources).flatMap((source) =>
  Object.keys(sinks).map((sink) => ({ source, sink, name: `${source} to ${sink}` }))
);

const big = "x".repeat(20_000);
const table: [chunks: string[], wire: string][] = [
  [[], ".\r\n"],
  [["a\r\n"], "a\r\n.\r\n"],
  [["a\r\n", ".b\r", "\n.", "c"], "a\r\n..b\r\n..c\r\n.\r\n"],
  [[".\r\n".repeat(1000)], "..\r\n".repeat(1000) + ".\r\n"],
  [[big, "\r\n.", big], big + "\r\n.." + big + "\r\n.\r\n"],
];

for (const { source, sink, name } of pairs) {
  Deno.test(`pump, ${name}: all octets in order, then the end`, async () => {
    for (const [chunks, wire] of table) {
      const writes: string[] = [];
      const log: string[] = [];
      await pump(sources[source](chunks, log), new DotStuffer(), sinks[sink](writes, log));
      assertEquals(writes.join(""), wire);
      assertEquals(log, sink === "stream" ? ["closed"] : []);
    }
  });

  Deno.test(`pump, ${name}: a fault of the stage ends both sides`, async () => {
    const fault = new RangeError("no b");
    const log: string[] = [];
    const writes: string[] = [];
    const stage: Stage<Uint8Array, Uint8Array> = {
      transform(chunk, out) {
        if (text(chunk) === "b") throw fault;
        out.enqueue(chunk);
      },
      flush: (out) => out.enqueue(octets("the end")),
    };
    const pumped = pump(sources[source](["a", "b", "c"], log), stage, sinks[sink](writes, log));
    assertStrictEquals(await assertRejects(() => pumped), fault);
    assert(!writes.includes("c") && !writes.includes("the end"));
    const expected = [
      ...(source === "stream" ? ["cancelled: no b"] : []),
      ...(sink === "stream" ? ["aborted: no b"] : []),
    ];
    assertEquals(log.sort(), expected.sort());
  });

  Deno.test(`pump, ${name}: the signal ends it while nothing comes`, async () => {
    const log: string[] = [];
    const waiting: Source = source === "stream"
      ? new ReadableStream({ cancel: (reason) => void log.push(`cancelled: ${reason.message}`) })
      : { read: () => new Promise(() => {}) };
    const controller = new AbortController();
    const reason = new Error("shutdown");
    let cancelled = false;
    const stage = Object.assign(new DotStuffer(), { cancel: () => cancelled = true });
    const writes: string[] = [];
    const pumped = pump(waiting, stage, sinks[sink](writes, log), { signal: controller.signal });
    queueMicrotask(() => controller.abort(reason));
    assertStrictEquals(await assertRejects(() => pumped), reason);
    assertEquals(writes, []);
    assert(cancelled);
    assertEquals(log.includes("aborted: shutdown"), sink === "stream");
  });

  Deno.test(`pump, ${name}: a signal that came before lets nothing through`, async () => {
    const log: string[] = [];
    const writes: string[] = [];
    const signal = AbortSignal.abort(new Error("too late"));
    const ends = [sources[source](["a"], log), sinks[sink](writes, log)] as const;
    await assertRejects(() => pump(ends[0], new DotStuffer(), ends[1], { signal }), Error, "late");
    assertEquals(writes, []);
  });

  Deno.test(`pump, ${name}: a fault of the sink stops the source`, async () => {
    const log: string[] = [];
    const broken = new Error("broken pipe");
    const failing: Sink = sink === "stream"
      ? new WritableStream({ write: () => Promise.reject(broken) })
      : { write: () => Promise.reject(broken) };
    const pumped = pump(sources[source](["a", "b", "c"], log), new DotStuffer(), failing);
    assertStrictEquals(await assertRejects(() => pumped), broken);
    assertEquals(log, source === "stream" ? ["cancelled: broken pipe"] : []);
  });
}

Deno.test("pump: reads on only when the writer has taken what came before", async () => {
  const log: string[] = [];
  const left = ["a", "b"];
  const reader: Reader = {
    read() {
      log.push("read");
      const chunk = left.shift();
      return Promise.resolve(chunk === undefined ? undefined : octets(chunk));
    },
  };
  const writer: Writer = {
    async write(chunk) {
      log.push(`write ${text(chunk)}`);
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      log.push("written");
    },
  };
  await pump(reader, { transform: (chunk, out) => out.enqueue(chunk) }, writer);
  assertEquals(log, ["read", "write a", "written", "read", "write b", "written", "read"]);
});

Deno.test("pump: small outputs of one chunk are one write, large ones are not copied", async () => {
  const large = new Uint8Array(20_000);
  const half = new Uint8Array(8192);
  const table: [pieces: Uint8Array[], lengths: number[]][] = [
    [[octets("a"), octets("b"), octets("c")], [3]],
    [[octets("a"), large, octets("b"), octets("c")], [1, 20_000, 2]],
    [[half, half, octets("a")], [16_384, 1]],
    [[large, large], [20_000, 20_000]],
    [[], []],
  ];
  for (const [pieces, lengths] of table) {
    const writes: Uint8Array[] = [];
    const [reader, left] = [sources.reader([], []) as Reader, ["chunk"]];
    const once: Reader = {
      read: () => left.pop() ? Promise.resolve(octets("chunk")) : reader.read(),
    };
    const stage: Stage<Uint8Array, Uint8Array> = {
      transform: (_, out) => pieces.forEach((piece) => out.enqueue(piece)),
    };
    await pump(once, stage, { write: (octets) => Promise.resolve(void writes.push(octets)) });
    assertEquals(writes.map((octets) => octets.length), lengths);
    for (const octets of writes) if (octets.length > 16_384) assertStrictEquals(octets, large);
  }
});
