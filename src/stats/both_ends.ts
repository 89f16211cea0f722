/**
 * What is kept of something that may be long: how it began and how it ended.
 *
 * @module
 */

/** A list without its middle. */
export class BothEnds<T> {
  readonly #first: T[] = [];
  #last: T[] = [];
  #count = 0;

  /** The first that came. */
  get first(): readonly T[] {
    return this.#first;
  }

  /** The last that came, but for those in `first`. */
  get last(): readonly T[] {
    return this.#last;
  }

  /** How many came between the two and were left out. */
  get left(): number {
    return this.#count - this.#first.length - this.#last.length;
  }

  /**
   * Adds one, and leaves out some of the middle where there are too many.
   *
   * @param room How many of each end are kept; of the last sometimes twice as many.
   */
  add(one: T, room: number): void {
    this.#count++;
    if (this.#last.length === 0 && this.#first.length < room) {
      this.#first.push(one);
      return;
    }
    this.#last.push(one);
    // By halves, so that each costs the same on average however many there are.
    if (this.#last.length > 2 * room) this.#last = this.#last.slice(-room);
  }
}
