/**
 * What SMTP carries, for benchmarks: the same octets in each run.
 *
 * @module
 */

import { encode } from "../src/bytes.ts";

/** As much as the system hands over at once where much is to be read. */
const CHUNK = 65_536;

/** Lines of mail data, without CRLF and without stuffing; the name counts the CRLF. */
export const texts = {
  "20-octet lines": (nth: number): string => words(nth, 18),
  "78-octet lines": (nth: number): string => words(nth, 76),
  "998-octet lines": (nth: number): string => words(nth, 996),
  "every fifth line begins with a dot": (nth: number): string =>
    nth % 5 === 0 ? `.${words(nth, 75)}` : words(nth, 76),
  "every line begins with a dot": (nth: number): string => `.${words(nth, 75)}`,
  "base64": (nth: number): string =>
    Uint8Array.from({ length: 57 }, (_, at) => Math.imul(nth + at, 0x9e3779b1) >>> 24).toBase64(),
} as const satisfies Record<string, (nth: number) => string>;

const LOREM = "Lorem ipsum dolor sit amet, consectetur adipisici elit. ".repeat(20);

function words(nth: number, length: number): string {
  const from = nth % 50;
  return LOREM.slice(from, from + length);
}

/** A corpus and the number of its lines. */
export interface Corpus {
  readonly octets: Uint8Array;
  readonly lines: number;
}

/** Whole lines of at least so many octets together, CRLF included. */
export function corpusOf(line: (nth: number) => string, octets: number): Corpus {
  const lines: string[] = [];
  for (let length = 0; length < octets;) {
    const next = `${line(lines.length)}\r\n`;
    lines.push(next);
    length += next.length;
  }
  return { octets: encode(lines.join("")), lines: lines.length };
}

/** The transparency of RFC 5321 §4.5.2 and the end of mail data, by the plainest means. */
export function stuffed(text: string): string {
  return `${text.replaceAll(/^\./gm, "..")}.\r\n`;
}

/** The command lines of a mail transaction with two recipients, which pipelining sends at once. */
const group = (nth: number): readonly string[] => [
  `MAIL FROM:<user${nth}@sender${nth % 100}.example> SIZE=${2_000 + nth} BODY=8BITMIME`,
  `RCPT TO:<first${nth}@domain${nth % 7}.example>`,
  `RCPT TO:<second.one+tag${nth}@sub.domain${nth % 7}.example> NOTIFY=SUCCESS,FAILURE`,
  "DATA",
];

/** What an upstream answers to such a transaction. */
const answers = (nth: number): readonly string[] => [
  "250 2.1.0 Ok",
  "250 2.1.5 Ok",
  "250 2.1.5 Ok",
  "354 End data with <CR><LF>.<CR><LF>",
  `250 2.0.0 Ok: queued as ${(nth + 4096).toString(16).toUpperCase()}`,
];

/** What it answers to EHLO. */
const offer: readonly string[] = [
  "250-mx.example",
  "250-PIPELINING",
  "250-SIZE 52428800",
  "250-ENHANCEDSTATUSCODES",
  "250-8BITMIME",
  "250-DSN",
  "250-SMTPUTF8",
  "250 CHUNKING",
];

/** Dialogues by line. */
export const dialogues = {
  commands: (nth: number): string => group(nth >> 2)[nth & 3],
  replies: (nth: number): string => answers(Math.floor(nth / 5))[nth % 5],
  offers: (nth: number): string => offer[nth % offer.length],
} as const satisfies Record<string, (nth: number) => string>;

/** Views of so many octets each, the last one shorter. */
export function chunksOf(octets: Uint8Array, size: number = CHUNK): Uint8Array<ArrayBuffer>[] {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < octets.length; at += size) {
    chunks.push(octets.subarray(at, at + size) as Uint8Array<ArrayBuffer>);
  }
  return chunks;
}

/** A benchmark that has not done its work is none. */
export function check(found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`Found ${found} instead of ${expected}`);
}
