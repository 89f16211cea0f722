/**
 * An upstream whose servers are those of a domain: by its MX records or by SRV records.
 *
 * Each host is a member with the priority and weight of its record, and has its addresses as members
 * in turn, tried in their order.
 *
 * @module
 */

import { type Clock, systemClock, within } from "../clock.ts";
import {
  hostAddresses,
  type MailHost,
  type MailHosts,
  mxHosts,
  srvHosts,
} from "../dns/mail_hosts.ts";
import type { MailResolver } from "../dns/resolver.ts";
import { type Upstream, UpstreamFailure } from "../session/upstream.ts";
import {
  type BalancedMember,
  type BalancedOptions,
  BalancedUpstream,
  type MemberSource,
} from "./balanced.ts";

/** Milliseconds for one question to the domain name system. */
const PATIENCE = 5_000;
/** Milliseconds for which an answer is used that does not say so itself. */
const FRESH = 5 * 60_000;
/** No answer is used for a shorter or a longer time, whatever it says, in milliseconds. */
const SHORTEST = 5_000;
const LONGEST = 24 * 3_600_000;
/** Milliseconds until the next question where one had no answer. */
const RETRY = 10_000;

/** One address of one host. */
export interface DiscoveredAddress {
  /** Name of the host, for TLS and logs. */
  readonly host: string;
  /** IP address. */
  readonly address: string;
  /** Port of the host. */
  readonly port: number;
}

/** Which servers, and how they are found and reached. */
export interface DiscoveryOptions extends BalancedOptions {
  /** Which records name the hosts. */
  readonly by: "mx" | "srv";
  /** The name that has the records: `example.org`, `_submission._tcp.example.org`. */
  readonly domain: string;
  /** Port of hosts that MX records name; SRV records have their own. @default 25 */
  readonly port?: number;
  /** Asks the domain name system; of the runtime's adapter. */
  readonly resolver: MailResolver;
  /** Makes the upstream of one address; it is closed when no record leads to it any more. */
  readonly connect: (at: DiscoveredAddress) => Upstream;
  /**
   * Our own name: of the hosts that MX records name only those that come before it are used
   * (RFC 5321 §5.1). @default "" All of them.
   */
  readonly hostname?: string;
}

/**
 * Makes an upstream of the servers of a domain: each host is a member with the priority and the
 * weight of its record, and its addresses are tried in their order. Records are asked for when the first client needs
 * them, and again when they run out; while there is no answer the last one stays in use. A domain
 * that says that it takes no mail (RFC 7505) fails with `no-mail`.
 *
 * Of one domain 20 hosts are used, of one host 10 addresses.
 *
 * @example The servers of a domain
 * ```ts
 * import { createProxy, discoveredUpstream, smtpUpstream } from "@sluice/sluice";
 * import { denoDialer, denoResolver } from "@sluice/sluice/deno";
 *
 * const proxy = createProxy({
 *   upstream: discoveredUpstream("smtp+mx://example.org", {
 *     by: "mx",
 *     domain: "example.org",
 *     resolver: denoResolver,
 *     connect: ({ address, port }) =>
 *       smtpUpstream({
 *         target: { transport: "tcp", host: address, port },
 *         dialer: denoDialer,
 *       }),
 *   }),
 * });
 * await proxy.close();
 * ```
 *
 * @param name For logs: `smtp+mx://example.org`.
 */
export function discoveredUpstream(name: string, options: DiscoveryOptions): Upstream {
  const { by, domain, port = 25, resolver, connect, hostname = "", ...balance } = options;
  const { clock = systemClock, random = Math.random, attempts, timeLimit = 60_000 } = balance;
  const addressesOf = (at: MailHost): MemberSource =>
    new DiscoveredMembers({
      clock,
      of: at.host,
      ask: (signal) => hostAddresses(resolver, at, signal),
      make: ({ host: address, port }) => connect({ host: at.host, address, port }),
    });
  const hosts = new DiscoveredMembers({
    clock,
    of: domain,
    ask: (signal) =>
      by === "mx"
        ? mxHosts(resolver, domain, { port, own: hostname, random }, signal)
        : srvHosts(resolver, domain, random, signal),
    make: (at) =>
      new BalancedUpstream(`${at.host}:${at.port}`, addressesOf(at), {
        ...{ clock, random, attempts },
        // Time for its other addresses has to be left where the first does not answer.
        timeLimit: Math.ceil(timeLimit / 2),
        oneServer: true,
      }),
  });
  return new BalancedUpstream(name, hosts, balance);
}

