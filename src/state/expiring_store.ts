/**
 * Texts that are kept for a while.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** Texts by key, each until its time is over; several processes may share one. */
export interface ExpiringStore {
  /**
   * Puts a value under a key that has none; of several that try at the same time one succeeds.
   *
   * @returns What the key has already, `undefined` if it has the value now.
   */
  add(
    key: string,
    value: string,
    milliseconds: number,
  ): string | undefined | Promise<string | undefined>;
  /** Puts a value under a key, whatever it has had. */
  set(key: string, value: string, milliseconds: number): void | Promise<void>;
  /** Takes away what a key has. */
  delete(key: string): void | Promise<void>;
}

/** Characters that are kept at most. */
const ROOM = 16_777_216;

interface Entry {
  readonly value: string;
  /** By the clock's `now`. */
  readonly until: number;
}

/** Keeps them in the memory of this process; where there are too many, the oldest go first. */
export class MemoryExpiringStore implements ExpiringStore {
  readonly #clock: Pick<Clock, "now">;
  readonly #room: number;
  /** The oldest first: a map keeps the order of insertion. */
  readonly #entries = new Map<string, Entry>();
  #taken = 0;

  /**
   * Makes an empty one.
   *
   * @param clock Says when a time is over.
   * @param room How many characters of keys and values are kept. Default 16 Mi.
   */
  constructor(clock: Pick<Clock, "now">, room: number = ROOM) {
    this.#clock = clock;
    this.#room = room;
  }

  /** See the interface. */
  add(key: string, value: string, milliseconds: number): string | undefined {
    const there = this.#entries.get(key);
    if (there !== undefined && there.until > this.#clock.now()) return there.value;
    this.set(key, value, milliseconds);
  }

  /** See the interface. */
  set(key: string, value: string, milliseconds: number): void {
    this.delete(key);
    this.#entries.set(key, { value, until: this.#clock.now() + milliseconds });
    this.#taken += key.length + value.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#taken <= this.#room) break;
      this.delete(oldest);
    }
  }

  /** See the interface. */
  delete(key: string): void {
    const there = this.#entries.get(key);
    if (there === undefined) return;
    this.#entries.delete(key);
    this.#taken -= key.length + there.value.length;
  }
}
