/**
 * Lines to replies of an upstream, which is not trusted to keep to the grammar.
 *
 * @module
 */

import { decodeStrict, SP } from "../bytes.ts";
import { maxReplyLines, maxReplyText } from "../rfc5321/limits.ts";
import { Reply } from "../rfc5321/reply.ts";
import type { Line } from "./line_splitter.ts";
import type { Out, Stage } from "./stage.ts";

/** What is wrong with a reply. */
export type ReplyFaultReason =
  /** A CR or LF by itself, or a NUL. */
  | "octets"
  /** A line, the number of lines or all of them together exceed their limit. */
  | "too-long"
  /** Not a reply line, or a code that RFC 5321 §4.2.1 does not know. */
  | "syntax"
  /** Lines of one reply with different codes. */
  | "mixed-codes";

/**
 * The upstream has sent something that is not a reply. There is no way back into step with it, so
 * the connection has to be closed.
 *
 * @example Two replies that claim to be one
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { fuse, LineSplitter, ReplyFault, ReplyParser } from "@sluice/sluice/stages";
 *
 * const stage = fuse(new LineSplitter({ limit: 512 }), new ReplyParser());
 * const octets = new TextEncoder().encode("250-Ok\r\n550 No\r\n");
 * const fault = assertThrows(() => stage.transform(octets, { enqueue: () => {} }), ReplyFault);
 * assertEquals(fault.reason, "mixed-codes");
 * ```
 */
export class ReplyFault extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "ReplyFault";
  /**
   * Is thrown by {@linkcode ReplyParser}.
   *
   * @param message What was found, for logs; it has nothing of the reply's text.
   */
  constructor(readonly reason: ReplyFaultReason, message: string) {
    super(`Parse a reply: ${message}`);
  }
}

/** Limits of one reply. */
export interface ReplyParserOptions {
  /** Lines, at most 100. @default 100 */
  readonly maxLines?: number;
  /** Octets of all lines together, CRLFs included. @default 16384 */
  readonly maxOctets?: number;
}

const CRLF_LENGTH = 2;
/** Code and separator. */
const HEAD_LENGTH = 4;
const HYPHEN = 0x2d;
const ZERO = 0x30;
const TILDE = 0x7e;
// deno-lint-ignore no-control-regex
const nonAscii = /[^\x00-\x7f]/g;
// C0 but HT, DEL, C1, and the two separators that other programs take for a line end.
// deno-lint-ignore no-control-regex
const unprintable = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]/g;
// One character for each octet, whatever the octet.
const singleOctets = new TextDecoder("latin1");

/**
 * Gathers the lines of a reply (RFC 5321 §4.2.1) and hands it out when its last line has come,
 * never in part. Octets that are not UTF-8, and controls but HT, become `?`.
 *
 * `transform` throws {@linkcode ReplyFault}.
 *
 * @example A reply of two lines
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Reply } from "@sluice/sluice/rfc5321";
 * import { fuse, LineSplitter, ReplyParser } from "@sluice/sluice/stages";
 *
 * const stage = fuse(new LineSplitter({ limit: 512 }), new ReplyParser());
 * const replies: Reply[] = [];
 * for (const chunk of ["250-mx.exam", "ple\r\n250 SIZE\r\n354"]) {
 *   stage.transform(new TextEncoder().encode(chunk), { enqueue: (one) => replies.push(one) });
 * }
 * assertEquals(replies, [new Reply(250, ["mx.example", "SIZE"])]);
 * ```
 */
export class ReplyParser implements Stage<Line, Reply> {
  readonly #maxLines: number;
  readonly #maxOctets: number;
  #code = 0;
  #octets = 0;
  #lines: string[] = [];

  /** Makes a parser for one connection; a limit above 100 lines counts as 100. */
  constructor(options: ReplyParserOptions = {}) {
    this.#maxLines = Math.min(options.maxLines ?? maxReplyLines, maxReplyLines);
    this.#maxOctets = options.maxOctets ?? 16_384;
  }

  /** Whether a reply has begun and not ended. */
  get pending(): boolean {
    return this.#lines.length > 0;
  }

  /** Forgets an unfinished reply. */
  clear(): void {
    this.#octets = 0;
    this.#lines = [];
  }

  /**
   * Takes one line; enqueues the reply that it completes.
   *
   * @throws {ReplyFault} If the line is none of a reply, or exceeds a limit.
   */
  transform(line: Line, out: Out<Reply>): void {
    if (line.fault === "too-long") throw new ReplyFault("too-long", "a line exceeds its limit");
    if (line.fault) throw new ReplyFault("octets", `found ${line.fault} in a line`);
    // RFC 5321 §4.5.3.1.5
    if (line.octets.length > HEAD_LENGTH + maxReplyText) {
      throw new ReplyFault("too-long", `a line has more than ${maxReplyText} octets of text`);
    }
    this.#octets += line.octets.length + CRLF_LENGTH;
    if (this.#octets > this.#maxOctets) {
      throw new ReplyFault("too-long", `more than ${this.#maxOctets} octets`);
    }
    if (this.#lines.length === this.#maxLines) {
      throw new ReplyFault("too-long", `more than ${this.#maxLines} lines`);
    }
    const code = codeOf(line.octets);
    const separator = line.octets[HEAD_LENGTH - 1];
    if (
      code === undefined || (separator !== undefined && separator !== SP && separator !== HYPHEN)
    ) {
      throw new ReplyFault("syntax", "a line has no code from 200 to 559 and separator");
    }
    if (this.pending && code !== this.#code) {
      throw new ReplyFault("mixed-codes", `found ${code} in a reply that began with ${this.#code}`);
    }
    this.#code = code;
    this.#lines.push(printable(line.octets.subarray(HEAD_LENGTH)));
    if (separator === HYPHEN) return;
    const lines = this.#lines;
    this.clear();
    out.enqueue(new Reply(code, lines));
  }

  /** Drops an unfinished reply: it is none. */
  flush(): void {
    this.clear();
  }

  /** As `clear`. */
  cancel(): void {
    this.clear();
  }
}

/** RFC 5321 §4.2.1: the first digit is 2 to 5, the second 0 to 5. */
function codeOf(octets: Uint8Array): number | undefined {
  const hundreds = octets[0] - ZERO;
  const tens = octets[1] - ZERO;
  const ones = octets[2] - ZERO;
  const known = hundreds >= 2 && hundreds <= 5 && tens >= 0 && tens <= 5 && ones >= 0 && ones <= 9;
  return known ? hundreds * 100 + tens * 10 + ones : undefined;
}

function printable(octets: Uint8Array): string {
  if (isPrintable(octets)) return decodeStrict(octets)!;
  const text = decodeStrict(octets) ?? singleOctets.decode(octets).replace(nonAscii, "?");
  return text.replace(unprintable, "?");
}

function isPrintable(octets: Uint8Array): boolean {
  for (let at = 0; at < octets.length; at++) {
    if (octets[at] < SP || octets[at] > TILDE) return false;
  }
  return true;
}
