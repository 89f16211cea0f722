/**
 * Octets that are held for a while: the beginning of a message, or what a reader has not read yet. They
 * lie in memory that is used again, because to make it anew for each message, and to collect it, costs
 * more than what is done with them.
 *
 * @module
 */

import { EMPTY } from "../bytes.ts";

/** Octets of a piece of memory: most messages fit into the first, most windows into the second. */
const SIZES: readonly number[] = [8_192, 65_536];
/** Pieces of each size that are kept while nobody needs them. */
const KEPT = 32;

const free: readonly Uint8Array[][] = SIZES.map(() => []);

/** Memory of at least so many octets; what lies in it is anybody's. */
function memoryFor(octets: number): Uint8Array {
  const size = SIZES.findIndex((size) => size >= octets);
  return free[size]?.pop() ?? new Uint8Array(SIZES[size] ?? octets);
}

/** Nobody reads it any more. */
function giveBack(memory: Uint8Array): void {
  const kept = free[SIZES.indexOf(memory.length)];
  if (kept !== undefined && kept.length < KEPT) kept.push(memory);
}

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
      // Beyond the largest size it grows by doubling: in all that takes linear time.
      const most = SIZES[SIZES.length - 1];
      const memory = memoryFor(needed > most ? Math.max(needed, 2 * this.#memory.length) : needed);
      memory.set(this.octets);
      giveBack(this.#memory);
      this.#memory = memory;
    }
    this.#begin = 0;
    this.#end = length;
  }
}
