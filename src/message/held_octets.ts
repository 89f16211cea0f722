/**
 * Octets that are held for a while: the beginning of a message, or what a reader has not read yet.
 *
 * @module
 */

import { EMPTY } from "../bytes.ts";
import { giveBack, memoryFor } from "../spare_memory.ts";

/** See the module. It knows no limit: whoever appends keeps it bounded. */
export class HeldOctets {
  #memory = EMPTY;
  /** Where in the memory they begin and end. */
  #begin = 0;
  #end = 0;

  /** How many they are. */
  get length(): number {
    return this.#end - this.#begin;
  }

  /** All of them. Valid until anything else is called. */
  get octets(): Uint8Array {
    return this.#memory.subarray(this.#begin, this.#end);
  }

  /** Copies `octets` to the end. */
  append(octets: Uint8Array): void {
    if (this.#end + octets.length > this.#memory.length) this.#reserve(octets.length);
    this.#memory.set(octets, this.#end);
    this.#end += octets.length;
  }

  /**
   * Copies the first of them to the beginning of `memory`, and holds them no more.
   *
   * @returns How many that was.
   */
  moveTo(memory: Uint8Array): number {
    const count = Math.min(this.length, memory.length);
    memory.set(this.#memory.subarray(this.#begin, this.#begin + count));
    this.#begin += count;
    if (this.#begin === this.#end) this.#begin = this.#end = 0;
    return count;
  }

  /** Forgets them and gives the memory back. */
  free(): void {
    giveBack(this.#memory);
    this.#memory = EMPTY;
    this.#begin = this.#end = 0;
  }

  /** Makes room behind them. */
  #reserve(octets: number): void {
    const { length } = this;
    const needed = length + octets;
    if (needed <= this.#memory.length) this.#memory.copyWithin(0, this.#begin, this.#end);
    else {
      // By doubling, so that to grow takes linear time in all.
      const memory = memoryFor(Math.max(needed, 2 * this.#memory.length));
      memory.set(this.octets);
      giveBack(this.#memory);
      this.#memory = memory;
    }
    this.#begin = 0;
    this.#end = length;
  }
}
