/**
 * The time limit of waits that come one after the other, as those for a peer do. A timer is not made
 * and called off for each of them: the one that is set is left to run, and looks at its end whether
 * the wait of that moment has any time left.
 *
 * @module
 */

import type { Clock, Timer } from "./clock.ts";

/** See the module. Its owner closes it. */
export class Deadline {
  readonly #clock: Clock;
  #timer: Timer | undefined;
  /** When the timer ends, and when the wait does, by the clock's `monotonic`. */
  #timerAt = Infinity;
  #waitAt = Infinity;
  #expired: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * A wait begins, in place of the one before.
   *
   * @param now By the clock's `monotonic`, where the caller has just read it.
   */
  start(milliseconds: number, expired: () => void, now: number = this.#clock.monotonic()): void {
    this.#waitAt = now + milliseconds;
    this.#expired = expired;
    if (this.#waitAt >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#set(milliseconds);
  }

  /** It is over. */
  stop(): void {
    this.#waitAt = Infinity;
  }

  /** Nobody waits any more. */
  close(): void {
    this.stop();
    this.#timer?.cancel();
    this.#timerAt = Infinity;
  }

  #set(milliseconds: number): void {
    this.#timerAt = this.#clock.monotonic() + milliseconds;
    this.#timer = this.#clock.after(milliseconds, () => this.#look());
  }

  #look(): void {
    this.#timerAt = Infinity;
    if (this.#waitAt === Infinity) return;
    const left = this.#waitAt - this.#clock.monotonic();
    // A timer takes whole milliseconds.
    if (left >= 1) return this.#set(left);
    this.#waitAt = Infinity;
    this.#expired();
  }
}
