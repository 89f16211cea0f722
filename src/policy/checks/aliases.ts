/**
 * Alias maps: one recipient becomes one or several others.
 *
 * @module
 */

import { Path } from "../../rfc5321/path.ts";
import { definePolicy, type Policy } from "../policy.ts";
import { rewrite } from "../verdicts.ts";
import { addressesOf, type Lookup, type Values } from "./lookup.ts";
import { type CheckEnvironment, OptionReader } from "./option_reader.ts";

/** The map. */
export interface AliasesOptions {
  /**
   * By recipient the addresses that take its place, in a table divided by commas; one without `@` is
   * a local-part of the same domain. They are looked up in their turn.
   */
  readonly map: Values;
}

/** Addresses that one recipient may become, and those on the way. */
const MOST = 1_000;

/**
 * Replaces a path until nothing is left to replace. One that stands for itself among others is kept.
 *
 * @throws {RangeError} If it leads in a circle or to too many: the operator's mistake.
 */
function expand(map: Lookup, from: Path): readonly Path[] {
  const keyOf = (path: Path): string => JSON.stringify([path.localPart, path.domain]);
  const seen = new Set([keyOf(from)]);
  const found = new Map<string, Path>();
  for (const left = [from]; left.length > 0;) {
    const path = left.pop()!;
    const value = map.get({ path });
    const paths = value === undefined ? [path] : addressesOf(value, path);
    for (const next of paths.toReversed()) {
      const key = keyOf(next);
      if (next.equals(path)) found.set(key, next);
      else if (!seen.has(key)) left.push(next);
      seen.add(key);
    }
    if (seen.size > MOST) {
      throw new RangeError(`Cannot expand the alias ${from}: allowed are ${MOST} addresses`);
    }
  }
  if (found.size === 0) {
    throw new RangeError(`Cannot expand the alias ${from}: found a circle, allowed is an end`);
  }
  return [...found.values()];
}

/**
 * Alias maps. A map that leads in a circle, or to more than 1000 addresses, fails the check: the
 * client is told to try again, and the operator hears of it.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function aliases(options: AliasesOptions, environment?: CheckEnvironment): Policy {
  const reader = new OptionReader("aliases", options, environment);
  const anywhere = Path.from("x@localhost");
  const map = reader.values("map", (value) => addressesOf(value, anywhere));
  reader.finish();
  return definePolicy({
    name: "aliases",
    rcpt({ forwardPath }) {
      if (map.get({ path: forwardPath }) === undefined) return undefined;
      return rewrite(expand(map, forwardPath));
    },
  });
}
