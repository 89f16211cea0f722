/**
 * IP addresses and prefixes as words of 32 bits: one of IPv4, four of IPv6.
 *
 * @module
 */

import { isIpv4, isIpv6 } from "./rfc5321/address_literal.ts";

/** The words of an address as signed integers, the most significant first: one (IPv4) or four (IPv6). */
export type Words = readonly number[];

/** The first bits of an address; those behind them are zero. */
export interface Prefix {
  readonly words: Words;
  /** How many bits count: 0 to 32 of IPv4, 0 to 128 of IPv6. */
  readonly bits: number;
}

/** The longest text of an IPv6 address: six groups of four digits and an IPv4 address. */
const maxAddressText = 45;
const prefixLength = /^(?:0|[1-9][0-9]{0,2})$/;

function ipv4Word(address: string): number {
  const [a, b, c, d] = address.split(".");
  return Number(a) << 24 | Number(b) << 16 | Number(c) << 8 | Number(d);
}

/** The words of what is an IPv6 address. */
function ipv6Words(address: string): Words {
  const groups: number[] = [];
  let gap = 0;
  for (const part of address.split(":")) {
    if (part === "") {
      gap = groups.length;
    } else if (part.includes(".")) {
      const word = ipv4Word(part);
      groups.push(word >>> 16, word & 0xffff);
    } else {
      groups.push(Number(`0x${part}`));
    }
  }
  while (groups.length < 8) groups.splice(gap, 0, 0);
  const word = (place: number) => groups[place] << 16 | groups[place + 1];
  return [word(0), word(2), word(4), word(6)];
}

/** The words of an address in the family in which it is written. */
function writtenWords(address: string): Words | undefined {
  if (address.length > maxAddressText) return undefined;
  if (isIpv4(address)) return [ipv4Word(address)];
  return isIpv6(address) ? ipv6Words(address) : undefined;
}

/** Whether an address is IPv4-mapped: `::ffff:0:0/96` (RFC 4291 §2.5.5.2). */
function isMapped(words: Words): boolean {
  return words.length === 4 && words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
}

/**
 * Reads an IP address. IPv4-mapped IPv6 addresses become IPv4.
 *
 * @returns Its words, or `undefined` where the text is none.
 */
export function parseAddress(text: string): Words | undefined {
  const words = writtenWords(text);
  return words !== undefined && isMapped(words) ? [words[3]] : words;
}

/** The same words with zeros behind the first `bits`. */
export function firstBits(words: Words, bits: number): Words {
  return words.map((word, place) => {
    const kept = Math.min(Math.max(bits - place * 32, 0), 32);
    // A shift by 32 would be one by 0.
    return kept === 0 ? 0 : word & (-1 << (32 - kept));
  });
}

/**
 * Reads a prefix. One that lies within `::ffff:0:0/96` becomes IPv4.
 *
 * @param text `192.0.2.0/24`, `2001:db8::/32`, or a single address.
 * @throws {RangeError} If it is neither, or has bits set behind the prefix.
 */
export function parsePrefix(text: string): Prefix {
  const [address, length, ...more] = text.split("/", 3);
  const words = writtenWords(address);
  const width = (words?.length ?? 0) * 32;
  if (
    words === undefined || more.length > 0 ||
    length !== undefined && (!prefixLength.test(length) || Number(length) > width)
  ) {
    throw new RangeError(
      `Cannot read network: found ${
        JSON.stringify(text)
      }, allowed is an IP address or address/bits`,
    );
  }
  const bits = length === undefined ? width : Number(length);
  if (firstBits(words, bits).some((word, place) => word !== words[place])) {
    throw new RangeError(
      `Cannot read network: found ${JSON.stringify(text)}, an address with bits set behind the ` +
        `first ${bits}, allowed are zeros there`,
    );
  }
  return isMapped(words) && bits >= 96 ? { words: [words[3]], bits: bits - 96 } : { words, bits };
}
