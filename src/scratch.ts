/**
 * What is put together and written at once: replies, commands, the last piece of a message.
 *
 * @module
 */

import { EMPTY, encode } from "./bytes.ts";
import { giveBack, memoryFor } from "./spare_memory.ts";

const MAX_ASCII = 0x7f;

const encoder = new TextEncoder();

/** Puts text and octets together. */
export class Scratch {
  #memory = EMPTY;
  #length = 0;

  /** What has been put together. It is valid until `free`. */
  get octets(): Uint8Array {
    return this.#memory.subarray(0, this.#length);
  }

  /** Adds the UTF-8 form of a text. */
  text(text: string): this {
    // A UTF-16 unit takes three octets at most.
    const memory = this.#room(text.length * 3);
    if (memory === undefined) return this.add(encode(text));
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit > MAX_ASCII) {
        this.#length += encoder.encodeInto(text, memory.subarray(this.#length)).written;
        return this;
      }
      memory[this.#length + at] = unit;
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
    const memory = this.#room(octets.length) ?? this.#grow(octets.length);
    memory.set(octets, this.#length);
    this.#length += octets.length;
    return this;
  }

  /** Gives the memory back: nobody reads it any more. */
  free(): void {
    giveBack(this.#memory);
    this.#memory = EMPTY;
    this.#length = 0;
  }

  /** The memory, if so much still fits into it. */
  #room(octets: number): Uint8Array | undefined {
    if (this.#memory === EMPTY) this.#memory = memoryFor(1);
    return this.#length + octets <= this.#memory.length ? this.#memory : undefined;
  }

  #grow(octets: number): Uint8Array {
    const needed = this.#length + octets;
    const memory = memoryFor(Math.max(needed, 2 * this.#memory.length));
    memory.set(this.octets);
    giveBack(this.#memory);
    return this.#memory = memory;
  }
}
