/**
 * The transparency of mail data towards an upstream (RFC 5321 §4.5.2).
 *
 * @module
 */

import { CR, DOT, encode, LF } from "../bytes.ts";
import type { Out, Stage } from "./stage.ts";

const AT_LINE_START = encode(".\r\n");
const IN_LINE = encode("\r\n.\r\n");

/**
 * Message content to mail data: a line that starts with a dot gets another one before it, and
 * `flush` ends the data. Passes on views; holds nothing.
 *
 * Only CRLF begins a line. Content that may hold a CR or LF by itself goes through a
 * {@linkcode NewlineGuard} first, or a lenient upstream may see the end of data within it.
 *
 * @example A line that starts with a dot
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { DotStuffer, toTransformStream } from "@sluice/sluice/stages";
 *
 * const content = new Blob(["\r\n.\r\nThe end"]).stream();
 * const wire = content.pipeThrough(toTransformStream(new DotStuffer()));
 * assertEquals(await new Response(wire).text(), "\r\n..\r\nThe end\r\n.\r\n");
 * ```
 */
export class DotStuffer implements Stage<Uint8Array, Uint8Array> {
  // The last two octets of the content. The start of the data is the start of a line.
  #secondLast: number = CR;
  #last: number = LF;

  /** Enqueues the chunk in pieces that meet in each dot to be doubled, which both have. */
  transform(chunk: Uint8Array, out: Out<Uint8Array>): void {
    let start = 0;
    for (let dot = chunk.indexOf(DOT); dot !== -1; dot = chunk.indexOf(DOT, dot + 1)) {
      const before = dot > 0 ? chunk[dot - 1] : this.#last;
      if (before !== LF) continue;
      const beforeThat = dot > 1 ? chunk[dot - 2] : dot === 1 ? this.#last : this.#secondLast;
      if (beforeThat !== CR) continue;
      // The dot ends this piece and begins the next one.
      out.enqueue(chunk.subarray(start, dot + 1));
      start = dot;
    }
    if (start < chunk.length) out.enqueue(start === 0 ? chunk : chunk.subarray(start));
    if (chunk.length > 0) {
      this.#secondLast = chunk.length > 1 ? chunk[chunk.length - 2] : this.#last;
      this.#last = chunk[chunk.length - 1];
    }
  }

  /** What ends the data after the content so far: its own CRLF only where that has none. */
  terminator(): Uint8Array {
    return this.#secondLast === CR && this.#last === LF ? AT_LINE_START : IN_LINE;
  }

  /** Ends the data. */
  flush(out: Out<Uint8Array>): void {
    out.enqueue(this.terminator());
  }
}
