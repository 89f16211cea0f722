/**
 * What is kept for as long as a session is open, by the session's id.
 *
 * Not a `Map`: where entries come and go, V8 moves those that are there to another table ever so often,
 * and the table that is left points to them and to the next. Once one of them counts as old, all that
 * come behind it do, with each session that stood in them; the collector then moves every session to
 * the old ones, and that costs more than the rest of its work.
 *
 * @module
 */

interface Entry<T> {
  readonly id: string;
  value: T;
  next: Entry<T> | undefined;
}

/** Lists at first; a power of two. */
const LISTS = 64;
/** Ids count up: their ends tell them apart. */
const TELLING = 4;

/** See the module. */
export class IdMap<T> {
  #lists: (Entry<T> | undefined)[] = empty(LISTS);
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** That of a session, if there is one. */
  get(id: string): T | undefined {
    return this.#find(id)?.value;
  }

  /** Whether there is one. */
  has(id: string): boolean {
    return this.#find(id) !== undefined;
  }

  /** Adds one, or puts it in the place of the one that has this id. */
  set(id: string, value: T): void {
    const known = this.#find(id);
    if (known !== undefined) {
      known.value = value;
      return;
    }
    if (this.#size === this.#lists.length) this.#grow();
    this.#put({ id, value, next: undefined });
    this.#size++;
  }

  /** Takes one out, if there is one. */
  delete(id: string): void {
    const list = this.#listOf(id);
    let before: Entry<T> | undefined;
    for (let entry = this.#lists[list]; entry !== undefined; before = entry, entry = entry.next) {
      if (entry.id !== id) continue;
      if (before === undefined) this.#lists[list] = entry.next;
      else before.next = entry.next;
      // One that counts as old would keep those behind it.
      entry.next = undefined;
      this.#size--;
      return;
    }
  }

  /** All of them as they are now, in no order. */
  values(): T[] {
    return this.#entries().map(({ value }) => value);
  }

  /** Takes all of them out. */
  clear(): void {
    this.#lists = empty(LISTS);
    this.#size = 0;
  }

  #find(id: string): Entry<T> | undefined {
    let entry = this.#lists[this.#listOf(id)];
    while (entry !== undefined && entry.id !== id) entry = entry.next;
    return entry;
  }

  #listOf(id: string): number {
    let hash = 0;
    for (let at = Math.max(0, id.length - TELLING); at < id.length; at++) {
      hash = (hash * 31 + id.charCodeAt(at)) | 0;
    }
    return hash & (this.#lists.length - 1);
  }

  #put(entry: Entry<T>): void {
    const list = this.#listOf(entry.id);
    entry.next = this.#lists[list];
    this.#lists[list] = entry;
  }

  #entries(): Entry<T>[] {
    const entries: Entry<T>[] = [];
    for (let entry of this.#lists) {
      for (; entry !== undefined; entry = entry.next) entries.push(entry);
    }
    return entries;
  }

  #grow(): void {
    const entries = this.#entries();
    this.#lists = empty(2 * this.#lists.length);
    for (const entry of entries) this.#put(entry);
  }
}

function empty<T>(lists: number): (Entry<T> | undefined)[] {
  return Array.from({ length: lists }, () => undefined);
}
