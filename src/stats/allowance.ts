/**
 * So many of something a second. Who takes few takes them when they come; who takes too many gets
 * evenly spread ones.
 *
 * Evenly, and few at once, because of V8: where nearly everything of a moment is kept it takes that
 * for the rule, and from then on puts all of that kind, kept or not, into the memory for what lives
 * long.
 *
 * @module
 */

const SECOND = 1_000;
/** Milliseconds whose share may be taken at once. */
const AT_ONCE = 250;

/** See the module. */
export class Allowance {
  /** Milliseconds between two. */
  readonly #interval: number;
  readonly #atOnce: number;
  /** Up to then they are taken: milliseconds since 1970. */
  #takenUntil = -Infinity;

  /** @param perSecond May be infinite. A quarter of them, and one at least, may be taken at once. */
  constructor(perSecond: number) {
    this.#interval = SECOND / perSecond;
    this.#atOnce = Math.max(AT_ONCE, this.#interval);
  }

  /**
   * Takes one, if there is one.
   *
   * @param now Milliseconds since 1970; it may be before the last.
   */
  take(now: number): boolean {
    this.#takenUntil = Math.max(Math.min(this.#takenUntil, now), now - this.#atOnce);
    const taken = this.#takenUntil + this.#interval;
    // Of none at all it is no number.
    if (!(taken <= now)) return false;
    this.#takenUntil = taken;
    return true;
  }
}
