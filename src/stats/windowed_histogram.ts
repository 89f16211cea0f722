/**
 * How long things have taken of late, in about 7 kB whatever their number.
 *
 * Values are counted in buckets of which each ends 9 % above the one before, from 1 µs to 1 hour. So
 * a quantile is off by at most 5 % of itself: half of a bucket, and what rounding to three digits
 * adds.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { LatencyView } from "./views.ts";

/** In milliseconds; what is shorter counts as 0, for a clock has said that it was nothing. */
const SHORTEST = 0.001;
/** In milliseconds; what is longer counts as this. */
const LONGEST = 3_600_000;
/** The end of a bucket as a multiple of its beginning. */
const GROWTH = 1.09;

const logOfGrowth = Math.log(GROWTH);

function bucketOf(milliseconds: number): number {
  // Written so that NaN goes here, too.
  if (!(milliseconds >= SHORTEST)) return 0;
  const ratio = Math.min(milliseconds, LONGEST) / SHORTEST;
  return 1 + Math.floor(Math.log(ratio) / logOfGrowth);
}

const BUCKETS = bucketOf(LONGEST) + 1;

/** What a bucket's values are taken for: as far, in proportion, from its beginning as from its end. */
const values = Float64Array.from({ length: BUCKETS }, (_, bucket) => {
  if (bucket === 0) return 0;
  const middle = SHORTEST * GROWTH ** (bucket - 1) * 2 * GROWTH / (GROWTH + 1);
  return Number(middle.toPrecision(3));
});

/** Durations in milliseconds by their order of magnitude; about 1 kB. */
export class LogHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;

  /** How many were recorded. */
  get count(): number {
    return this.#count;
  }

  /** Adds one; below 0 or not a number counts as 0. */
  record(milliseconds: number): void {
    this.#counts[bucketOf(milliseconds)]++;
    this.#count++;
  }

  /** Adds all that another has. */
  merge(other: LogHistogram): void {
    if (other.#count === 0) return;
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.#counts[bucket] += other.#counts[bucket];
    this.#count += other.#count;
  }

  /** Forgets all. */
  clear(): void {
    if (this.#count === 0) return;
    this.#counts.fill(0);
    this.#count = 0;
  }

  /**
   * That than which a share of all values is not longer, in milliseconds; 0 where there are none.
   *
   * @param share Above 0, at most 1: 0.5 for the median.
   */
  quantile(share: number): number {
    const rank = Math.ceil(share * this.#count);
    let passed = 0;
    return values[this.#counts.findIndex((count) => (passed += count) >= rank)];
  }
}

/** Milliseconds of a slice. */
const SLICE = 10_000;
const SLICES = 6;

interface Slice {
  /** Its number since 1970. */
  number: number;
  readonly histogram: LogHistogram;
}

/**
 * Durations of the last minute.
 *
 * The minute is made of six slices of 10 s, the present one and the five before it: it is between 50
 * and 60 s long. Two halves of 30 s would take a third of the memory, but be anything from 30 to 60 s
 * long, and half of what they know would go at once.
 */
export class WindowedHistogram {
  readonly #clock: Pick<Clock, "now">;
  readonly #slices: readonly Slice[] = Array.from(
    { length: SLICES },
    () => ({ number: -1, histogram: new LogHistogram() }),
  );
  /** The one that was last recorded in. */
  #slice: Slice = this.#slices[0];

  /**
   * Has recorded nothing yet.
   *
   * @param clock Says when something is recorded, and when it is asked for.
   */
  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /**
   * Adds one, in milliseconds; below 0 or not a number counts as 0.
   *
   * @param now Milliseconds since 1970, where the caller has just read the clock.
   */
  record(milliseconds: number, now: number = this.#clock.now()): void {
    const number = Math.floor(now / SLICE);
    if (this.#slice.number !== number) this.#turn(number);
    this.#slice.histogram.record(milliseconds);
  }

  /** After a clock was put back, a slice may go on. */
  #turn(number: number): void {
    this.#slice = this.#slices[number % SLICES];
    if (this.#slice.number === number) return;
    this.#slice.histogram.clear();
    this.#slice.number = number;
  }

  /** How many there were, and how long half and 99 of 100 of them took at most. */
  view(): LatencyView {
    const present = Math.floor(this.#clock.now() / SLICE);
    const all = new LogHistogram();
    for (const { number, histogram } of this.#slices) {
      // Those ahead of a clock that was put back are left out.
      if (number > present - SLICES && number <= present) all.merge(histogram);
    }
    return { p50: all.quantile(0.5), p99: all.quantile(0.99), count: all.count };
  }
}
