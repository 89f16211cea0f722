/**
 * IP addresses between text and octets.
 *
 * @module
 */

import { isIpv4 } from "../rfc5321/address_literal.ts";

const ipv6Text = /^([0-9A-Fa-f:.]{2,45})(?:%[0-9A-Za-z]+)?$/;

/** An IPv6 address in the form of RFC 5952, which is how the URL Standard writes it. */
function canonicalIpv6(text: string): string | undefined {
  try {
    return new URL(`http://[${text}]`).hostname.slice(1, -1);
  } catch {
    return undefined;
  }
}

/** The 4 or 16 octets of an address; an IPv6 zone is left out. `undefined` where it is none. */
export function ipOctets(text: string): Uint8Array | undefined {
  if (isIpv4(text)) return Uint8Array.from(text.split("."), Number);
  const address = ipv6Text.exec(text)?.[1];
  const canonical = address === undefined ? undefined : canonicalIpv6(address);
  if (canonical === undefined) return undefined;
  const [before, after = []] = canonical.split("::")
    .map((side) => side === "" ? [] : side.split(":"));
  const zeros = Array<string>(8 - before.length - after.length).fill("0");
  const groups = [...before, ...zeros, ...after].map((group) => Number(`0x${group}`));
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** The text of 4 or 16 octets, of IPv6 in the form of RFC 5952. */
export function ipText(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join(".");
  const groups: string[] = [];
  for (let at = 0; at < octets.length; at += 2) {
    groups.push((octets[at] << 8 | octets[at + 1]).toString(16));
  }
  return canonicalIpv6(groups.join(":"))!;
}
