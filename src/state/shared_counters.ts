/**
 * How often something has happened of late, counted together by all threads of a process.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Counters } from "./counters.ts";

/** Keys that are kept at most. */
const MOST = 131_072;
/** Keys that share a lock, and of which the least recently used is forgotten for a new one. */
const WAYS = 8;
/** Words of one key: its hash, the interval, how many in it, how many in the one before, the last use. */
const WORDS = 6;
const [HIGH, LOW, INTERVAL, PRESENT, PREVIOUS, USED] = [0, 1, 2, 3, 4, 5];
/** Words in front of a set of keys: its lock, and how often it was used. */
const HEAD = 2;
/** Words of one set. */
const SET = HEAD + WAYS * WORDS;
/** Attempts to have a lock at once: whoever has it needs a microsecond. */
const PATIENCE = 1_000;
/** Milliseconds to wait for it then, one by one: a thread that was ended has it for ever. */
const NAPS = 50;

/** Memory for counters, to be handed to each thread, with what hashes differ by. */
export interface SharedMemory {
  readonly words: SharedArrayBuffer;
  readonly seed: number;
}

/** Memory for about so many keys. Default 131,072 in 3.2 MB. */
export function sharedMemory(most: number = MOST): SharedMemory {
  const sets = Math.ceil(most / WAYS);
  const words = new SharedArrayBuffer(sets * SET * Uint32Array.BYTES_PER_ELEMENT);
  // A stranger who knew the hash could have the keys of others forgotten.
  return { words, seed: crypto.getRandomValues(new Uint32Array(1))[0] };
}

/**
 * Counts as {@linkcode MemoryCounters} does, to the same numbers, in a table of fixed size that every
 * thread writes into: an answer is there at once, and no thread depends on another being alive.
 *
 * Keys are told apart by 64 bits of a hash. Where eight keys of one set are in use, the least recently
 * used is forgotten for a ninth.
 */
export class SharedCounters implements Counters {
  readonly #clock: Pick<Clock, "now">;
  readonly #words: Uint32Array<SharedArrayBuffer>;
  readonly #locks: Int32Array<SharedArrayBuffer>;
  readonly #sets: number;
  readonly #seed: number;

  /**
   * @param clock Says when something happens.
   * @param memory The same for all that count together.
   */
  constructor(clock: Pick<Clock, "now">, { words, seed }: SharedMemory) {
    this.#clock = clock;
    this.#words = new Uint32Array(words);
    this.#locks = new Int32Array(words);
    this.#sets = this.#words.length / SET;
    this.#seed = seed;
  }

  count(key: string, milliseconds: number): number {
    const now = this.#clock.now();
    const interval = Math.floor(now / milliseconds);
    const [high, low] = hashOf(`${milliseconds} ${key}`, this.#seed);
    const lock = (low % this.#sets) * SET;
    this.#lock(lock);
    const at = this.#advance(this.#find(lock + HEAD, high, low), interval >>> 0);
    const words = this.#words;
    words[at + USED] = ++words[lock + 1];
    const present = ++words[at + PRESENT];
    const previous = words[at + PREVIOUS];
    Atomics.store(this.#locks, lock, 0);
    const covered = (interval + 1) * milliseconds - now;
    return present + Math.floor(previous * covered / milliseconds);
  }

  /** Waits for whoever has it, and takes it from one who does not give it back. */
  #lock(lock: number): void {
    for (let attempt = 0; attempt < PATIENCE; attempt++) {
      if (Atomics.compareExchange(this.#locks, lock, 0, 1) === 0) return;
    }
    // Whoever has it may be waiting for our processor.
    for (let nap = 0; nap < NAPS; nap++) {
      Atomics.wait(this.#locks, lock, 1, 1);
      if (Atomics.compareExchange(this.#locks, lock, 0, 1) === 0) return;
    }
  }

  /** Where a key is; one that is new takes the place of the least recently used. */
  #find(first: number, high: number, low: number): number {
    const words = this.#words;
    let oldest = first;
    for (let at = first; at < first + WAYS * WORDS; at += WORDS) {
      if (words[at + HIGH] === high && words[at + LOW] === low) return at;
      if (words[at + USED] < words[oldest + USED]) oldest = at;
    }
    words.fill(0, oldest, oldest + WORDS);
    words[oldest + HIGH] = high;
    words[oldest + LOW] = low;
    return oldest;
  }

  /** What is known of an interval that is not the present one or the one before says nothing. */
  #advance(at: number, interval: number): number {
    const words = this.#words;
    if (words[at + INTERVAL] === interval) return at;
    words[at + PREVIOUS] = words[at + INTERVAL] === interval - 1 ? words[at + PRESENT] : 0;
    words[at + PRESENT] = 0;
    words[at + INTERVAL] = interval;
    return at;
  }
}

/** Two words of a text, by the finalizers of MurmurHash3 over two lanes. */
function hashOf(text: string, seed: number): readonly [high: number, low: number] {
  let high = seed ^ 0x9e3779b9;
  let low = seed ^ text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 0x85ebca6b);
    low = Math.imul(low ^ unit, 0xc2b2ae35);
    high ^= high >>> 15;
    low ^= low >>> 13;
  }
  return [mixed(high ^ low), mixed(low + Math.imul(high, 5))];
}

function mixed(word: number): number {
  word = Math.imul(word ^ word >>> 16, 0x85ebca6b);
  word = Math.imul(word ^ word >>> 13, 0xc2b2ae35);
  return (word ^ word >>> 16) >>> 0;
}
