/**
 * The octets that a BDAT command has promised.
 *
 * @module
 */

import type { Framer, Out } from "./stage.ts";
import { UnfinishedDataFault } from "./unfinished.ts";

/**
 * Counts off the octets of one BDAT chunk (RFC 3030 §2) and passes them on as views, whatever they
 * hold. `take` stops behind the last one and takes nothing more; `transform` drops what follows.
 */
export class BdatReceiver implements Framer<Uint8Array> {
  readonly #size: number;
  #remaining: number;

  /**
   * @param size Octets of the chunk; 0 is allowed (`BDAT 0 LAST`).
   * @throws {RangeError} If `size` is not a whole number from 0 to 2^53-1.
   */
  constructor(size: number) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new RangeError(`Receive a BDAT chunk: size is ${size}, allowed is 0 to 2^53-1`);
    }
    this.#size = size;
    this.#remaining = size;
  }

  /** Octets that have not come yet. */
  get remaining(): number {
    return this.#remaining;
  }

  take(chunk: Uint8Array, from: number, out: Out<Uint8Array>): number {
    const end = Math.min(from + this.#remaining, chunk.length);
    if (end > from) {
      this.#remaining -= end - from;
      out.enqueue(chunk.subarray(from, end));
    }
    return end;
  }

  transform(chunk: Uint8Array, out: Out<Uint8Array>): void {
    this.take(chunk, 0, out);
  }

  /** @throws {UnfinishedDataFault} If octets are missing. */
  flush(): void {
    if (this.#remaining === 0) return;
    throw new UnfinishedDataFault(
      `Receive a BDAT chunk: ${this.#size - this.#remaining} octets of ${this.#size} came`,
    );
  }
}
