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
 *
 * @example A chunk and the command behind it
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { BdatReceiver } from "@sluice/sluice/stages";
 *
 * // What has come behind `BDAT 5 LAST` and its CRLF.
 * const octets = new TextEncoder().encode("HelloQUIT\r\n");
 * const receiver = new BdatReceiver(5);
 * let content = "";
 * const next = receiver.take(octets, 0, {
 *   enqueue: (piece) => content += new TextDecoder().decode(piece),
 * });
 * assertEquals(content, "Hello");
 * assertEquals(receiver.remaining, 0);
 * assertEquals(new TextDecoder().decode(octets.subarray(next)), "QUIT\r\n");
 * ```
 */
export class BdatReceiver implements Framer<Uint8Array> {
  readonly #size: number;
  #remaining: number;

  /**
   * Makes a receiver for one chunk.
   *
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

  /** Enqueues a view of what belongs to the BDAT chunk, if anything does. */
  take(chunk: Uint8Array, from: number, out: Out<Uint8Array>): number {
    const end = Math.min(from + this.#remaining, chunk.length);
    if (end > from) {
      this.#remaining -= end - from;
      out.enqueue(chunk.subarray(from, end));
    }
    return end;
  }

  /** As `take` from the start of `chunk`; octets beyond the BDAT chunk are lost. */
  transform(chunk: Uint8Array, out: Out<Uint8Array>): void {
    this.take(chunk, 0, out);
  }

  /**
   * Makes sure that the BDAT chunk is complete.
   *
   * @throws {UnfinishedDataFault} If octets are missing.
   */
  flush(): void {
    if (this.#remaining === 0) return;
    throw new UnfinishedDataFault(
      `Receive a BDAT chunk: ${this.#size - this.#remaining} octets of ${this.#size} came`,
    );
  }
}
