/**
 * What waits for its turn. An array would move all that is behind the first, and give back its room
 * whenever the last one goes: mail passes here.
 *
 * @module
 */

interface Waiting<T> {
  value: T;
  next: Waiting<T> | undefined;
}

/** First in, first out. */
export class Queue<T> {
  #first: Waiting<T> | undefined;
  #last: Waiting<T> | undefined;

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** That which came first; nothing where nothing waits. */
  get first(): T | undefined {
    return this.#first?.value;
  }

  /** Takes the place of that which came last, if anything waits. */
  set last(value: T) {
    if (this.#last !== undefined) this.#last.value = value;
  }

  /** Adds one at the end. */
  push(value: T): void {
    const waiting = { value, next: undefined };
    if (this.#last === undefined) this.#first = waiting;
    else this.#last.next = waiting;
    this.#last = waiting;
  }

  /** Takes away that which came first, if anything waits. */
  shift(): void {
    const gone = this.#first;
    if (gone === undefined) return;
    this.#first = gone.next;
    if (this.#first === undefined) this.#last = undefined;
    // One that the collector takes for old would keep all that came behind it.
    gone.next = undefined;
  }
}
