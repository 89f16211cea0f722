/**
 * How often something has happened of late.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** Counts by key, each in a window that slides with time. */
export interface Counters {
  /**
   * Adds one under `key` and says how many there were within the last `milliseconds`, this one
   * included.
   *
   * A key has a count of its own for each length of the window.
   */
  count(key: string, milliseconds: number): number;
}

/** Keys that are kept at most. */
const MOST = 100_000;

/** What is known of a key. */
interface Tally {
  /** The number of the present interval since 1970. */
  interval: number;
  /** How many it has had so far. */
  present: number;
  /** How many the interval before had. */
  previous: number;
}

/**
 * Counts in the memory of this process, in constant time and with two numbers for a key.
 *
 * Time is cut into intervals as long as the window. Those of the present interval are counted in
 * full, those of the one before in proportion to the part of it that the window still covers, as if
 * they had come evenly. So the answer is wrong by at most the number of the previous interval, and
 * never less than the number of the present one.
 */
export class MemoryCounters implements Counters {
  readonly #clock: Pick<Clock, "now">;
  readonly #most: number;
  /** The least recently used first. */
  readonly #tallies = new Map<string, Tally>();

  /**
   * @param clock Says when something happens.
   * @param most How many keys are kept; one more, and the least recently used is forgotten. Default
   * 100,000.
   */
  constructor(clock: Pick<Clock, "now">, most: number = MOST) {
    this.#clock = clock;
    this.#most = most;
  }

  count(key: string, milliseconds: number): number {
    const now = this.#clock.now();
    const interval = Math.floor(now / milliseconds);
    const tally = this.#tally(`${milliseconds} ${key}`, interval);
    tally.present++;
    const covered = (interval + 1) * milliseconds - now;
    return tally.present + Math.floor(tally.previous * covered / milliseconds);
  }

  /** What is known of a key at the beginning of what happens now. */
  #tally(key: string, interval: number): Tally {
    const before = this.#tallies.get(key);
    // A map keeps the order of insertion.
    this.#tallies.delete(key);
    const tally = advance(before, interval);
    this.#tallies.set(key, tally);
    if (this.#tallies.size > this.#most) {
      this.#tallies.delete(this.#tallies.keys().next().value!);
    }
    return tally;
  }
}

/** A tally of an interval that is not the present one or the one before has nothing to say. */
function advance(before: Tally | undefined, interval: number): Tally {
  if (before?.interval === interval) return before;
  const previous = before?.interval === interval - 1 ? before.present : 0;
  return { interval, present: 0, previous };
}
