/**
 * How much there is of something in a second, over the last ten.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

const SECOND = 1_000;
const SECONDS = 10;

/** See the module. */
export class Rate {
  readonly #clock: Pick<Clock, "now">;
  /** Of the last seconds that are over, in a ring. */
  readonly #counts = new Float64Array(SECONDS);
  /** Where the oldest of them is. */
  #oldest = 0;
  /** Of the present second. */
  #count = 0;
  #present: number;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
    this.#present = Math.floor(clock.now() / SECOND);
  }

  /**
   * There is one more, or so many.
   *
   * @param now Milliseconds since 1970, where the caller has just read the clock.
   */
  add(n: number = 1, now: number = this.#clock.now()): void {
    this.#advance(now);
    this.#count += n;
  }

  /** A second, over the last ten that are over. */
  get perSecond(): number {
    this.#advance(this.#clock.now());
    return this.#counts.reduce((sum, count) => sum + count, 0) / SECONDS;
  }

  #advance(at: number): void {
    const now = Math.floor(at / SECOND);
    if (now === this.#present) return;
    // After a clock was put back everything begins anew.
    const passed = now < this.#present ? Infinity : now - this.#present;
    for (let nth = 0; nth < Math.min(passed, SECONDS + 1); nth++) {
      this.#counts[this.#oldest] = this.#count;
      this.#oldest = (this.#oldest + 1) % SECONDS;
      this.#count = 0;
    }
    this.#present = now;
  }
}
