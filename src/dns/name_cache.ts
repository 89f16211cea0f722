/**
 * Names of clients, looked up within a limit and remembered for a while.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { confirmedName, type Resolver } from "./resolver.ts";

/** Milliseconds for which an answer is used, also that there is no name. */
const FRESH = 60_000;

/** Addresses that are remembered; one more, and the oldest is forgotten. */
const MAX_ADDRESSES = 10_000;

interface Known {
  readonly name: string | undefined;
  readonly until: number;
}

/** See the module. */
export class NameCache {
  /** In the order in which they were learnt, which is that in which they go stale. */
  readonly #known = new Map<string, Known>();

  /** @param limit Milliseconds for one lookup; an address with which it takes longer has no name. */
  constructor(readonly resolver: Resolver, readonly clock: Clock, readonly limit: number) {}

  /**
   * The confirmed name of an address, see {@linkcode confirmedName}.
   *
   * @param signal Calls it off; what comes of that is not remembered.
   */
  async of(address: string, signal: AbortSignal): Promise<string | undefined> {
    const known = this.#known.get(address);
    if (known !== undefined && this.clock.now() < known.until) return known.name;
    const name = await this.#lookUp(address, signal);
    if (!signal.aborted) this.#keep(address, name);
    return name;
  }

  async #lookUp(address: string, signal: AbortSignal): Promise<string | undefined> {
    const limit = new AbortController();
    const timer = this.clock.after(this.limit, () => limit.abort());
    try {
      const calledOff = AbortSignal.any([signal, limit.signal]);
      return await confirmedName(this.resolver, address, calledOff);
    } finally {
      timer.cancel();
    }
  }

  #keep(address: string, name: string | undefined): void {
    // Setting a key that is there would leave it in its old place.
    this.#known.delete(address);
    if (this.#known.size >= MAX_ADDRESSES) {
      const [oldest] = this.#known.keys();
      this.#known.delete(oldest);
    }
    this.#known.set(address, { name, until: this.clock.now() + FRESH });
  }
}
