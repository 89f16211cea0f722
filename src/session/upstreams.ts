/**
 * The upstreams of a configuration: one that is taken unless a policy says otherwise, and others by
 * name.
 *
 * @module
 */

import { CommonOffer } from "./common_offer.ts";
import { type Upstream, UpstreamFailure, type UpstreamOffer } from "./upstream.ts";

/** The name under which a policy may route to the one that is taken anyway. */
export const DEFAULT_UPSTREAM = "default";

/** See the module. */
export class Upstreams {
  /** All of them; what is taken unless a policy says otherwise is {@linkcode DEFAULT_UPSTREAM}. */
  readonly byName: ReadonlyMap<string, Upstream>;
  /** AUTH is relayed to the default; nobody else needs to know of it. */
  readonly #common = new CommonOffer("first");

  constructor(standard: Upstream, named: Readonly<Record<string, Upstream>> = {}) {
    this.byName = new Map([[DEFAULT_UPSTREAM, standard], ...Object.entries(named)]);
  }

  /** Whether a policy may choose: then the first recipient decides, and MAIL waits for it. */
  get several(): boolean {
    return this.byName.size > 1;
  }

  /**
   * The one of that name.
   *
   * @throws {UpstreamFailure} If there is none: the policy has named it, and not the client.
   */
  get(name: string): Upstream {
    const upstream = this.byName.get(name);
    if (upstream !== undefined) return upstream;
    throw new UpstreamFailure("unfit", `The policy has named the upstream "${name}": unknown`);
  }

  /**
   * What all of them offer: EHLO comes before anybody knows which it will be. One that cannot be
   * asked now does not count; its recipients will hear of it.
   *
   * @throws {UpstreamFailure} If none can be asked.
   */
  async offer(): Promise<UpstreamOffer> {
    const asked = [...this.byName.values()].map((upstream) => upstream.offer());
    if (asked.length === 1) return await asked[0];
    const settled = await Promise.allSettled(asked);
    const offers = settled.map((one) => one.status === "fulfilled" ? one.value : undefined);
    if (offers.every((one) => one === undefined)) return await asked[0];
    return this.#common.of(offers);
  }
}
