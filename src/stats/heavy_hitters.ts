/**
 * Who comes most often, among any number of comers, in bounded memory.
 *
 * The algorithm is Space-Saving (A. Metwally, D. Agrawal, A. El Abbadi: Efficient Computation of
 * Frequent and Top-k Elements in Data Streams, 2005): a new key takes the place of the least frequent
 * one, and its count, too, for it may have come before as often as that.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { HitterView } from "./views.ts";

/** Keys that are kept. */
const CAPACITY = 200;
/** What is longer is cut, and then may be the same as another. */
const KEY_LENGTH = 255;
/** Milliseconds after which the past counts half. */
const HALF_LIFE = 3_600_000;

/** What is known of a key. */
interface Hitter {
  /** Absent as long as nobody has taken this place. */
  key: string | undefined;
  count: number;
  error: number;
  /** Where it stands in the heap. */
  place: number;
}

/**
 * The most frequent keys of the last hours: each hour all counts are halved, down to whole numbers.
 *
 * A count is never too low, and too high by at most `error`. With `N` for all that was counted, no
 * `error` is above `N / capacity`, and no key that came more often than that is missing.
 */
export class HeavyHitters {
  readonly #clock: Pick<Clock, "now">;
  readonly #byKey = new Map<string | undefined, Hitter>();
  /** A binary heap, the lowest count first. */
  readonly #heap: Hitter[];
  #agedAt: number;
  /** The one that came last: who comes most often is often the next, too. */
  #last: Hitter | undefined;

  /**
   * Has counted nothing yet.
   *
   * @param clock Says when an hour is over.
   * @param capacity Keys that are kept, at least 1. Default 200.
   */
  constructor(clock: Pick<Clock, "now">, capacity: number = CAPACITY) {
    this.#clock = clock;
    this.#agedAt = clock.now();
    this.#heap = Array.from(
      { length: capacity },
      (_, place) => ({ key: undefined, count: 0, error: 0, place }),
    );
  }

  /**
   * Counts one under the first 255 characters of `key`.
   *
   * @param now Milliseconds since 1970, where the caller has just read the clock.
   */
  add(key: string, now: number = this.#clock.now()): void {
    this.#age(now);
    const kept = key.length > KEY_LENGTH ? key.slice(0, KEY_LENGTH) : key;
    const known = this.#last?.key === kept ? this.#last : this.#byKey.get(kept);
    const hitter = this.#last = known ?? this.#admit(kept);
    hitter.count++;
    this.#sink(hitter);
  }

  /** The `most` with the highest counts, the highest first. */
  top(most: number): HitterView[] {
    this.#age(this.#clock.now());
    const counted = this.#heap.filter(({ count }) => count > 0);
    counted.sort((a, b) => b.count - a.count || a.error - b.error);
    return counted.slice(0, most).map(({ key, count, error }) => ({ key: key!, count, error }));
  }

  /** Gives a key the place and the count of the least frequent one. */
  #admit(key: string): Hitter {
    const least = this.#heap[0];
    this.#byKey.delete(least.key);
    this.#byKey.set(key, least);
    least.key = key;
    least.error = least.count;
    return least;
  }

  /** Takes a key whose count has grown to where it belongs. */
  #sink(hitter: Hitter): void {
    for (;;) {
      const { place } = hitter;
      const left = this.#heap[2 * place + 1];
      const right = this.#heap[2 * place + 2];
      const lesser = right !== undefined && right.count < left.count ? right : left;
      if (lesser === undefined || lesser.count >= hitter.count) return;
      this.#put(hitter, lesser.place);
      this.#put(lesser, place);
    }
  }

  #put(hitter: Hitter, place: number): void {
    this.#heap[place] = hitter;
    hitter.place = place;
  }

  /** Halves all counts for each hour that has passed, which leaves the heap in order. */
  #age(now: number): void {
    const hours = Math.floor((now - this.#agedAt) / HALF_LIFE);
    if (hours === 0) return;
    // After a clock was put back the hour begins anew.
    this.#agedAt = hours > 0 ? this.#agedAt + hours * HALF_LIFE : now;
    const part = 2 ** Math.max(hours, 0);
    for (const hitter of this.#heap) {
      hitter.count = Math.floor(hitter.count / part);
      // Rounded up, so that the count less its error is never above the truth.
      hitter.error = Math.min(Math.ceil(hitter.error / part), hitter.count);
    }
  }
}
