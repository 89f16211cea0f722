/**
 * The attributes of Postfix's XCLIENT and XFORWARD commands (XCLIENT_README, XFORWARD_README).
 *
 * @module
 */

import { isIpv4, isIpv6 } from "./address_literal.ts";
import { asciiUpperCase, isClean, octetLength } from "./text.ts";
import { decodeXtext } from "./xtext.ts";

/** Attributes by their upper-case names; `undefined` where the sender says it does not know. */
export type Attributes = ReadonlyMap<string, string | undefined>;

/** Reads the decoded value of one attribute; `undefined` where it is none. */
type Read = (value: string) => string | undefined;

/** Longest value in octets. */
const maxValue = 255;

const attributeSyntax = /^([A-Za-z_]+)=([^ ]+)$/;
const unavailable = /^\[(?:UNAVAILABLE|TEMPUNAVAIL)\]$/i;
const ipv6Prefix = /^IPV6:/i;

function matching(pattern: RegExp): Read {
  return (value) => pattern.test(value) ? value : undefined;
}

function word(...words: readonly string[]): Read {
  return (value) => words.find((known) => known === asciiUpperCase(value));
}

function address(value: string): string | undefined {
  if (!ipv6Prefix.test(value)) return isIpv4(value) ? value : undefined;
  const bare = value.slice("IPV6:".length);
  return isIpv6(bare) ? bare : undefined;
}

function port(value: string): string | undefined {
  return /^[0-9]{1,5}$/.test(value) && Number(value) <= 65535 ? value : undefined;
}

const name = matching(/^[^ ]+$/);
const text = matching(/^[^]+$/);

const xclient: ReadonlyMap<string, Read> = new Map([
  ["NAME", name],
  ["ADDR", address],
  ["PORT", port],
  ["PROTO", word("SMTP", "ESMTP")],
  ["HELO", text],
  ["LOGIN", text],
  ["DESTADDR", address],
  ["DESTPORT", port],
  ["REVERSE_NAME", name],
]);

const xforward: ReadonlyMap<string, Read> = new Map([
  ["NAME", name],
  ["ADDR", address],
  ["PORT", port],
  // XFORWARD_README: "an SMTP or non-SMTP protocol name of up to 64 characters"
  ["PROTO", matching(/^[A-Za-z0-9-]{1,64}$/)],
  ["HELO", text],
  ["IDENT", text],
  ["SOURCE", word("LOCAL", "REMOTE")],
]);

function parse(argument: string, known: ReadonlyMap<string, Read>): Attributes | undefined {
  const attributes = new Map<string, string | undefined>();
  for (const item of argument.split(" ")) {
    const match = attributeSyntax.exec(item);
    if (match === null) return undefined;
    const key = match[1].toUpperCase();
    const read = known.get(key);
    if (read === undefined || attributes.has(key)) return undefined;
    if (unavailable.test(match[2])) {
      attributes.set(key, undefined);
      continue;
    }
    const decoded = decodeXtext(match[2]);
    if (decoded === undefined || octetLength(decoded) > maxValue || !isClean(decoded)) {
      return undefined;
    }
    const value = read(decoded);
    if (value === undefined) return undefined;
    attributes.set(key, value);
  }
  return attributes;
}

/**
 * Reads the argument of XCLIENT (XCLIENT_README): `name=value`, separated by single spaces.
 *
 * @example A client and what is not known of it
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseXclient } from "@sluice/sluice/rfc5321";
 *
 * const attributes = parseXclient("ADDR=IPV6:2001:db8::7 NAME=[UNAVAILABLE] HELO=a+20b");
 * assertEquals([...attributes ?? []], [
 *   ["ADDR", "2001:db8::7"],
 *   ["NAME", undefined],
 *   ["HELO", "a b"],
 * ]);
 * assertEquals(parseXclient("COLOUR=red"), undefined);
 * ```
 *
 * @param argument What stands behind `XCLIENT` and the space.
 * @returns The attributes, their xtext decoded and `IPV6:` taken off; `undefined` where one is
 * unknown, repeated or invalid.
 */
export function parseXclient(argument: string): Attributes | undefined {
  return parse(argument, xclient);
}

/**
 * Reads the argument of XFORWARD (XFORWARD_README): `name=value`, separated by single spaces.
 *
 * @example What a content filter passes along
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseXforward } from "@sluice/sluice/rfc5321";
 *
 * const attributes = parseXforward("ADDR=192.0.2.7 PORT=50000 source=remote");
 * assertEquals(attributes?.get("PORT"), "50000");
 * assertEquals(attributes?.get("SOURCE"), "REMOTE");
 * ```
 *
 * @param argument What stands behind `XFORWARD` and the space.
 * @returns The attributes, their xtext decoded and `IPV6:` taken off; `undefined` where one is
 * unknown, repeated or invalid.
 */
export function parseXforward(argument: string): Attributes | undefined {
  return parse(argument, xforward);
}
