import { assertEquals, assertRejects } from "@std/assert";
import { toBytes } from "@std/streams";
import {
  batched,
  BdatFramer,
  type DataEvent,
  DotStuffer,
  DotUnstuffer,
  fuse,
  type Line,
  LineSplitter,
  NewlineGuard,
  type Stage,
  toTransformStream,
  UnfinishedDataFault,
} from "../../src/stages/mod.ts";
import { cuttings, octets, text } from "../_chunking.ts";
import { testEachWay } from "./_scanners.ts";

function streamOf(chunks: string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks.map(octets));
}

const onlyContent = (): Stage<DataEvent, Uint8Array> => ({
  transform(event, out) {
    if (event instanceof Uint8Array) out.enqueue(event);
    else if (event.fault) throw new RangeError(event.fault);
  },
});

const wire = "Subject: a\r\n\r\n..\r\n..b\r\n\r\nc.\r\n.\r\n";
const content = "Subject: a\r\n\r\n.\r\n.b\r\n\r\nc.\r\n";

testEachWay(
  "streams: mail data through a chain of TransformStreams comes out as it went in",
  async () => {
    for (const [name, chunks] of cuttings(wire)) {
      const sent = streamOf(chunks)
        .pipeThrough(new TransformStream(new DotUnstuffer()))
        .pipeThrough(new TransformStream(onlyContent()))
        .pipeThrough(new TransformStream(new DotStuffer()));
      assertEquals(text(await toBytes(sent)), wire, name);
    }
  },
);

testEachWay("streams: a chain, a fused stage and a converted stage send the same", async () => {
  const stages = () => [new DotUnstuffer(), onlyContent(), new BdatFramer({ chunk: 8 })] as const;
  for (const [name, chunks] of cuttings(wire)) {
    const [unstuffer, filter, framer] = stages();
    const chain = streamOf(chunks)
      .pipeThrough(toTransformStream(unstuffer))
      .pipeThrough(toTransformStream(filter))
      .pipeThrough(toTransformStream(framer));
    const fused = streamOf(chunks).pipeThrough(toTransformStream(fuse(...stages())));
    const sent = text(await toBytes(fused));
    assertEquals(text(await toBytes(chain)), sent, name);
    assertEquals(sent.replace(/BDAT [0-9]+(?: LAST)?\r\n/g, ""), content, name);
  }
});

testEachWay("streams: a client that goes away leaves a message without an end", async () => {
  for (let length = 0; length < wire.length; length++) {
    let sent = "";
    const cut = streamOf([wire.slice(0, length)])
      .pipeThrough(toTransformStream(fuse(new DotUnstuffer(), onlyContent(), new DotStuffer())))
      .pipeTo(new WritableStream({ write: (chunk) => void (sent += text(chunk)) }));
    await assertRejects(() => cut, UnfinishedDataFault);
    assertEquals(wire.startsWith(sent) && !sent.endsWith("\r\n.\r\n"), true, String(length));
  }
});

testEachWay("streams: lines cross in batches", async () => {
  const batches: string[][] = [];
  await streamOf(["EHLO a\r\nMAIL", " FROM:<>\r\nRSET\r\n", "QU"])
    .pipeThrough(toTransformStream<Uint8Array, Line[]>(batched(new LineSplitter({ limit: 512 }))))
    .pipeTo(
      new WritableStream({
        write: (lines) => void batches.push(lines.map((line) => text(line.octets))),
      }),
    );
  assertEquals(batches, [["EHLO a"], ["MAIL FROM:<>", "RSET"]]);
});

testEachWay("streams: a stage is flushed, and cancelled when the reader goes", async () => {
  const guard = new NewlineGuard();
  assertEquals(text(await toBytes(streamOf(["a\r"]).pipeThrough(toTransformStream(guard)))), "a");
  assertEquals(guard.fault, "bare-cr");
  let reason: unknown;
  const stage: Stage<Uint8Array, Uint8Array> = { transform() {}, cancel: (why) => reason = why };
  await streamOf(["a"]).pipeThrough(toTransformStream(stage)).cancel("gone");
  assertEquals(reason, "gone");
});

testEachWay("toTransformStream: takes strategies for both sides", async () => {
  const sizes: number[] = [];
  const { readable, writable } = toTransformStream<Uint8Array, Uint8Array>(new NewlineGuard(), {
    writable: { highWaterMark: 10, size: (chunk) => chunk.length },
    readable: { highWaterMark: 100, size: (chunk) => (sizes.push(chunk.length), chunk.length) },
  });
  const writer = writable.getWriter();
  assertEquals(writer.desiredSize, 10);
  await writer.write(octets("abc"));
  assertEquals(sizes, [3]);
  await readable.cancel();
});
