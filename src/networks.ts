/**
 * Sets of networks: which peers are trusted, listed or blocked.
 *
 * @module
 */

import { CidrSet } from "./cidr_set.ts";

/** A set of IPv4 and IPv6 networks in CIDR notation. IPv4-mapped IPv6 addresses count as IPv4. */
export class Networks {
  readonly #networks = new CidrSet<true>();

  /**
   * @param networks `192.0.2.0/24`, `2001:db8::/32`, or single addresses.
   * @throws {RangeError} Naming the entry that is neither, or that has bits set behind its prefix.
   */
  constructor(networks: readonly string[] = []) {
    for (const network of networks) this.#networks.add(network, true);
  }

  /** Whether the address lies in one of the networks; what is no IP address never does. */
  has(address: string): boolean {
    return this.#networks.has(address);
  }
}

/** Addresses that only this machine reaches (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
export const loopback: readonly string[] = ["127.0.0.0/8", "::1"];
