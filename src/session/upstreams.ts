/**
 * The upstreams of a configuration: one that is taken unless a policy says otherwise, and others by
 * name.
 *
 * @module
 */

import { Extensions } from "../rfc5321/extension.ts";
import { type Upstream, UpstreamFailure, type UpstreamOffer } from "./upstream.ts";

/** The name under which a policy may route to the one that is taken anyway. */
export const DEFAULT_UPSTREAM = "default";

/** See the module. */
export class Upstreams {
  /** All of them; what is taken unless a policy says otherwise is {@linkcode DEFAULT_UPSTREAM}. */
  readonly byName: ReadonlyMap<string, Upstream>;
  #common: { readonly of: Offers; readonly offer: UpstreamOffer } | undefined;

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
    const known = this.#common;
    // The same object for the same offers, so that what was computed from it stays good.
    if (known === undefined || known.of.some((offer, nth) => offer !== offers[nth])) {
      this.#common = { of: offers, offer: common(offers) };
    }
    return this.#common!.offer;
  }
}

/** One of each upstream, the default's first; nothing of one that cannot be asked. */
type Offers = readonly (UpstreamOffer | undefined)[];

/** The extensions that every one has; SIZE and LIMITS are the least of all. */
function common(all: Offers): UpstreamOffer {
  const offers = all.filter((one) => one !== undefined);
  const [first, ...others] = offers.map(({ extensions }) => extensions);
  let extensions = Extensions.none;
  for (const [keyword, parameters] of first) {
    // AUTH is relayed to the default; nobody else needs to know of it.
    const had = keyword === "AUTH"
      ? all[0] !== undefined
      : others.every((other) => other.has(keyword));
    if (had) {
      extensions = extensions.with(keyword, ...parameters);
    }
  }
  const least = (read: (of: Extensions) => number | undefined): number | undefined => {
    const known = [first, ...others].map(read).filter((limit) => limit !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  };
  const size = least((of) => of.size);
  if (size !== undefined) extensions = extensions.with("SIZE", String(size));
  const limits = (["MAILMAX", "RCPTMAX", "RCPTDOMAINMAX"] as const).flatMap((name) => {
    const limit = least((of) => of.limit(name));
    return limit === undefined ? [] : [`${name}=${limit}`];
  });
  if (limits.length > 0) extensions = extensions.with("LIMITS", ...limits);
  return { extensions, verified: offers.every(({ verified }) => verified) };
}
