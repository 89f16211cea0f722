/**
 * Octets to lines: the framing of commands and replies, which does not depend on their grammar.
 *
 * @module
 */

import { CR, EMPTY, LF, NUL } from "../bytes.ts";
import { OctetBuffer } from "./octet_buffer.ts";
import type { Framer, Out } from "./stage.ts";

const CRLF_LENGTH = 2;

/** Why a line must not be acted on; the first cause, but `too-long` before all others. */
export type LineFault = "bare-cr" | "bare-lf" | "nul" | "too-long";

/** One line as it came. */
export interface Line {
  /**
   * The octets before the CRLF; empty where the line was too long. A view of the chunk where the
   * line lay in one, so it is valid as long as the chunk.
   */
  readonly octets: Uint8Array;
  /** Absent in a line that is sound. */
  readonly fault?: LineFault;
}

/**
 * Cuts octets into lines, of which only CRLF ends one (RFC 5321 §2.3.8).
 *
 * A CR or LF by itself, or a NUL, marks the line as faulty and reading goes on to its true end:
 * whoever acts in the middle of a line turns the rest of it into commands. Of a line that is too
 * long nothing is kept. Holds at most `limit` octets.
 *
 * @example Lines across chunks
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { LineSplitter } from "@sluice/sluice/stages";
 *
 * const splitter = new LineSplitter({ limit: 512 });
 * const lines: string[] = [];
 * for (const chunk of ["NOOP\r\nQU", "IT\r", "\nRSET\n", "DATA\r\nHE"]) {
 *   splitter.transform(new TextEncoder().encode(chunk), {
 *     enqueue: ({ octets, fault }) => lines.push(fault ?? new TextDecoder().decode(octets)),
 *   });
 * }
 * assertEquals(lines, ["NOOP", "QUIT", "bare-lf"]);
 * assertEquals(splitter.pending, "HE".length);
 * ```
 */
export class LineSplitter implements Framer<Line> {
  readonly #limit: number;
  readonly #held = new OctetBuffer();
  /** Octets of the unfinished line in earlier chunks, whether held or discarded. */
  #earlier = 0;
  #afterCr = false;
  #fault: LineFault | undefined;

  /**
   * Makes a splitter for one direction of one connection.
   *
   * @param options `limit`: longest line in octets, CRLF included (RFC 5321 §4.5.3.1).
   */
  constructor(options: { readonly limit: number }) {
    this.#limit = options.limit;
  }

  /** Octets of an unfinished line that have been taken so far. */
  get pending(): number {
    return this.#earlier;
  }

  /** Drops the unfinished line (RFC 3207 §4.2) and returns how many octets of it had come. */
  clear(): number {
    const dropped = this.#earlier;
    this.#held.clear();
    this.#earlier = 0;
    this.#afterCr = false;
    this.#fault = undefined;
    return dropped;
  }

  /** Takes one line and stops behind its CRLF, or takes all that is there of it. */
  take(chunk: Uint8Array, from: number, out: Out<Line>): number {
    for (let at = from; at < chunk.length; at++) {
      const octet = chunk[at];
      if (octet > CR && !this.#afterCr) continue;
      if (octet === LF && this.#afterCr) {
        out.enqueue(this.#finish(chunk, from, at + 1));
        return at + 1;
      }
      if (this.#afterCr) this.#fault ??= "bare-cr";
      if (octet === LF) this.#fault ??= "bare-lf";
      if (octet === NUL) this.#fault ??= "nul";
      this.#afterCr = octet === CR;
    }
    this.#hold(chunk.subarray(from));
    return chunk.length;
  }

  /** Enqueues every line that ends in `chunk`. */
  transform(chunk: Uint8Array, out: Out<Line>): void {
    for (let at = 0; at < chunk.length;) at = this.take(chunk, at, out);
  }

  /** Drops an unterminated remainder: it is never a command. */
  flush(): void {
    this.clear();
  }

  /** As `flush`. */
  cancel(): void {
    this.clear();
  }

  #finish(chunk: Uint8Array, from: number, end: number): Line {
    const tooLong = this.#earlier + end - from > this.#limit;
    const octets = tooLong ? EMPTY : this.#withoutEnd(chunk, from, end);
    const fault = tooLong ? "too-long" : this.#fault;
    this.clear();
    return fault ? { octets, fault } : { octets };
  }

  #withoutEnd(chunk: Uint8Array, from: number, end: number): Uint8Array {
    if (this.#earlier === 0) return chunk.subarray(from, end - CRLF_LENGTH);
    this.#hold(chunk.subarray(from, end));
    const line = this.#held.take();
    return line.subarray(0, line.length - CRLF_LENGTH);
  }

  #hold(part: Uint8Array): void {
    this.#earlier += part.length;
    if (this.#earlier > this.#limit) this.#held.clear();
    else this.#held.append(part);
  }
}
