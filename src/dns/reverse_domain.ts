/**
 * The domain name under which an address has its PTR records.
 *
 * @module
 */

import { parseAddress } from "../prefix.ts";

/** Where the pieces of a word of 32 bits begin, the least significant first. */
const OCTETS = [0, 8, 16, 24];
const NIBBLES = [0, 4, 8, 12, 16, 20, 24, 28];

/**
 * The reverse domain of an address: `1.2.0.192.in-addr.arpa` (RFC 1035 §3.5), or 32 hexadecimal
 * digits under `ip6.arpa` (RFC 3596 §2.5). IPv4-mapped IPv6 addresses have the one of IPv4.
 *
 * @throws {RangeError} If the text is no IP address.
 */
export function reverseDomain(address: string): string {
  const words = parseAddress(address);
  if (words === undefined) {
    throw new RangeError(
      `Cannot make a reverse domain: found ${JSON.stringify(address)}, allowed is an IP address`,
    );
  }
  const labels = words.length === 1
    ? OCTETS.map((shift) => words[0] >>> shift & 0xff)
    : words.toReversed().flatMap((word) =>
      NIBBLES.map((shift) => (word >>> shift & 0xf).toString(16))
    );
  return `${labels.join(".")}.${words.length === 1 ? "in-addr" : "ip6"}.arpa`;
}
