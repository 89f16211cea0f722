/**
 * Sets of networks: which peers are trusted, listed or blocked.
 *
 * @module
 */

import ipaddr from "ipaddr.js";

/** A set of IPv4 and IPv6 networks in CIDR notation. IPv4-mapped IPv6 addresses count as IPv4. */
export class Networks {
  readonly #networks: ReturnType<typeof ipaddr.parseCIDR>[];

  /**
   * @param networks `192.0.2.0/24`, `2001:db8::/32`, or single addresses.
   * @throws {RangeError} Naming the entry that is neither.
   */
  constructor(networks: readonly string[] = []) {
    this.#networks = networks.map((text) => {
      try {
        if (text.includes("/")) return ipaddr.parseCIDR(text);
        const address = ipaddr.process(text);
        return [address, address.kind() === "ipv4" ? 32 : 128];
      } catch {
        throw new RangeError(
          `Cannot read network: found "${text}", allowed is an IP address or address/bits`,
        );
      }
    });
  }

  /** Whether the address lies in one of the networks; what is no IP address never does. */
  has(address: string): boolean {
    if (this.#networks.length === 0 || !ipaddr.isValid(address)) return false;
    const candidate = ipaddr.process(address);
    return this.#networks.some(([network, bits]) =>
      network.kind() === candidate.kind() && candidate.match(network, bits)
    );
  }
}