/** What a {@linkcode DiscoveredMembers} works with. */
interface Discovery {
  readonly clock: Clock;
  /** Whose servers, for messages. */
  readonly of: string;
  readonly ask: (signal: AbortSignal) => Promise<MailHosts>;
  readonly make: (at: MailHost) => Upstream;
}

interface Known {
  readonly members: readonly BalancedMember[];
  /** Of each member, for what it was made. */
  readonly keys: readonly string[];
}

/** Members as the domain name system names them. */
class DiscoveredMembers implements MemberSource {
  readonly #discovery: Discovery;
  /** By place; kept for as long as a record leads to it. */
  #upstreams: ReadonlyMap<string, Upstream> = new Map();
  #known: Known | undefined;
  /** Why nothing is known. */
  #failure: UpstreamFailure | undefined;
  /** When to ask again, by the clock's `monotonic`. */
  #until = -Infinity;
  #asking: Promise<void> | undefined;
  readonly #farewells = new Set<Promise<void>>();
  /** Calls the question off that is being asked. */
  #limit: AbortController | undefined;
  #closed = false;

  constructor(discovery: Discovery) {
    this.#discovery = discovery;
  }

  async members(): Promise<readonly BalancedMember[]> {
    if (this.#discovery.clock.monotonic() >= this.#until) {
      this.#asking ??= this.#ask().finally(() => this.#asking = undefined);
      await this.#asking;
    }
    if (this.#known === undefined) {
      throw this.#failure ?? new UpstreamFailure("aborted", "The upstream has been closed");
    }
    if (this.#known.members.length > 0) return this.#known.members;
    throw new UpstreamFailure("no-mail", `${this.#discovery.of} says that it takes no mail`);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#limit?.abort();
    await this.#asking;
    this.#until = Infinity;
    this.#retire(new Map());
    await Promise.all(this.#farewells);
  }

  async #ask(): Promise<void> {
    const { clock, of, ask } = this.#discovery;
    const limit = this.#limit = new AbortController();
    try {
      const { hosts, ttl, guessed = false } = await within(clock, PATIENCE, of, ask(limit.signal));
      if (this.#closed) return;
      if (!guessed || this.#known === undefined) this.#learn(hosts);
      this.#useFor(guessed ? RETRY : ttl === undefined ? FRESH : clamped(ttl * 1000));
    } catch (cause) {
      limit.abort();
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `Cannot find the servers of ${of}: ${why}`;
      this.#failure = new UpstreamFailure("unreachable", message, { cause });
      this.#useFor(RETRY);
    }
  }

  #useFor(milliseconds: number): void {
    this.#until = this.#discovery.clock.monotonic() + milliseconds;
  }

  /** The same members for the same places, whatever order they have come in. */
  #learn(hosts: readonly MailHost[]): void {
    const keys = hosts.map(({ host, port, weight, priority }) =>
      [host, port, weight, priority].join(" ")
    );
    const known = new Set(this.#known?.keys);
    if (this.#known?.keys.length === keys.length && keys.every((key) => known.has(key))) return;
    const upstreams = new Map(hosts.map((at) => {
      const place = `${at.host} ${at.port}`;
      return [place, this.#upstreams.get(place) ?? this.#discovery.make(at)] as const;
    }));
    const members = hosts.map(({ host, port, weight, priority }): BalancedMember => ({
      upstream: upstreams.get(`${host} ${port}`)!,
      weight,
      priority,
    }));
    this.#known = { members, keys };
    this.#retire(upstreams);
  }

  /** Closes what is not among those that are left. */
  #retire(left: ReadonlyMap<string, Upstream>): void {
    for (const [place, upstream] of this.#upstreams) {
      if (left.has(place)) continue;
      const farewell = upstream.close().finally(() => this.#farewells.delete(farewell));
      this.#farewells.add(farewell);
    }
    this.#upstreams = left;
  }
}

function clamped(milliseconds: number): number {
  return Math.min(LONGEST, Math.max(SHORTEST, milliseconds));
}
