/**
 * What is counted of the answers to one verb, found by one look-up: mail passes here.
 *
 * @module
 */

import type { Counter, Histogram } from "./meters.ts";

const MILLISECONDS = 1000;

/** The highest reply code (RFC 5321 §4.2). */
const LAST_CODE = 599;

/** See the module. */
export class AnswerMeters {
  readonly #seconds: Histogram;
  readonly #counterOf: (code: string) => Counter;
  /** By reply code; 0 for none. */
  readonly #counters: Counter[] = [];

  /** @param counterOf The counter of one reply code; of `none` where no reply came. */
  constructor(seconds: Histogram, counterOf: (code: string) => Counter) {
    this.#seconds = seconds;
    this.#counterOf = counterOf;
  }

  /** One more, after so many milliseconds. */
  add(code: number | undefined, took: number): void {
    this.#seconds.observe(took / MILLISECONDS);
    (this.#counters[code ?? 0] ?? this.#meet(code)).add();
  }

  #meet(code: number | undefined): Counter {
    const counter = this.#counterOf(code === undefined ? "none" : String(code));
    if (code === undefined || code <= LAST_CODE) this.#counters[code ?? 0] = counter;
    return counter;
  }
}
