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
  /** Of the present second and those before it, each at its number modulo the length. */
  readonly #counts = new Float64Array(SECONDS + 1);
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
    this.#counts[this.#present % this.#counts.length] += n;
  }

  /** A second, over the last ten that are over. */
  get perSecond(): number {
    this.#advance(this.#clock.now());
    const present = this.#counts[this.#present % this.#counts.length];
    return (this.#counts.reduce((sum, count) => sum + count, 0) - present) / SECONDS;
  }

  #advance(at: number): void {
    const now = Math.floor(at / SECOND);
    if (now === this.#present) return;
    // After a clock was put back everything begins anew.
    const passed = now < this.#present ? this.#counts.length : now - this.#present;
    for (let nth = 0; nth < Math.min(passed, this.#counts.length); nth++) {
      this.#counts[(now - nth) % this.#counts.length] = 0;
    }
    this.#present = now;
  }
}
