/**
 * What several upstreams offer alike, for clients that are told before anybody knows which of them
 * it will be.
 *
 * @module
 */

import { Extensions } from "../rfc5321/extension.ts";
import type { UpstreamOffer } from "./upstream.ts";

/** One of each upstream, always in the same order; nothing of one that cannot be asked. */
export type Offers = readonly (UpstreamOffer | undefined)[];

/** Whose AUTH counts: that of the first upstream, or only what all of them have. */
export type LoginAt = "first" | "each";

/** The common offer of upstreams that are asked again and again. */
export class CommonOffer {
  #known: { readonly of: Offers; readonly offer: UpstreamOffer } | undefined;

  /** @param loginAt Where a client that authenticates is logged in. */
  constructor(readonly loginAt: LoginAt) {}

  /**
   * The same object for the same offers, so that what was computed from it stays good.
   *
   * @param offers At least one that is there.
   */
  of(offers: Offers): UpstreamOffer {
    const known = this.#known;
    const same = known?.of.length === offers.length &&
      known.of.every((offer, nth) => offer === offers[nth]);
    if (!same) this.#known = { of: offers, offer: common(offers, this.loginAt) };
    return this.#known!.offer;
  }
}

/** The extensions that every one has; SIZE and LIMITS are the least of all. */
function common(all: Offers, loginAt: LoginAt): UpstreamOffer {
  const offers = all.filter((one) => one !== undefined);
  const [first, ...others] = offers.map(({ extensions }) => extensions);
  let extensions = Extensions.none;
  for (const [keyword, parameters] of first) {
    if (keyword !== "AUTH" && others.every((other) => other.has(keyword))) {
      extensions = extensions.with(keyword, ...parameters);
    }
  }
  const mechanisms = loginAt === "each"
    ? first.mechanisms.filter((name) => others.every((other) => other.mechanisms.includes(name)))
    : all[0]?.extensions.mechanisms ?? [];
  if (mechanisms.length > 0) extensions = extensions.with("AUTH", ...mechanisms);
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
