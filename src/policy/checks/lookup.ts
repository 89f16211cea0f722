/**
 * What the built-in checks look things up in: lists and maps, written as they stand or kept in tables.
 *
 * Local-parts that are written in options compare without the case of ASCII letters: whoever writes
 * them speaks for the host that may decide so (RFC 5321 §2.4). A table has its own rule.
 *
 * @module
 */

import { Path } from "../../rfc5321/path.ts";
import { placeOfAt } from "../rules/pattern.ts";
import type { TableKey } from "../rules/table.ts";

/** A table, or anything else that answers like one. */
export interface Lookup {
  /** The value of a key, `""` where its entry has none; `undefined` where it is not there. */
  get(key: TableKey): string | undefined;
}

/**
 * Addresses, domains, IP addresses, networks: patterns as in a table, tables, and names of configured
 * tables such as `@partners`.
 */
export type List = string | Lookup | readonly (string | Lookup)[];

/** Values by key: written as they stand, a table, or the name of a configured one. */
export type Values = string | Lookup | Readonly<Record<string, string | readonly string[]>>;

/** Whether something answers like a table. */
export function isLookup(value: unknown): value is Lookup {
  return typeof value === "object" && value !== null &&
    typeof (value as Partial<Lookup>).get === "function";
}

/** Several as one: the first that has the key answers. */
export function firstOf(lookups: readonly Lookup[]): Lookup {
  if (lookups.length === 1) return lookups[0];
  return {
    get(key) {
      for (const lookup of lookups) {
        const value = lookup.get(key);
        if (value !== undefined) return value;
      }
      return undefined;
    },
  };
}

/** A login as a key: a mailbox where it is one, otherwise a name. */
export function keyOfLogin(login: string): TableKey {
  try {
    return { path: Path.from(login) };
  } catch {
    return { domain: login };
  }
}

// What stands in quotes may have commas; a quote that nobody closes is a character like others.
const item = /(?:"(?:[^"\\]|\\[^])*"|[^,])+/g;

/** The items of a value: what its commas divide, without the spaces around. */
export function itemsOf(value: string): readonly string[] {
  return (value.match(item) ?? []).map((text) => text.trim()).filter((text) => text !== "");
}

/**
 * The addresses that a value lists.
 *
 * @param base Gives the domain to a local-part that stands by itself.
 * @throws {RangeError} If one of them is no address, or if there is none.
 */
export function addressesOf(value: string, base: Path): readonly Path[] {
  const items = itemsOf(value);
  if (items.length === 0) {
    throw new RangeError("Cannot read addresses: found nothing, allowed is at least one");
  }
  return items.map((text) =>
    Path.from(placeOfAt(text) === -1 && base.domain !== "" ? `${text}@${base.domain}` : text)
  );
}
