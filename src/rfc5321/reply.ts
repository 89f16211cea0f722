/**
 * Replies (RFC 5321 §4.2) with their enhanced status codes (RFC 2034, RFC 3463).
 *
 * @module
 */

import { encode } from "../bytes.ts";
import { maxReplyLines, maxReplyText } from "./limits.ts";
import { cut, isAscii, isClean, octetLength } from "./text.ts";

/** An enhanced status code (RFC 3463 §2): `class.subject.detail`. */
export interface EnhancedCode {
  /** 2 success, 4 persistent transient failure, 5 permanent failure. */
  readonly class: 2 | 4 | 5;
  /** 0 to 999. */
  readonly subject: number;
  /** 0 to 999. */
  readonly detail: number;
}

// RFC 3463 §2: no leading zeros.
const enhancedCode = /^([245])\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})(?: |$)/;
const subjectDotDetail = /^(?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2})$/;
const nonAscii = /[^\t -~]/gu;
const authored = /^([0-9]{3})(?: ([^]*))?$/;

/**
 * One reply: a code and its lines. Immutable; an invalid one cannot be made.
 *
 * @example What goes on the wire
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { Reply } from "@sluice/sluice/rfc5321";
 *
 * const reply = new Reply(550, ["Not here", "Try elsewhere"]).withEnhanced("1.1");
 * assertEquals(reply.toString(), "550-5.1.1 Not here\r\n550 5.1.1 Try elsewhere\r\n");
 * assertEquals(reply.permanent, true);
 * assertEquals(reply.enhanced, { class: 5, subject: 1, detail: 1 });
 *
 * assertThrows(() => Reply.parse("550 No\r\n250 Yes"), RangeError);
 * ```
 */
export class Reply {
  /** The reply code, 200 to 599; its second digit is 0 to 5. */
  readonly code: number;
  /** The text of each line without code and CRLF, enhanced status code included; at least one. */
  readonly lines: readonly string[];
  /** The wire form, once somebody has asked for it: our own replies are sent again and again. */
  #wire: string | undefined;

  /**
   * Makes a reply.
   *
   * @param code The reply code (RFC 5321 §4.2).
   * @param lines The text of the only line, or of each line; `""` is a line without text.
   * @throws {RangeError} If the code is none, if there is no line or more than 100, if a line is
   * longer than 506 octets, or if it contains a control character other than a tab.
   */
  constructor(code: number, lines: string | readonly string[]) {
    if (!Number.isInteger(code) || code < 200 || code > 599 || Math.trunc(code / 10) % 10 > 5) {
      throw new RangeError(
        `Cannot make a reply: code ${code}, expected 200 to 599 with a second digit of 0 to 5`,
      );
    }
    const texts = typeof lines === "string" ? [lines] : [...lines];
    if (texts.length === 0 || texts.length > maxReplyLines) {
      throw new RangeError(
        `Cannot make a ${code} reply: ${texts.length} lines, expected 1 to ${maxReplyLines}`,
      );
    }
    for (const text of texts) {
      if (!isClean(text, { tab: true })) {
        throw new RangeError(
          `Cannot make a ${code} reply: control character or line break in ${
            JSON.stringify(text)
          }, expected printable text`,
        );
      }
      const length = octetLength(text);
      // RFC 5321 §4.5.3.1.5
      if (length > maxReplyText) {
        throw new RangeError(
          `Cannot make a ${code} reply: line of ${length} octets, expected at most ${maxReplyText}`,
        );
      }
    }
    this.code = code;
    this.lines = Object.freeze(texts);
  }

  /**
   * Reads a reply of one line as an operator writes it: `550 5.7.1 Not welcome`.
   *
   * @throws {RangeError} If it is not `code SP text`, or what the constructor refuses.
   */
  static parse(text: string): Reply {
    const match = authored.exec(text);
    if (match === null) {
      throw new RangeError(
        `Cannot read a reply from ${JSON.stringify(text)}: expected a three-digit code, a space ` +
          `and the text, such as "550 5.7.1 Not welcome"`,
      );
    }
    return new Reply(Number(match[1]), match[2] ?? "");
  }

  /** The enhanced status code of the first line, if its class fits the reply code (RFC 2034 §4). */
  get enhanced(): EnhancedCode | undefined {
    const match = enhancedCode.exec(this.lines[0]);
    if (match === null || !String(this.code).startsWith(match[1])) return undefined;
    return {
      class: Number(match[1]) as EnhancedCode["class"],
      subject: Number(match[2]),
      detail: Number(match[3]),
    };
  }

  /** 2yz: done (RFC 5321 §4.2.1). */
  get positive(): boolean {
    return this.code < 300;
  }

  /** 3yz: the server waits for more (RFC 5321 §4.2.1). */
  get intermediate(): boolean {
    return this.code >= 300 && this.code < 400;
  }

  /** 4yz: not done, may be tried again (RFC 5321 §4.2.1). */
  get transient(): boolean {
    return this.code >= 400 && this.code < 500;
  }

  /** 5yz: not done, not to be tried again (RFC 5321 §4.2.1). */
  get permanent(): boolean {
    return this.code >= 500;
  }

  /**
   * The same reply with an enhanced status code on each line (RFC 2034 §4), its class taken from the
   * reply code; itself where the first line has one already, and for 3yz, which never has one. A
   * line that would grow too long loses its end.
   *
   * @param subjectDetail For example `"7.1"`.
   * @throws {RangeError} If `subjectDetail` is not two numbers of at most three digits.
   */
  withEnhanced(subjectDetail: string): Reply {
    if (!subjectDotDetail.test(subjectDetail)) {
      throw new RangeError(
        `Cannot add an enhanced status code: ${JSON.stringify(subjectDetail)}, ` +
          `expected subject and detail such as "7.1"`,
      );
    }
    if (this.intermediate || this.enhanced !== undefined) return this;
    const prefix = `${Math.trunc(this.code / 100)}.${subjectDetail} `;
    return new Reply(this.code, this.lines.map((line) => cut(prefix + line, maxReplyText)));
  }

  /** The same reply with `?` for every character outside ASCII (RFC 6531 §3.7.4.2). */
  inAscii(): Reply {
    // Mail passes here, and nearly every reply has one line.
    if (this.lines.length === 1 ? isAscii(this.lines[0]) : this.lines.every(isAscii)) return this;
    return new Reply(this.code, this.lines.map((line) => line.replace(nonAscii, "?")));
  }

  /** The lines joined by spaces: for logs and for replies that must fit one line. */
  get text(): string {
    return this.lines.join(" ");
  }

  /** The wire form, every line with its CRLF: `"250-a\r\n250 b\r\n"` (RFC 5321 §4.2.1). */
  toString(): string {
    const last = this.lines.length - 1;
    this.#wire ??= last === 0
      ? `${this.code} ${this.lines[0]}\r\n`
      : this.lines.map((line, nth) => `${this.code}${nth < last ? "-" : " "}${line}\r\n`).join("");
    return this.#wire;
  }

  /** The octets of the wire form. */
  toBytes(): Uint8Array {
    return encode(this.toString());
  }
}
