/**
 * The upstream that is an SMTP server.
 *
 * @module
 */

import type { Target } from "../../channel.ts";
import type { MailProtocol, SessionFacts } from "../../session/facts.ts";
import type { PoolState, Upstream, UpstreamLink, UpstreamOffer } from "../../session/upstream.ts";
import { OfferCache } from "../offer_cache.ts";
import { connect, type ConnectOptions } from "./connect.ts";
import type { SmtpLink } from "./link.ts";
import { resolvePool, resolveUpstreamOptions, type SmtpUpstreamOptions } from "./options.ts";
import { Pool, type PoolOptions } from "./pool.ts";

export type { SmtpUpstreamOptions };

/** How long an offer is taken as fresh, and how long it is used at all, in milliseconds. */
const FRESH = 5 * 60_000;
const USABLE = 60 * 60_000;

/** Relays to one SMTP server, over connections that are kept or each session's own. */
export class SmtpUpstream implements Upstream {
  readonly #offers: OfferCache;
  readonly #pool: Pool | undefined;
  readonly #farewells = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  /**
   * @param pool How connections are kept; absent: each session has its own. Where each is told of a
   * client (XCLIENT, the PROXY protocol) it is the client's alone, and none is kept.
   */
  constructor(readonly name: string, readonly options: ConnectOptions, pool?: PoolOptions) {
    const { clock, identify } = options;
    this.#offers = new OfferCache(clock, () => this.#probe(), FRESH, USABLE);
    if (pool !== undefined && (identify === "none" || identify === "xforward")) {
      this.#pool = new Pool(pool, clock, (session, signal) => this.#connect(session, signal));
    }
  }

  get pool(): PoolState | undefined {
    return this.#pool &&
      { open: this.#pool.open, idle: this.#pool.idle, waiting: this.#pool.waiting };
  }

  offer(maxAge?: number): Promise<UpstreamOffer> {
    return this.#offers.get(maxAge);
  }

  connect(session: SessionFacts, signal: AbortSignal): Promise<UpstreamLink> {
    return this.#pool?.connect(session, signal) ?? this.#connect(session, signal);
  }

  lend(session: SessionFacts): UpstreamLink | undefined {
    return this.#pool?.lend(session);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#offers.close();
    await this.#pool?.close();
    await Promise.all(this.#farewells);
  }

  async #probe(): Promise<UpstreamOffer> {
    const link = await connect(this.options, undefined, this.#closing.signal);
    const offer = offerOf(link);
    if (this.#pool?.adopt(link)) return offer;
    // A client waits for the offer, and nobody for the farewell.
    const farewell = link.quit().finally(() => this.#farewells.delete(farewell));
    this.#farewells.add(farewell);
    return offer;
  }

  async #connect(session: SessionFacts | undefined, signal: AbortSignal): Promise<SmtpLink> {
    const link = await connect(this.options, session, signal);
    this.#offers.learn(offerOf(link));
    return link;
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
  const name = nameOf(options.target, options.protocol);
  return new SmtpUpstream(name, resolveUpstreamOptions(options), resolvePool(options.pool));
}

function nameOf(target: Target, protocol: MailProtocol = "smtp"): string {
  switch (target.transport) {
    case "tcp":
      return `${protocol}://${target.host}:${target.port}`;
    case "unix":
      return `${protocol === "lmtp" ? "lmtp+" : ""}unix:${target.path}`;
    case "websocket":
      return target.url;
  }
}

function offerOf(link: SmtpLink): UpstreamOffer {
  return { extensions: link.extensions, verified: link.tls?.peer?.verified === true };
}
