/**
 * A domain name system of a few lines, which keeps count of its questions.
 */

import type { Resolver } from "../../src/dns/resolver.ts";

/** Answers by the address or the name that is asked for. */
export type Zone = Readonly<Record<string, readonly string[]>>;

/** Whatever is not in the zone is refused; whatever is `stalled` is never answered. */
export class FakeResolver implements Resolver {
  /** What was asked, in order. */
  readonly asked: string[] = [];
  /** Signals of the questions that were asked. */
  readonly signals: AbortSignal[] = [];
  /** Questions that are not answered, not even at their signal. */
  stalled = new Set<string>();

  constructor(public zone: Zone) {}

  reverse(address: string, signal: AbortSignal): Promise<readonly string[]> {
    return this.#answer(address, signal, address);
  }

  addresses(name: string, family: 4 | 6, signal: AbortSignal): Promise<readonly string[]> {
    return this.#answer(name, signal, `${name}/${family}`);
  }

  #answer(key: string, signal: AbortSignal, question: string): Promise<readonly string[]> {
    this.asked.push(question);
    this.signals.push(signal);
    if (this.stalled.has(key)) return new Promise(() => {});
    const found = this.zone[key];
    return found === undefined ? Promise.reject(new Error("NXDOMAIN")) : Promise.resolve(found);
  }
}
