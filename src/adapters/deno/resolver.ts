/**
 * Asks the domain name system on Deno.
 *
 * @module
 */

import type { MailResolver, Resolver } from "../../dns/resolver.ts";
import { reverseDomain } from "../../dns/reverse_domain.ts";

/** A name server other than the system's. */
export type NameServer = NonNullable<Deno.ResolveDnsOptions["nameServer"]>;

/**
 * A resolver that asks one name server; needs the permission to reach it. Deno tells neither how long
 * an answer holds, nor a name without records from a name server that fails: both reject.
 *
 * @param nameServer Default: those of the system.
 */
export function resolverAt(nameServer?: NameServer): Resolver & MailResolver {
  // With its full stop a name is not tried below the system's search domains.
  return {
    reverse: (address, signal) =>
      Deno.resolveDns(`${reverseDomain(address)}.`, "PTR", { nameServer, signal }),
    addresses: (name, family, signal) =>
      Deno.resolveDns(`${name}.`, family === 4 ? "A" : "AAAA", { nameServer, signal }),
    mx: (domain, signal) => Deno.resolveDns(`${domain}.`, "MX", { nameServer, signal }),
    srv: (name, signal) => Deno.resolveDns(`${name}.`, "SRV", { nameServer, signal }),
  };
}

/** The system's name servers, for `ProxyOptions.resolver` and upstreams. Needs `--allow-net`. */
export const denoResolver: Resolver & MailResolver = resolverAt();
