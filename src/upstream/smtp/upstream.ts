/**
 * The upstream that is an SMTP server.
 *
 * @module
 */

import type { SessionFacts } from "../../session/facts.ts";
import type { Upstream, UpstreamLink, UpstreamOffer } from "../../session/upstream.ts";
import { OfferCache } from "../offer_cache.ts";
import { connect, type ConnectOptions } from "./connect.ts";
import type { SmtpLink } from "./link.ts";
import { resolveUpstreamOptions, type SmtpUpstreamOptions } from "./options.ts";

export type { SmtpUpstreamOptions };

/** How long an offer is taken as fresh, and how long it is used at all, in milliseconds. */
const FRESH = 5 * 60_000;
const USABLE = 60 * 60_000;

/** Relays to one SMTP server, with a connection for each session that needs one. */
export class SmtpUpstream implements Upstream {
  readonly #offers: OfferCache;
  readonly #farewells = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(readonly name: string, readonly options: ConnectOptions) {
    this.#offers = new OfferCache(options.clock, () => this.#probe(), FRESH, USABLE);
  }

  offer(maxAge?: number): Promise<UpstreamOffer> {
    return this.#offers.get(maxAge);
  }

  async connect(session: SessionFacts, signal: AbortSignal): Promise<UpstreamLink> {
    const link = await connect(this.options, session, signal);
    this.#offers.learn(offerOf(link));
    return link;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#offers.close();
    await Promise.all(this.#farewells);
  }

  async #probe(): Promise<UpstreamOffer> {
    const link = await connect(this.options, undefined, this.#closing.signal);
    // A client waits for the offer, and nobody for the farewell.
    const farewell = link.quit().finally(() => this.#farewells.delete(farewell));
    this.#farewells.add(farewell);
    return offerOf(link);
  }
}

/**
 * Makes an upstream of an SMTP server. It connects when the first client says EHLO, and offers to
 * clients what that server offers.
 *
 * @example In front of a server on the same machine
 * ```ts
 * import { createProxy, smtpUpstream } from "@sluice/sluice";
 * import { createTlsClient, denoDialer } from "@sluice/sluice/deno";
 *
 * const proxy = createProxy({
 *   upstream: smtpUpstream({
 *     target: { transport: "tcp", host: "127.0.0.1", port: 25 },
 *     dialer: denoDialer,
 *     tlsClient: createTlsClient(),
 *   }),
 * });
 * await proxy.close();
 * ```
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function smtpUpstream(options: SmtpUpstreamOptions): Upstream {
  const { target } = options;
  const name = target.transport === "unix"
    ? `unix:${target.path}`
    : `smtp://${target.host}:${target.port}`;
  return new SmtpUpstream(name, resolveUpstreamOptions(options));
}

function offerOf(link: SmtpLink): UpstreamOffer {
  return { extensions: link.extensions, verified: link.tls?.peer?.verified === true };
}
