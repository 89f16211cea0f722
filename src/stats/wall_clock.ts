/**
 * The time of day of moments that the other clock has told. Mail passes here, so that is read once a
 * millisecond at most: in between it says the same.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** How exactly the time of day is told, in milliseconds. */
const EXACTLY = 1;

/** See the module. */
export class WallClock {
  readonly #clock: Pick<Clock, "now">;
  /** When it was read last, by the clock's `monotonic`. */
  #readAt = -Infinity;
  #now = 0;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /**
   * Milliseconds since 1970.
   *
   * @param at The present, or just before it, by the clock's `monotonic`.
   */
  at(at: number): number {
    if (!(at < this.#readAt + EXACTLY)) {
      this.#readAt = at;
      this.#now = this.#clock.now();
    }
    return this.#now;
  }
}
