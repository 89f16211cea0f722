/**
 * What an upstream offers, remembered between sessions so that a client can be told before an
 * upstream connection is made for it.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { UpstreamOffer } from "../session/upstream.ts";

/** See the module. */
export class OfferCache {
  #known: { readonly offer: UpstreamOffer; readonly at: number } | undefined;
  #probing: Promise<UpstreamOffer> | undefined;

  /**
   * @param probe Asks the upstream.
   * @param fresh Milliseconds during which an answer is used as it is; after that it is used while
   * it is asked for again.
   * @param usable Milliseconds after which it is not used at all.
   */
  constructor(
    readonly clock: Clock,
    readonly probe: () => Promise<UpstreamOffer>,
    readonly fresh: number,
    readonly usable: number,
  ) {}

  /**
   * The offer; asks at most once at a time. Rejects as the probe does, if nothing usable is known.
   *
   * @param maxAge Milliseconds; what is older is neither fresh nor usable.
   */
  async get(maxAge: number = Infinity): Promise<UpstreamOffer> {
    const age = this.#known === undefined ? Infinity : this.clock.now() - this.#known.at;
    if (age < Math.min(this.fresh, maxAge)) return this.#known!.offer;
    const probing = this.#refresh();
    if (age >= Math.min(this.usable, maxAge)) return await probing;
    // Its failure is not this client's: the old answer is still good enough for it.
    probing.catch(() => {});
    return this.#known!.offer;
  }

  /** Every connection teaches what the upstream offers now. */
  learn(offer: UpstreamOffer): void {
    const before = this.#known?.offer;
    const same = before !== undefined && before.verified === offer.verified &&
      before.extensions.toLines().join() === offer.extensions.toLines().join();
    // The same object, so that what was computed from it stays good.
    this.#known = { offer: same ? before : offer, at: this.clock.now() };
  }

  /** Waits for a probe that is under way. */
  async close(): Promise<void> {
    await this.#probing?.catch(() => {});
  }

  #refresh(): Promise<UpstreamOffer> {
    this.#probing ??= this.probe()
      .then((offer) => {
        this.learn(offer);
        return offer;
      })
      .finally(() => this.#probing = undefined);
    return this.#probing;
  }
}
