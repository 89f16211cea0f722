/**
 * How fast is the end of mail data found, and whatever is wrong with it, beside what one would
 * take otherwise?
 *
 * Each measured iteration reads one message of 100 MB in chunks of 64 KiB, several times as much as
 * the processor's caches hold, and makes sure of what it has found: 10 ms are 10 GB/s. The stage
 * finds bare newlines, dots behind NULs and stuffing too; the others find lines, or the end.
 *
 *     deno bench bench/scan_bench.ts
 *
 * @module
 */

import { DelimiterStream, TextLineStream } from "@std/streams";
import { Buffer } from "node:buffer";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { CRLF, encode } from "../src/bytes.ts";
import { DotUnstuffer, type EndOfData } from "../src/stages/mod.ts";
import {
  currentScanner,
  plainScanner,
  type Scanner,
  setScanner,
} from "../src/stages/scanner/scanner.ts";

const MESSAGE = 100_000_000;
const CHUNK = 65_536;

/** One line of a corpus after the other, without its CRLF. */
const corpora: Readonly<Record<string, (nth: number) => string>> = {
  "78-octet lines": (nth) => words(nth, 76),
  "20-octet lines": (nth) => words(nth, 18),
  "998-octet lines": (nth) => words(nth, 996),
  "every fifth line begins with a dot": (nth) => nth % 5 ? words(nth, 76) : `..${words(nth, 74)}`,
  "base64": (nth) =>
    Uint8Array.from({ length: 57 }, (_, at) => Math.imul(nth + at, 0x9e3779b1) >>> 24).toBase64(),
};

function words(nth: number, length: number): string {
  const all = "Lorem ipsum dolor sit amet, consectetur adipisici elit. ".repeat(20);
  return all.slice(nth % 50, nth % 50 + length);
}

/** A message in two places: memory that the SIMD scanner has to copy from, and its own. */
interface Message {
  readonly chunks: readonly Uint8Array[];
  readonly inPlace: readonly Uint8Array[];
  readonly lines: number;
  /** Octets without the end of the data and, like RFC 1870 §5, without stuffed dots. */
  readonly content: number;
}

const simd = currentScanner();
const ordinary = new Uint8Array(MESSAGE);
const regions: Uint8Array[] = [];
for (let octets = 0; octets < MESSAGE; octets += regions[0].length) regions.push(simd.memory()!);

/** Only the last one asked for is kept. */
let current: { corpus: string; message: Message } | undefined;

function messageOf(corpus: string): Message {
  if (current?.corpus === corpus) return current.message;
  const some = Array.from({ length: 1000 }, (_, nth) => `${corpora[corpus](nth)}\r\n`);
  const period = encode(some.join(""));
  const end = encode("\r\n.\r\n");
  const periods = Math.floor((MESSAGE - end.length) / period.length);
  const last = encode("x".repeat(MESSAGE - end.length - periods * period.length));
  for (let nth = 0; nth < periods; nth++) ordinary.set(period, nth * period.length);
  ordinary.set(last, periods * period.length);
  ordinary.set(end, MESSAGE - end.length);
  const chunks: Uint8Array[] = [];
  const inPlace: Uint8Array[] = [];
  for (let at = 0; at < MESSAGE; at += CHUNK) {
    const chunk = ordinary.subarray(at, at + CHUNK);
    const region = regions[Math.floor(at / regions[0].length)];
    const place = at % region.length;
    region.set(chunk, place);
    chunks.push(chunk);
    inPlace.push(region.subarray(place, place + chunk.length));
  }
  const stuffed = some.filter((line) => line.startsWith(".")).length * periods;
  // The rest of the message is one line; the end of the data is the last.
  const lines = some.length * periods + 2;
  const message = { chunks, inPlace, lines, content: MESSAGE - 3 - stuffed };
  current = { corpus, message };
  return message;
}

function check(found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`Found ${found} instead of ${expected}`);
}

/** Reads the message as the session does, in the form that goes on to an upstream. */
function unstuff(chunks: readonly Uint8Array[], { content }: Message): void {
  const stage = new DotUnstuffer({ keepStuffing: true });
  let end: EndOfData | undefined;
  const out = {
    enqueue(event: Uint8Array | EndOfData) {
      if (!(event instanceof Uint8Array)) end = event;
    },
  };
  for (const chunk of chunks) stage.take(chunk, 0, out);
  check(end?.fault, undefined);
  check(end?.octets, content);
}

function unstuffBy(scanner: Scanner, chunks: readonly Uint8Array[], message: Message): void {
  setScanner(scanner);
  unstuff(chunks, message);
}

/** The usual advice: with the last octets of a chunk carried over to the next. */
function indexOfEnd({ chunks }: Message): void {
  const end = Buffer.from("\r\n.\r\n");
  let carry: Buffer = Buffer.from(CRLF);
  let at = 0;
  for (const chunk of chunks) {
    const octets = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const joint = Buffer.concat([carry, octets.subarray(0, 4)]).indexOf(end);
    if (joint >= 0) return check(at - carry.length + joint + end.length, MESSAGE);
    const found = octets.indexOf(end);
    if (found >= 0) return check(at + found + end.length, MESSAGE);
    carry = octets.subarray(-4);
    at += octets.length;
  }
  throw new Error("Found no end");
}

async function countLines(lines: ReadableStream<unknown>, message: Message): Promise<void> {
  let count = 0;
  for await (const _ of lines) count++;
  // DelimiterStream also hands out what follows the last delimiter: nothing.
  if (count !== message.lines + 1) check(count, message.lines);
}

async function readLines(message: Message): Promise<void> {
  const input = Readable.from(
    message.chunks.map((chunk) => Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)),
  );
  let count = 0;
  for await (const _ of createInterface({ input, crlfDelay: Infinity })) count++;
  check(count, message.lines);
}

/** A name, how many iterations are measured, and what is. */
type Candidate = [name: string, n: number, run: (message: Message) => void | Promise<void>];

const candidates: readonly Candidate[] = [
  ["DotUnstuffer, SIMD in place", 30, (m) => unstuffBy(simd, m.inPlace, m)],
  ["DotUnstuffer, SIMD with a copy", 30, (m) => unstuffBy(simd, m.chunks, m)],
  ["DotUnstuffer, plain", 20, (m) => unstuffBy(plainScanner, m.chunks, m)],
  ["Buffer.indexOf(CRLF.CRLF)", 5, indexOfEnd],
  ["node:readline", 3, readLines],
  [
    "@std/streams TextLineStream",
    3,
    (m) =>
      countLines(
        ReadableStream.from(m.chunks as Uint8Array<ArrayBuffer>[])
          .pipeThrough(new TextDecoderStream())
          .pipeThrough(new TextLineStream()),
        m,
      ),
  ],
  [
    "@std/streams DelimiterStream(CRLF)",
    3,
    (m) => countLines(ReadableStream.from(m.chunks).pipeThrough(new DelimiterStream(CRLF)), m),
  ],
];

for (const corpus of Object.keys(corpora)) {
  for (const [name, n, run] of candidates) {
    Deno.bench({
      name: `100 MB: ${name}`,
      group: corpus,
      n,
      warmup: 2,
      baseline: name === candidates[0][0],
      async fn(b) {
        const message = messageOf(corpus);
        b.start();
        const done = run(message);
        if (done) await done;
        b.end();
      },
    });
  }
}
