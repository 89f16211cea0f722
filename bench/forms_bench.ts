/**
 * What does each way of composing stages cost?
 *
 * The same stages, from octets to octets, in five forms: each item a chunk of its own through streams;
 * a batch for each chunk through streams; all of them fused in one stream; fused and pumped between a
 * reader and a writer, as the session does; and called by hand, which is what the stages themselves
 * take. One iteration moves 1 MB in chunks of 64 KiB: 1 ms is 1 GB/s.
 *
 *     deno bench bench/forms_bench.ts
 *
 * @module
 */

import { encode } from "../src/bytes.ts";
import {
  batched,
  CommandParser,
  type DataEvent,
  DotStuffer,
  DotUnstuffer,
  fuse,
  type Line,
  LineSplitter,
  type ParsedLine,
  pump,
  type Stage,
  toTransformStream,
} from "../src/stages/mod.ts";
import { check, chunksOf, corpusOf, dialogues, stuffed, texts } from "./_corpora.ts";

const OCTETS = 1_000_000;
const LIMIT = 512;

type Octets = Uint8Array<ArrayBuffer>;

/** Takes octets and counts them. */
class Sink {
  octets = 0;

  /** As a writer. */
  write(octets: Uint8Array): Promise<void> {
    this.enqueue(octets);
    return Promise.resolve();
  }

  /** As the end of stages. */
  enqueue(octets: Uint8Array): void {
    this.octets += octets.length;
  }

  /** As a stream, of single pieces. */
  single(): WritableStream<Uint8Array> {
    return new WritableStream({ write: (octets) => this.enqueue(octets) });
  }

  /** As a stream, of batches of them. */
  batched(): WritableStream<Uint8Array[]> {
    return new WritableStream({ write: (batch) => batch.forEach((one) => this.enqueue(one)) });
  }
}

/** Hands out chunks to whoever reads. */
function readerOf(chunks: readonly Octets[]): { read(): Promise<Octets | undefined> } {
  let next = 0;
  return { read: () => Promise.resolve(chunks[next++]) };
}

/** A stage of batches. */
function each<I, O>(stage: Stage<I, O>): Stage<I[], O[]> {
  const spread: Stage<I[], I> = { transform: (batch, out) => batch.forEach((i) => out.enqueue(i)) };
  return batched(fuse(spread, stage));
}

/** Three stages between octets and octets, new ones for each run. */
interface Chain<A, B> {
  readonly first: () => Stage<Uint8Array, A>;
  readonly second: () => Stage<A, B>;
  readonly third: () => Stage<B, Uint8Array>;
}

function compare<A, B>(
  group: string,
  { first, second, third }: Chain<A, B>,
  input: Uint8Array,
  expected: number,
): void {
  const chunks = chunksOf(input);
  const source = (): ReadableStream<Octets> => ReadableStream.from(chunks);
  const fused = (): Stage<Uint8Array, Uint8Array> => fuse(first(), second(), third());
  const forms: Readonly<Record<string, (sink: Sink) => void | Promise<void>>> = {
    "one by one through streams": (sink) =>
      source()
        .pipeThrough(toTransformStream(first()))
        .pipeThrough(toTransformStream(second()))
        .pipeThrough(toTransformStream(third()))
        .pipeTo(sink.single()),
    "batched through streams": (sink) =>
      source()
        .pipeThrough(toTransformStream(batched(first())))
        .pipeThrough(toTransformStream(each(second())))
        .pipeThrough(toTransformStream(each(third())))
        .pipeTo(sink.batched()),
    "fused in one stream": (sink) =>
      source().pipeThrough(toTransformStream(batched(fused()))).pipeTo(sink.batched()),
    "fused and pumped": (sink) => pump(readerOf(chunks), fused(), sink),
    "fused, by hand": (sink) => {
      const stage = fused();
      for (const chunk of chunks) stage.transform(chunk, sink);
      stage.flush?.(sink);
    },
  };
  for (const [name, run] of Object.entries(forms)) {
    Deno.bench({
      name: `1 MB: ${name}`,
      group,
      baseline: name === "fused and pumped",
      async fn() {
        const sink = new Sink();
        await run(sink);
        check(sink.octets, expected);
      },
    });
  }
}

const OK = encode("250 2.1.0 Ok\r\n");
const { octets: commands, lines } = corpusOf(dialogues.commands, OCTETS);
const parser = new CommandParser({ limit: LIMIT });
compare<Line, ParsedLine>(
  "commands to replies",
  {
    first: () => new LineSplitter({ limit: LIMIT }),
    second: () => parser,
    third: () => ({ transform: (_command, out) => out.enqueue(OK) }),
  },
  commands,
  lines * OK.length,
);

/** What has a fault is not passed on. */
const sound: Stage<DataEvent, Uint8Array> = {
  transform(event, out) {
    if (event instanceof Uint8Array) out.enqueue(event);
    else check(event.fault, undefined);
  },
};
for (const corpus of ["78-octet lines", "every fifth line begins with a dot"] as const) {
  const text = new TextDecoder().decode(corpusOf(texts[corpus], OCTETS).octets);
  const wire = encode(stuffed(text));
  compare<DataEvent, Uint8Array>(
    `mail data, ${corpus}`,
    { first: () => new DotUnstuffer(), second: () => sound, third: () => new DotStuffer() },
    wire,
    wire.length,
  );
}
