/**
 * What it is to skip, and the way of it that needs nothing.
 *
 * @module
 */

import { CR, DOT, LF, NUL } from "../../bytes.ts";

/**
 * Passes over mail data about which nobody has to decide, from a place within a line on: what comes
 * before `from` counts for nothing.
 *
 * @returns Where the first of these is, or `chunk.length`: a CR without its LF (also as the last
 * octet of the chunk), an LF without its CR, a dot or a NUL behind CRLF.
 */
export type Skip = (chunk: Uint8Array, from: number) => number;

/** An octet that means nothing to the one behind it. */
export const NO_NEWLINE = 0x20;

/**
 * Skips octet by octet, and goes no further than `end`; but a CRLF that is there at `end` is passed
 * as a whole.
 *
 * @param before The octet before `from`: LF where a line begins.
 */
export function skipOctets(chunk: Uint8Array, before: number, from: number, end: number): number {
  let at = from;
  let lineStart = before === LF;
  while (at < end) {
    if (lineStart && (chunk[at] === DOT || chunk[at] === NUL)) return at;
    lineStart = false;
    while (at < end && chunk[at] > CR) at++;
    if (at === end) return at;
    if (chunk[at] === CR) {
      if (chunk[at + 1] !== LF) return at;
      lineStart = true;
      at += 2;
    } else if (chunk[at] === LF) {
      return at;
    } else {
      at++;
    }
  }
  return at;
}
