/**
 * Octets gathered from several chunks. It knows no limit: whoever appends keeps it bounded.
 *
 * @module
 */

import { EMPTY } from "../bytes.ts";

const SMALLEST = 64;

/** A growing run of octets; appending one octet at a time costs linear time in all. */
export class OctetBuffer {
  #memory = EMPTY;
  #length = 0;

  /** Octets held. */
  get length(): number {
    return this.#length;
  }

  /** Copies `octets` to the end. */
  append(octets: Uint8Array): void {
    const needed = this.#length + octets.length;
    if (needed > this.#memory.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#memory.length, SMALLEST));
      larger.set(this.#memory.subarray(0, this.#length));
      this.#memory = larger;
    }
    this.#memory.set(octets, this.#length);
    this.#length = needed;
  }

  /** Hands over what is held and forgets it; that memory is not written to again. */
  take(): Uint8Array {
    const octets = this.#memory.subarray(0, this.#length);
    this.clear();
    return octets;
  }

  /** Forgets what is held and gives its memory back. */
  clear(): void {
    this.#memory = EMPTY;
    this.#length = 0;
  }
}
