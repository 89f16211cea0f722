/**
 * What the sink of a benchmark says: an SMTP server that takes every message and keeps none, without
 * a look at more of it than it must.
 *
 * It relies on clients that send nothing behind the end of mail data before its reply has come.
 *
 * @module
 */

import { concat, EMPTY, encode, LF } from "../src/bytes.ts";

const OK = encode("250 2.0.0 Ok\r\n");
const OFFER = encode("250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 CHUNKING\r\n");
const GO_AHEAD = encode("354 Go ahead\r\n");
const BYE = encode("221 2.0.0 Bye\r\n");
const UNKNOWN = encode("500 5.5.1 What?\r\n");

/** By the first letter of the verb, in upper case. */
const replies: Readonly<Record<number, Uint8Array>> = Object.fromEntries(
  Object.entries({ E: OFFER, H: OK, M: OK, R: OK, N: OK, D: GO_AHEAD, Q: BYE })
    .map(([letter, reply]) => [letter.charCodeAt(0), reply]),
);
const [B, D, Q, ZERO] = encode("BDQ0");
/** Clear in an upper-case letter. */
const CASE_BIT = 0x20;
const SIZE_AT = "BDAT ".length;

const END_OF_DATA = encode("\r\n.\r\n");
const AT_LINE_START = encode("\r\n");

/** One client. */
export class SinkDialogue {
  /** What comes first. */
  static readonly greeting: Uint8Array = encode("220 sink.example ESMTP\r\n");

  /** Messages taken. */
  messages = 0;
  /** It has said QUIT. */
  over = false;
  /** Of an unfinished command line. */
  #rest: Uint8Array = EMPTY;
  /** The last octets of mail data so far, while it is read. */
  #tail: Uint8Array | undefined;
  /** Octets of a BDAT chunk still to come. */
  #chunk = 0;
  /** It is the last of its message. */
  #last = false;

  /** Takes what the client has sent; returns what is to be answered, which may be nothing. */
  take(octets: Uint8Array): Uint8Array {
    if (this.#tail !== undefined) return this.#takeData(octets, this.#tail);
    const answers: Uint8Array[] = [];
    let at = this.#skipChunk(octets, 0, answers);
    while (at < octets.length) {
      const end = octets.indexOf(LF, at) + 1;
      if (end === 0) {
        this.#rest = concat([this.#rest, octets.subarray(at)]);
        break;
      }
      const line = octets.subarray(at, end);
      answers.push(this.#obey(this.#rest.length === 0 ? line : concat([this.#rest, line])));
      this.#rest = EMPTY;
      at = this.#skipChunk(octets, end, answers);
    }
    return answers.length === 1 ? answers[0] : concat(answers);
  }

  #obey(line: Uint8Array): Uint8Array {
    const verb = line[0] & ~CASE_BIT;
    if (verb === B) {
      let at = SIZE_AT;
      let size = 0;
      for (; line[at] >= ZERO; at++) size = 10 * size + line[at] - ZERO;
      this.#chunk = size;
      // What else could follow the size but LAST?
      this.#last = line.length > at + AT_LINE_START.length;
      // The reply comes behind the chunk.
      return size === 0 ? this.#endChunk() : EMPTY;
    }
    if (verb === D) this.#tail = AT_LINE_START;
    this.over = verb === Q;
    return replies[verb] ?? UNKNOWN;
  }

  #takeData(octets: Uint8Array, tail: Uint8Array): Uint8Array {
    const { length } = END_OF_DATA;
    const last = octets.length >= length ? octets : concat([tail, octets]);
    const from = Math.max(0, last.length - length);
    if (last.length >= length && END_OF_DATA.every((octet, nth) => last[from + nth] === octet)) {
      this.#tail = undefined;
      this.messages++;
      return OK;
    }
    // The octets are in memory that is used again.
    this.#tail = last.slice(from);
    return EMPTY;
  }

  #skipChunk(octets: Uint8Array, at: number, answers: Uint8Array[]): number {
    if (this.#chunk === 0) return at;
    const count = Math.min(this.#chunk, octets.length - at);
    this.#chunk -= count;
    if (this.#chunk === 0) answers.push(this.#endChunk());
    return at + count;
  }

  #endChunk(): Uint8Array {
    if (this.#last) this.messages++;
    return OK;
  }
}
