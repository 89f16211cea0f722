/**
 * Memory for what is put together and written at once: replies, commands, the last piece of a
 * message. An array of its own for each of them would cost more than the rest of the work.
 *
 * @module
 */

import { EMPTY, encode } from "./bytes.ts";

/** Octets of one piece. */
const SIZE = 8_192;
/** Pieces that are kept while nobody needs them. */
const KEPT = 64;

const MAX_ASCII = 0x7f;

const free: Uint8Array[] = [];
const encoder = new TextEncoder();

/** Puts text and octets together; small things in memory that is used again. */
export class Scratch {
  #piece: Uint8Array | undefined;
  #length = 0;

  /** What has been put together. It is valid until `free`. */
  get octets(): Uint8Array {
    return this.#piece === undefined ? EMPTY : this.#piece.subarray(0, this.#length);
  }

  /** Adds the UTF-8 form of a text. */
  text(text: string): this {
    // A UTF-16 unit takes three octets at most.
    const piece = this.#room(text.length * 3);
    if (piece === undefined) return this.add(encode(text));
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit > MAX_ASCII) {
        this.#length += encoder.encodeInto(text, piece.subarray(this.#length)).written;
        return this;
      }
      piece[this.#length + at] = unit;
    }
    this.#length += text.length;
    return this;
  }

  /** How much that is. */
  get length(): number {
    return this.#length;
  }

  /** Adds octets. */
  add(octets: Uint8Array): this {
    const piece = this.#room(octets.length) ?? this.#grow(octets.length);
    piece.set(octets, this.#length);
    this.#length += octets.length;
    return this;
  }

  /** Gives the memory back: nobody reads it any more. */
  free(): void {
    if (this.#piece?.length === SIZE && free.length < KEPT) free.push(this.#piece);
    this.#piece = undefined;
    this.#length = 0;
  }

  #room(octets: number): Uint8Array | undefined {
    this.#piece ??= free.pop() ?? new Uint8Array(SIZE);
    return this.#length + octets <= this.#piece.length ? this.#piece : undefined;
  }

  #grow(octets: number): Uint8Array {
    const larger = new Uint8Array(Math.max(2 * this.#piece!.length, this.#length + octets));
    larger.set(this.octets);
    if (this.#piece!.length === SIZE && free.length < KEPT) free.push(this.#piece!);
    return this.#piece = larger;
  }
}
