/**
 * What waits for its turn, in a ring: mail passes here, so nothing is made for one that comes.
 *
 * @module
 */

/** First in, first out. */
export class Queue<T> {
  /** A power of two. */
  #places: (T | undefined)[] = [undefined, undefined, undefined, undefined];
  /** Where the first is. */
  #first = 0;
  #count = 0;

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** That which came first; nothing where nothing waits. */
  get first(): T | undefined {
    return this.#places[this.#first];
  }

  /** Takes the place of that which came last, if anything waits. */
  set last(value: T) {
    if (this.#count > 0) this.#places[this.#place(this.#count - 1)] = value;
  }

  /** Adds one at the end. */
  push(value: T): void {
    if (this.#count === this.#places.length) this.#grow();
    this.#places[this.#place(this.#count++)] = value;
  }

  /** Takes away that which came first, if anything waits. */
  shift(): void {
    if (this.#count === 0) return;
    this.#places[this.#first] = undefined;
    this.#first = this.#place(1);
    this.#count--;
  }

  /** Where the one is that came so many behind the first. */
  #place(behind: number): number {
    return (this.#first + behind) & (this.#places.length - 1);
  }

  #grow(): void {
    const inOrder = this.#places.map((_, behind) => this.#places[this.#place(behind)]);
    this.#places = [...inOrder, ...inOrder.map(() => undefined)];
    this.#first = 0;
  }
}
