/**
 * One header field (RFC 5322 §2.2), octet for octet as it came, and new ones as they ought to be.
 *
 * @module
 */

import { CR, decodeStrict, encode, LF, SP } from "../bytes.ts";

const COLON = 0x3a;
const TAB = 0x09;

/** RFC 5322 §2.1.1: a line should have 78 characters at most, and must have no more than 998. */
const LINE = 78;
const LONGEST_LINE = 998;

/** RFC 5322 §3.6.8: what a field name may be; longer ones than this nobody can fold behind. */
const NAME = /^[!-9;-~]{1,76}$/;

/** Octets of which characters are made without a decoder. */
const SHORT = 256;

const latin1 = new TextDecoder("latin1");

/** One character each. Of few octets the decoder would cost more than all the rest. */
function characters(octets: Uint8Array): string {
  if (octets.length > SHORT) return latin1.decode(octets);
  return String.fromCharCode.apply(null, octets as unknown as number[]);
}

/** A header field. */
export class Field {
  /** The whole field, folded as it came, with its last CRLF where it has one. */
  readonly octets: Uint8Array;
  /** As it was written; `""` where the line is no header field. */
  readonly name: string;
  readonly #colon: number;
  #value: string | undefined;

  /**
   * Reads a field; it never fails.
   *
   * @param octets Lines that belong together.
   */
  constructor(octets: Uint8Array) {
    this.octets = octets;
    const colon = octets.indexOf(COLON);
    const name = colon < 0 ? "" : characters(octets.subarray(0, colon)).trimEnd();
    this.name = NAME.test(name) ? name : "";
    this.#colon = this.name === "" ? -1 : colon;
  }

  /** What stands behind the colon, octet for octet, without the last CRLF. */
  get body(): Uint8Array {
    let end = this.octets.length;
    if (this.octets[end - 1] === LF) end--;
    if (this.octets[end - 1] === CR) end--;
    return this.octets.subarray(this.#colon + 1, end);
  }

  /**
   * What stands behind the colon, unfolded (RFC 5322 §2.2.3) and without white space around it. Octets
   * beyond ASCII are read as UTF-8 (RFC 6532 §3.2) and, where they are none, one character each.
   */
  get value(): string {
    if (this.#value === undefined) {
      const text = decodeStrict(this.body) ?? latin1.decode(this.body);
      this.#value = text.replace(/\r\n(?=[ \t])/g, "").replace(/^[ \t]+|[ \t]+$/g, "");
    }
    return this.#value;
  }

  /** Whether it has that name, whatever the case (RFC 5322 §1.2.2). */
  is(name: string): boolean {
    return this.name.length === name.length && this.name.toLowerCase() === name.toLowerCase();
  }
}

/**
 * Writes a field: folded at white space where it is longer than a line should be, words beyond ASCII
 * as encoded-words (RFC 2047 §2). A value that is folded already stays as it is.
 *
 * @throws {RangeError} If it could not be told from other fields, or not be sent.
 */
export function writeField(name: string, value: string): Uint8Array {
  if (!NAME.test(name)) {
    throw new RangeError(`Cannot write a header field named ${JSON.stringify(name)}`);
  }
  const wrong = (why: string): RangeError =>
    new RangeError(`Cannot write the header field ${name}: ${why}`);
  const unfolded = value.replace(/\r?\n(?=[ \t]+[^ \t\r\n])/g, "");
  // deno-lint-ignore no-control-regex -- these are what is looked for
  if (/[\x00\r\n]/.test(unfolded)) throw wrong("found a line break or a NUL in its value");
  const folded = unfolded.length < value.length
    ? `${name}: ${value.replace(/\r?\n/g, "\r\n")}`
    : fold(`${name}:`, encoded(unfolded));
  const octets = encode(`${folded}\r\n`);
  let line = 0;
  for (const octet of octets) {
    line = octet === LF ? 0 : line + 1;
    if (line > LONGEST_LINE + 1) throw wrong(`found a line of more than ${LONGEST_LINE} octets`);
  }
  return octets;
}

/** Breaks a line in front of white space. */
function fold(start: string, value: string): string {
  let folded = start;
  let column = start.length;
  for (const word of ` ${value}`.match(/[ \t]+[^ \t]*/g) ?? []) {
    if (column + word.length > LINE && column > start.length) {
      folded += "\r\n";
      column = 0;
    }
    folded += word;
    column += word.length;
  }
  return folded;
}

/** Octets of UTF-8 in one encoded-word, which may have 75 characters (RFC 2047 §2), beside a name. */
const ENCODED = 36;

/** What is beyond ASCII as encoded-words, from the first such word to the last. */
function encoded(value: string): string {
  // deno-lint-ignore no-control-regex -- ASCII is what is meant
  const foreign = /[^\x00-\x7f]/;
  if (!foreign.test(value)) return value;
  const words = value.split(" ");
  const first = words.findIndex((word) => foreign.test(word));
  const last = words.findLastIndex((word) => foreign.test(word));
  const made: string[] = [];
  let piece = "";
  const end = (): void => {
    if (piece !== "") made.push(`=?UTF-8?B?${btoa(String.fromCharCode(...encode(piece)))}?=`);
    piece = "";
  };
  for (const character of words.slice(first, last + 1).join(" ")) {
    if (encode(piece + character).length > ENCODED) end();
    piece += character;
  }
  end();
  return [...words.slice(0, first), ...made, ...words.slice(last + 1)].join(" ");
}

/** Whether a line goes on with the field before it (RFC 5322 §2.2.3). */
export function continues(octet: number): boolean {
  return octet === SP || octet === TAB;
}
