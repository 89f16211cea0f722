/**
 * What the tests send, and how they tell that it came out as it went in.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { concat, encode } from "../../src/bytes.ts";

/** A message as its author wrote it: lines end with CRLF, nothing is dot-stuffed. */
export interface Message {
  readonly name: string;
  readonly octets: Uint8Array;
}

/** The first header line of every message: what stands before it was added on the way. */
const MARKER = "X-Interop: ";

function message(name: string, ...body: Uint8Array[]): Message {
  const header = [
    `${MARKER}${name}`,
    "From: <sender@test.example>",
    "To: <box@test.example>",
    "Date: Mon, 23 Nov 2026 12:00:00 +0000",
    `Message-ID: <${name.replaceAll(" ", "-")}@test.example>`,
    `Subject: ${name}`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
  ];
  return { name, octets: concat([encode(header.join("\r\n") + "\r\n\r\n"), ...body]) };
}

const lines = (...texts: string[]) => encode(texts.map((text) => `${text}\r\n`).join(""));

const many = (count: number, line: (index: number) => string) =>
  lines(...Array.from({ length: count }, (_, index) => line(index)));

/** A few lines. */
export const SMALL: Message = message("small", lines("A few lines,", "", "no more."));

/** 300 KB in lines of up to the 998 octets that RFC 5322 §2.1.1 allows. */
export const LARGE: Message = message(
  "large",
  many(600, (index) => `${index} `.padEnd(index % 3 === 0 ? 998 : 250, "abcdefghi ")),
);

/** Each message that every client sends. */
export const MESSAGES: readonly Message[] = [
  SMALL,
  message(
    "dots",
    many(2000, (index) => index % 10 === 0 ? `.line ${index}` : `line ${index}`),
    lines(".", "..", "...", "", ".", " .", ".x", "..x", "x.", "."),
  ),
  LARGE,
  message(
    "8-bit",
    lines("Grüße aus Köln, 你好, ελληνικά"),
    Uint8Array.from({ length: 128 }, (_, index) => 0x80 + index),
    lines("", "octets that are not UTF-8 stand above"),
  ),
];

/** Puts a full stop in front of each line that begins with one (RFC 5321 §4.5.2). */
export function dotStuffed(octets: Uint8Array): Uint8Array {
  const text = Array.from(octets, (octet) => String.fromCharCode(octet)).join("");
  const stuffed = text.replace(/^\./g, "..").replaceAll("\r\n.", "\r\n..");
  return Uint8Array.from(stuffed, (character) => character.charCodeAt(0));
}

/**
 * Checks that a delivered file ends with exactly the message, from its first header line on.
 *
 * @param file Lines end with LF, as a Maildir has them.
 */
export function assertArrived(file: Uint8Array, sent: Message): void {
  // One character an octet, so that characters compare as octets do.
  const octetwise = new TextDecoder("latin1");
  const text = octetwise.decode(file);
  const start = text.indexOf(`\n${MARKER}`) + 1;
  assert(start > 0, `No ${MARKER}line in what was delivered: ${text.slice(0, 500)}`);
  const expected = octetwise.decode(sent.octets).replaceAll("\r\n", "\n");
  const actual = text.slice(start);
  if (actual === expected) return;
  let at = 0;
  while (actual[at] === expected[at]) at++;
  const around = (whole: string) => whole.slice(Math.max(0, at - 30), at + 30);
  assertEquals(around(actual), around(expected), `"${sent.name}" differs from octet ${at} on`);
}
