/**
 * Whether something that others depend on can be used, by what has become of its use so far.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** Milliseconds for which the first failure counts; each further one counts for twice as long. */
const SHORTEST = 1_000;
const LONGEST = 60_000;
/** By this part of it a time may be shorter, so that not all who wait come back at once. */
const JITTER = 0.25;

/** See the module. Up at first. */
export class Health {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #random: () => number;
  /** Without a success among them. */
  #failures = 0;
  /** The end of the time that the last failure counts for, by the clock's `monotonic`. */
  #until: number | undefined;

  /** @param random From 0 up to, and not including, 1. */
  constructor(clock: Pick<Clock, "monotonic">, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** It is not to be used where there is another. */
  get down(): boolean {
    return this.#until !== undefined;
  }

  /** It is down, and it is time to see whether that is still so. */
  get due(): boolean {
    return this.#until !== undefined && this.#clock.monotonic() >= this.#until;
  }

  /**
   * It could not be used. Of failures while it is down only one that comes when it is due counts:
   * whatever broke ten connections has happened once.
   */
  failed(): void {
    if (this.down && !this.due) return;
    const time = Math.min(LONGEST, SHORTEST * 2 ** this.#failures++);
    this.#until = this.#clock.monotonic() + time * (1 - JITTER * this.#random());
  }

  /** It has answered when it was asked: it is up, but its next failure counts on from the last. */
  answered(): void {
    this.#until = undefined;
  }

  /** It has been used. */
  succeeded(): void {
    this.#until = undefined;
    this.#failures = 0;
  }
}
