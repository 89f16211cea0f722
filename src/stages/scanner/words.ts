/**
 * Skipping where there is no WebAssembly: four octets at a time.
 *
 * @module
 */

import { CR, DOT, LF, NUL } from "../../bytes.ts";
import { NO_NEWLINE, skipOctets } from "./skip.ts";

/** So many octets are looked at before a view of words is made, which costs as much. */
const NEAR = 64;

/** One more than the largest octet of interest within a line, in each octet. */
const LOW = (CR + 1) * 0x01010101;
/** The highest bit of each octet. */
const HIGH_BITS = 0x80808080 | 0;

/** Skips words as long as none of their octets is a CR or less, and octet by octet in between. */
export function skipWords(chunk: Uint8Array, from: number): number {
  const { buffer, byteOffset, length } = chunk;
  const near = Math.min(from + NEAR, length);
  let at = skipOctets(chunk, NO_NEWLINE, from, near);
  if (at < near || at === length || chunk[at - 1] === LF && isDotOrNul(chunk[at])) return at;
  // Words begin at multiples of four in the buffer.
  const start = near - ((byteOffset + near) & 3);
  const words = new Int32Array(buffer, byteOffset + start, (length - start) >> 2);
  while (at < length) {
    if (((at - start) & 3) === 0) {
      let word = (at - start) >> 2;
      while (word < words.length && !hasLow(words[word])) word++;
      at = start + word * 4;
      if (at === length) break;
    }
    const octet = chunk[at];
    if (octet === LF || octet === CR && chunk[at + 1] !== LF) return at;
    at += octet === CR ? 2 : 1;
    if (octet === CR && isDotOrNul(chunk[at])) return at;
  }
  return at;
}

function isDotOrNul(octet: number): boolean {
  return octet === DOT || octet === NUL;
}

/** Whether one of the four octets is a CR or less. */
function hasLow(word: number): boolean {
  return ((word - LOW) & ~word & HIGH_BITS) !== 0;
}
