/**
 * Asks the domain name system by `node:dns`.
 *
 * @module
 */

import { Resolver as Query } from "node:dns/promises";
import type { MailResolver, Resolver } from "../../dns/resolver.ts";
import { reverseDomain } from "../../dns/reverse_domain.ts";

/**
 * A resolver that asks certain name servers. It tells a domain without MX records from a name server
 * that fails (on Node and Bun), and not how long an answer holds.
 *
 * @param servers IP addresses, with a port where it is not 53. Default: those of the system.
 */
export function resolverAt(servers?: readonly string[]): Resolver & MailResolver {
  const ask = async <T>(
    signal: AbortSignal,
    question: (query: Query) => Promise<T>,
  ): Promise<T> => {
    signal.throwIfAborted();
    // One each: what is called off is always all that it was asked.
    const query = new Query();
    if (servers !== undefined) query.setServers(servers);
    const cancel = (): void => query.cancel();
    signal.addEventListener("abort", cancel);
    try {
      return await question(query);
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  };
  return {
    reverse: (address, signal) => ask(signal, (query) => query.resolvePtr(reverseDomain(address))),
    addresses: (name, family, signal) =>
      ask(signal, (query) => family === 4 ? query.resolve4(name) : query.resolve6(name)),
    mx: (domain, signal) =>
      ask(signal, async (query) => {
        const records = await query.resolveMx(domain).catch(noneIfKnown);
        return records.map(({ exchange, priority }) => ({
          exchange: rooted(exchange),
          preference: priority,
        }));
      }),
    srv: (name, signal) =>
      ask(signal, async (query) => {
        const records = await query.resolveSrv(name);
        return records.map(({ name, ...rest }) => ({ ...rest, target: rooted(name) }));
      }),
  };
}

/**
 * The system's name servers, for `ProxyOptions.resolver` and upstreams. What they do not answer is
 * given up by `node:dns` after some attempts, or at the signal.
 */
export const nodeResolver: Resolver & MailResolver = resolverAt();

/** `node:dns` leaves out the full stop at the end, and nothing is left of the root. */
function rooted(name: string): string {
  return name === "" ? "." : name;
}

/** @throws Whatever it is given that does not say that there are none. */
function noneIfKnown(error: { readonly code?: unknown }): [] {
  if (error.code === "ENODATA") return [];
  throw error;
}
