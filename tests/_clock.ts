/**
 * A clock that a test turns by hand.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Clock, Timer } from "../src/clock.ts";

interface Due {
  readonly at: number;
  readonly callback: () => void;
}

/** Lets every microtask that is due run, and those that they start. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Stands still until `advance` is called. */
export class FakeClock implements Clock {
  /** What `now` says at its beginning, and how long ago that was. */
  #wall: number;
  #elapsed = 0;
  /** In the order of their making, which decides between timers of the same millisecond. */
  readonly #timers = new Set<Due>();

  /** @param start Milliseconds since 1970-01-01T00:00:00Z. */
  constructor(start: number = Date.UTC(2026, 0, 1)) {
    this.#wall = start;
  }

  now(): number {
    return this.#wall + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  /** Somebody puts the wall clock forward, or back where it is negative. No time passes by that. */
  put(milliseconds: number): void {
    this.#wall += milliseconds;
  }

  after(milliseconds: number, callback: () => void): Timer {
    const timer: Due = { at: this.#elapsed + Math.max(0, milliseconds), callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** How many timers are pending: 0 at the end of a test that left nothing behind. */
  get timers(): number {
    return this.#timers.size;
  }

  /**
   * Lets time pass and runs what falls due, in order; what a timer sets off settles before the
   * next one runs, and may set new timers that fall due as well.
   */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#elapsed + milliseconds;
    await settle();
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#timers.delete(timer);
      this.#elapsed = timer.at;
      timer.callback();
      await settle();
    }
    this.#elapsed = end;
  }

  #next(end: number): Due | undefined {
    let next: Due | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer;
    }
    return next;
  }
}
