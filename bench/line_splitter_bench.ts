/**
 * How fast are lines found?
 *
 * One iteration cuts 1 MB in chunks of 64 KiB and counts the lines: 1 ms is 1 GB/s. LineSplitter also
 * refuses a CR or LF by itself, NUL and lines that are too long, which none of the others does.
 * Haraka's is the loop of its `Connection` around the search that it publishes as haraka-utils.
 *
 *     deno bench --allow-read bench/line_splitter_bench.ts
 *
 * @module
 */

import { DelimiterStream, TextLineStream } from "@std/streams";
import haraka from "haraka-utils";
import { Buffer } from "node:buffer";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { SMTPStream } from "smtp-server/lib/smtp-stream";
import { CRLF } from "../src/bytes.ts";
import { LineSplitter } from "../src/stages/mod.ts";
import { check, chunksOf, corpusOf, dialogues, texts } from "./_corpora.ts";

const OCTETS = 1_000_000;
const LIMIT = 1_000;

/** Counts the lines in these chunks. */
type Count = (chunks: readonly Uint8Array<ArrayBuffer>[]) => number | Promise<number>;

async function lengthOf(items: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of items) count++;
  return count;
}

function bufferOf(chunk: Uint8Array<ArrayBuffer>): Buffer<ArrayBuffer> {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

const candidates: Readonly<Record<string, Count>> = {
  "LineSplitter": (chunks) => {
    const splitter = new LineSplitter({ limit: LIMIT });
    let count = 0;
    const out = { enqueue: () => count++ };
    for (const chunk of chunks) splitter.transform(chunk, out);
    return count;
  },
  "smtp-server's SMTPStream": async (chunks) => {
    const stream = new SMTPStream();
    let count = 0;
    stream.oncommand = (_line, next) => {
      count++;
      next?.();
    };
    for (const chunk of chunks) stream.write(bufferOf(chunk));
    await new Promise<void>((resolve) => stream.end(resolve));
    return count;
  },
  "Haraka's splitter": (chunks) => {
    let rest: Buffer = Buffer.alloc(0);
    let count = 0;
    for (const chunk of chunks) {
      rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : bufferOf(chunk);
      for (let at = 0; (at = haraka.indexOfLF(rest, LIMIT)) !== -1;) {
        rest = rest.subarray(at + 1);
        count++;
      }
    }
    return count;
  },
  "node:readline": (chunks) =>
    lengthOf(createInterface({ input: Readable.from(chunks.map(bufferOf)), crlfDelay: Infinity })),
  "@std/streams TextLineStream": (chunks) =>
    lengthOf(
      ReadableStream.from(chunks)
        .pipeThrough(new TextDecoderStream())
        .pipeThrough(new TextLineStream()),
    ),
  "@std/streams DelimiterStream(CRLF)": async (chunks) =>
    // It also hands out what follows the last delimiter: nothing.
    await lengthOf(ReadableStream.from(chunks).pipeThrough(new DelimiterStream(CRLF))) - 1,
};

const { "20-octet lines": short, "78-octet lines": usual, "998-octet lines": long } = texts;
const corpora = {
  "20-octet lines": short,
  "78-octet lines": usual,
  "998-octet lines": long,
  "bursts of commands": dialogues.commands,
};

for (const [group, line] of Object.entries(corpora)) {
  const { octets, lines } = corpusOf(line, OCTETS);
  const chunks = chunksOf(octets);
  for (const [name, count] of Object.entries(candidates)) {
    Deno.bench({
      name: `1 MB: ${name}`,
      group,
      baseline: name === "LineSplitter",
      async fn() {
        const found = count(chunks);
        check(typeof found === "number" ? found : await found, lines);
      },
    });
  }
}
