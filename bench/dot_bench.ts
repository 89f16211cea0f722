/**
 * What does the transparency of mail data cost (RFC 5321 §4.5.2)?
 *
 * One iteration moves a message of 1 MB in chunks of 64 KiB: 1 ms is 1 GB/s. The baselines are
 * smtp-server's SMTPStream, which undoes the stuffing, and nodemailer's DataStream, which does it.
 * Neither refuses a CR or LF by itself.
 *
 *     deno bench --allow-read bench/dot_bench.ts
 *
 * @module
 */

import { Buffer } from "node:buffer";
import DataStream from "nodemailer/lib/smtp-connection/data-stream";
import { SMTPStream } from "smtp-server/lib/smtp-stream";
import { encode } from "../src/bytes.ts";
import { type DataEvent, DotStuffer, DotUnstuffer, type EndOfData } from "../src/stages/mod.ts";
import { check, chunksOf, corpusOf, stuffed, texts } from "./_corpora.ts";

const OCTETS = 1_000_000;

type Chunks = readonly Uint8Array<ArrayBuffer>[];

function bufferOf(chunk: Uint8Array<ArrayBuffer>): Buffer<ArrayBuffer> {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** @returns Octets of the content. */
type Run = (chunks: Chunks) => number | Promise<number>;

function unstuff(chunks: Chunks, keepStuffing: boolean): number {
  const stage = new DotUnstuffer({ keepStuffing });
  let end: EndOfData | undefined;
  const out = {
    enqueue(event: DataEvent) {
      if (!(event instanceof Uint8Array)) end = event;
    },
  };
  for (const chunk of chunks) stage.take(chunk, 0, out);
  return end!.octets;
}

const unstuffers: Readonly<Record<string, Run>> = {
  "DotUnstuffer": (chunks) => unstuff(chunks, false),
  "DotUnstuffer, stuffing kept": (chunks) => unstuff(chunks, true),
  "smtp-server's SMTPStream": (chunks) =>
    new Promise((resolve, reject) => {
      const stream = new SMTPStream();
      const data = stream.startDataMode();
      let octets = 0;
      stream.on("error", reject);
      data.on("data", (piece: Uint8Array) => octets += piece.length);
      data.on("end", () => resolve(octets));
      for (const chunk of chunks) stream.write(bufferOf(chunk));
    }),
};

/** @returns Octets on the wire. */
const stuffers: Readonly<Record<string, Run>> = {
  "DotStuffer": (chunks) => {
    const stage = new DotStuffer();
    let octets = 0;
    const out = { enqueue: (piece: Uint8Array) => octets += piece.length };
    for (const chunk of chunks) stage.transform(chunk, out);
    stage.flush(out);
    return octets;
  },
  "nodemailer's DataStream": (chunks) =>
    new Promise((resolve, reject) => {
      const stream = new DataStream();
      let octets = 0;
      stream.on("error", reject);
      stream.on("data", (piece: Uint8Array) => octets += piece.length);
      stream.on("end", () => resolve(octets));
      for (const chunk of chunks) stream.write(bufferOf(chunk));
      stream.end();
    }),
};

for (const [corpus, line] of Object.entries(texts)) {
  const content = corpusOf(line, OCTETS).octets;
  const wire = encode(stuffed(new TextDecoder().decode(content)));
  const directions = [
    ["unstuffing", unstuffers, wire, content.length],
    ["stuffing", stuffers, content, wire.length],
  ] as const;
  for (const [direction, candidates, input, expected] of directions) {
    const chunks = chunksOf(input);
    for (const [nth, [name, run]] of Object.entries(candidates).entries()) {
      Deno.bench({
        name: `1 MB: ${name}`,
        group: `${direction}: ${corpus}`,
        baseline: nth === 0,
        async fn() {
          const octets = run(chunks);
          check(typeof octets === "number" ? octets : await octets, expected);
        },
      });
    }
  }
}
