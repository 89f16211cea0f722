/**
 * IP addresses as text, and address literals (RFC 5321 §4.1.3).
 *
 * @module
 */

const octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const ipv4 = new RegExp(`^${octet}(?:\\.${octet}){3}$`);

// RFC 5321 §4.1.3 (Snum): unlike elsewhere, leading zeros are allowed and the number is decimal.
const snum = "(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2})";
const ipv4Literal = new RegExp(`^${snum}(?:\\.${snum}){3}$`);

const group = /^[0-9A-Fa-f]{1,4}$/;
const generalLiteral = /^(?:[A-Za-z0-9-]*[A-Za-z0-9]):[!-Z^-~]+$/;
const ipv6Tag = /^IPv6:/i;

/**
 * Whether the text is an IPv4 address in dotted decimal form, without leading zeros.
 *
 * @example Four numbers and nothing else
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isIpv4 } from "@sluice/sluice/rfc5321";
 *
 * const texts = ["192.0.2.1", "192.0.2.01", "192.0.2", "[192.0.2.1]"];
 * assertEquals(texts.filter(isIpv4), ["192.0.2.1"]);
 * ```
 */
export function isIpv4(text: string): boolean {
  return ipv4.test(text);
}

/**
 * Counts the groups of one side of an IPv6 address: an IPv4 address at its end is two.
 *
 * @returns The number, or `undefined` where the text is none.
 */
function countGroups(text: string, endsAddress: boolean): number | undefined {
  if (text === "") return 0;
  const parts = text.split(":");
  const embedded = endsAddress && isIpv4(parts[parts.length - 1]);
  const plain = embedded ? parts.slice(0, -1) : parts;
  if (!plain.every((part) => group.test(part))) return undefined;
  return plain.length + (embedded ? 2 : 0);
}

/**
 * Whether the text is an IPv6 address in any of the forms of RFC 5321 §4.1.3: eight groups, or `::`
 * in place of at least two, the last two perhaps as an IPv4 address. No zone.
 *
 * @example Full, compressed and mixed forms
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isIpv6 } from "@sluice/sluice/rfc5321";
 *
 * assertEquals(["2001:db8::1", "::", "::ffff:192.0.2.1"].every(isIpv6), true);
 * assertEquals(["2001:db8:1", "::1::", "fe80::1%eth0"].some(isIpv6), false);
 * ```
 */
export function isIpv6(text: string): boolean {
  const sides = text.split("::");
  if (sides.length === 1) return countGroups(text, true) === 8;
  if (sides.length > 2) return false;
  const before = countGroups(sides[0], false);
  const after = countGroups(sides[1], true);
  return before !== undefined && after !== undefined && before + after <= 6;
}

/**
 * Whether the text is an address literal with its brackets (RFC 5321 §4.1.3): of IPv4, of IPv6, or
 * of another tag, whose content is not looked into.
 *
 * @example The tag makes the difference
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isAddressLiteral } from "@sluice/sluice/rfc5321";
 *
 * assertEquals(["[192.0.2.1]", "[IPv6:2001:db8::1]", "[X:any]"].every(isAddressLiteral), true);
 * assertEquals(["192.0.2.1", "[2001:db8::1 ]", "[mx.example]"].some(isAddressLiteral), false);
 * ```
 */
export function isAddressLiteral(text: string): boolean {
  if (!text.startsWith("[") || !text.endsWith("]")) return false;
  const content = text.slice(1, -1);
  if (ipv6Tag.test(content)) return isIpv6(content.slice("IPv6:".length));
  return ipv4Literal.test(content) || generalLiteral.test(content);
}
