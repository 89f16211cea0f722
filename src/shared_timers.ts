/**
 * Waits of which there are many, under one timer of the runtime.
 *
 * @module
 */

import { type Clock, systemClock, type Timer } from "./clock.ts";

/**
 * A clock whose waits share one timer of another one. A session has several waits at a time, and nearly
 * all are called off; a timer of the runtime for each of them costs a short session as much as its
 * commands.
 *
 * Not for workerd, where a timer belongs to the request that has set it.
 *
 * @example For a proxy of one's own
 * ```ts
 * import { createProxy, sharedTimers } from "@sluice/sluice";
 *
 * const proxy = createProxy({ clock: sharedTimers() });
 * await proxy.close();
 * ```
 *
 * @param clock Where time and the timer come from.
 */
export function sharedTimers(clock: Clock = systemClock): Clock {
  return new TimerQueue(clock);
}

/** Waits by their ends: a binary heap, with the earliest in front. */
class TimerQueue implements Clock {
  readonly #clock: Clock;
  readonly #waits: Wait[] = [];
  #timer: Timer | undefined;
  /** When the timer ends; it may be earlier than the first wait, which has been called off then. */
  #timerAt = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  after(milliseconds: number, callback: () => void): Timer {
    const wait = new Wait(this.#clock.monotonic() + milliseconds, callback, this);
    this.#rise(wait, this.#waits.length);
    if (wait.place === 0) this.#set();
    return wait;
  }

  /** Takes a wait out. */
  remove({ place }: Wait): void {
    const last = this.#waits.pop()!;
    if (place < this.#waits.length) {
      this.#rise(last, place);
      this.#sink(last, last.place);
    }
    if (this.#waits.length === 0) this.#unset();
  }

  #set(): void {
    const { at } = this.#waits[0];
    if (at >= this.#timerAt) return;
    this.#unset();
    this.#timerAt = at;
    this.#timer = this.#clock.after(Math.max(0, at - this.#clock.monotonic()), () => this.#ring());
  }

  #unset(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Infinity;
  }

  #ring(): void {
    this.#unset();
    const now = this.#clock.monotonic();
    try {
      // A timer takes whole milliseconds, and may be a fraction of one early.
      while (this.#waits.length > 0 && this.#waits[0].at - now < 1) {
        const first = this.#waits[0];
        first.cancel();
        first.callback();
      }
    } finally {
      if (this.#waits.length > 0) this.#set();
    }
  }

  /** Puts a wait where it belongs, at a place or in front of it. */
  #rise(wait: Wait, place: number): void {
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#waits[parent].at <= wait.at) break;
      this.#put(this.#waits[parent], place);
      place = parent;
    }
    this.#put(wait, place);
  }

  /** The same, at a place or behind it. */
  #sink(wait: Wait, place: number): void {
    const { length } = this.#waits;
    for (;;) {
      let child = 2 * place + 1;
      if (child + 1 < length && this.#waits[child + 1].at < this.#waits[child].at) child++;
      if (child >= length || wait.at <= this.#waits[child].at) break;
      this.#put(this.#waits[child], place);
      place = child;
    }
    this.#put(wait, place);
  }

  #put(wait: Wait, place: number): void {
    this.#waits[place] = wait;
    wait.place = place;
  }
}

class Wait implements Timer {
  /** In the heap; -1 once it is over. */
  place = -1;

  constructor(readonly at: number, readonly callback: () => void, readonly queue: TimerQueue) {}

  cancel(): void {
    if (this.place < 0) return;
    this.queue.remove(this);
    this.place = -1;
  }
}
