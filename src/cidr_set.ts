/**
 * Sets of IPv4 and IPv6 prefixes, each with a value; the longest prefix of an address is found in a
 * time that does not depend on how many there are.
 *
 * An address is held as a string of its 16-bit groups, two for IPv4 and eight for IPv6, and a prefix
 * as the beginning of such a string, so that a hash map per prefix length finds it. A look-up asks
 * one map for each length that occurs: at most 33 of IPv4 and 129 of IPv6, a handful in practice.
 *
 * @module
 */

import { isIpv4, isIpv6 } from "./rfc5321/address_literal.ts";

/** The longest text that an IPv6 address can be: six groups of four digits and an IPv4 address. */
const maxAddressText = 45;

/** The first six groups of an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2). */
const mapped = "\u0000\u0000\u0000\u0000\u0000\uffff";

const prefixLength = /^(?:0|[1-9][0-9]{0,2})$/;

/** The prefixes of one length. */
interface Level<Value> {
  readonly bits: number;
  readonly values: Map<string, Value>;
}

interface Prefix {
  readonly groups: string;
  readonly bits: number;
}

function ipv4Groups(address: string): string {
  const [a, b, c, d] = address.split(".").map(Number);
  return String.fromCharCode(a << 8 | b, c << 8 | d);
}

function ipv6Side(side: string): string {
  if (side === "") return "";
  return side.split(":").map((group) =>
    group.includes(".") ? ipv4Groups(group) : String.fromCharCode(Number(`0x${group}`))
  ).join("");
}

/** The groups of an address in the family in which it is written. */
function groupsOf(address: string): string | undefined {
  if (address.length > maxAddressText) return undefined;
  if (isIpv4(address)) return ipv4Groups(address);
  if (!isIpv6(address)) return undefined;
  const [before, after] = address.split("::");
  if (after === undefined) return ipv6Side(before);
  const end = ipv6Side(after);
  return ipv6Side(before).padEnd(8 - end.length, "\0") + end;
}

function unmapped(groups: string): string {
  return groups.startsWith(mapped) ? groups.slice(mapped.length) : groups;
}

/** The first bits of an address, the rest of the last group being zero. */
function beginning(groups: string, bits: number): string {
  const whole = groups.slice(0, bits >> 4);
  const rest = bits & 15;
  if (rest === 0) return whole;
  return whole + String.fromCharCode(groups.charCodeAt(bits >> 4) & (0xffff << (16 - rest)));
}

function parsePrefix(text: string): Prefix {
  const [address, length, ...more] = text.split("/", 3);
  const groups = groupsOf(address);
  const width = (groups?.length ?? 0) * 16;
  const wellFormed = groups !== undefined && more.length === 0 &&
    (length === undefined || prefixLength.test(length) && Number(length) <= width);
  if (!wellFormed) {
    throw new RangeError(
      `Cannot read network: found ${JSON.stringify(text)}, allowed is an IP address or address/bits`,
    );
  }
  const bits = length === undefined ? width : Number(length);
  if (beginning(groups, bits).padEnd(groups.length, "\0") !== groups) {
    throw new RangeError(
      `Cannot read network: found ${JSON.stringify(text)}, whose address has bits set behind the ` +
        `first ${bits}, allowed is an address with zeros there`,
    );
  }
  const inner = bits - mapped.length * 16;
  return inner >= 0 && groups.startsWith(mapped)
    ? { groups: unmapped(groups), bits: inner }
    : { groups, bits };
}

/**
 * IPv4 and IPv6 prefixes, each with a value. IPv4-mapped IPv6 addresses count as IPv4, and so do
 * prefixes that lie within `::ffff:0:0/96`.
 */
export class CidrSet<Value extends NonNullable<unknown>> {
  // By length, the longest first.
  readonly #ipv4: Level<Value>[] = [];
  readonly #ipv6: Level<Value>[] = [];

  /** How many prefixes there are. */
  get size(): number {
    return [...this.#ipv4, ...this.#ipv6].reduce((sum, { values }) => sum + values.size, 0);
  }

  /**
   * Adds a prefix, or gives it another value.
   *
   * @param prefix `192.0.2.0/24`, `2001:db8::/32`, or a single address.
   * @returns The value that the prefix had before, if any.
   * @throws {RangeError} If it is neither, or has bits set behind the prefix.
   */
  add(prefix: string, value: Value): Value | undefined {
    const { groups, bits } = parsePrefix(prefix);
    const levels = this.#levels(groups);
    const place = levels.findIndex((level) => level.bits <= bits);
    let level = levels[place];
    if (level?.bits !== bits) {
      level = { bits, values: new Map() };
      levels.splice(place === -1 ? levels.length : place, 0, level);
    }
    const key = beginning(groups, bits);
    const before = level.values.get(key);
    level.values.set(key, value);
    return before;
  }

  /** The value of the longest prefix of the address; `undefined` also for what is no IP address. */
  get(address: string): Value | undefined {
    const written = groupsOf(address);
    if (written === undefined) return undefined;
    const groups = unmapped(written);
    for (const { bits, values } of this.#levels(groups)) {
      const value = values.get(beginning(groups, bits));
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** Whether the address has one of the prefixes; what is no IP address never does. */
  has(address: string): boolean {
    return this.get(address) !== undefined;
  }

  #levels(groups: string): Level<Value>[] {
    return groups.length === 2 ? this.#ipv4 : this.#ipv6;
  }
}
