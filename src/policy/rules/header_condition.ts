/**
 * Conditions on the header section: whether there is a field of a name, and what it says.
 *
 * @module
 */

import { z } from "zod";
import { decodeWords } from "../../message/encoded_words.ts";
import { writeField } from "../../message/field.ts";
import { parsePattern } from "./pattern.ts";
import { eachOf, type Scope } from "./scope.ts";
import type { View } from "./view.ts";

/** One field that is asked for. */
export interface HeaderCondition {
  /** Of the field, whatever its case. */
  readonly name: string;
  /**
   * What the value of one of these fields is like, unfolded and with its encoded-words (RFC 2047)
   * decoded: wildcards without the case of ASCII letters, expressions as they are written. Default:
   * anything.
   */
  readonly matches?: string | readonly string[];
  /** There is no such field. */
  readonly missing?: true;
}

const form =
  'a table, as { name = "Subject", matches = "*lottery*" } or { name = "Date", missing = true }';
const patterns = "texts, with * and ? as wildcards, or /expression/";
const fieldName = "the name of a header field";

const one = z.strictObject({
  name: z.string({ error: fieldName }).describe(fieldName),
  matches: z.union([z.string(), z.array(z.string()).min(1, patterns)], { error: patterns })
    .optional().describe(patterns),
  missing: z.literal(true, { error: "true" }).optional().describe("there is no such field"),
}, { error: form });

/** What stands behind the key `header`. */
export const headerSchema: z.ZodType<HeaderCondition | readonly HeaderCondition[]> = z.union(
  [one, z.array(one).min(1, form)],
  { error: form },
).describe(`a header field, or several any of which will do: ${form}`);

/** The name of a field that could be there. @throws {RuleError} If it could not. */
export function readFieldName(name: string, scope: Scope): string {
  scope.read(name, fieldName, () => writeField(name, ""));
  return name;
}

/** Whether one of these fields is there, or not. @throws {RuleError} If one cannot be used. */
export function compileHeader(
  value: HeaderCondition | readonly HeaderCondition[],
  scope: Scope,
): (view: View) => boolean {
  const tests = "name" in value
    ? [compileOne(value, scope)]
    : value.map((one, nth) => compileOne(one, scope.at(nth)));
  return (view) => tests.some((test) => test(view));
}

function compileOne(
  { name, matches, missing }: HeaderCondition,
  scope: Scope,
): (view: View) => boolean {
  readFieldName(name, scope.at("name"));
  if (missing) {
    if (matches === undefined) return ({ headers }) => !headers?.has(name);
    throw scope.at("missing").error("missing and matches", "one of the two");
  }
  if (matches === undefined) return ({ headers }) => headers?.has(name) ?? false;
  const tests = eachOf(matches, scope.at("matches")).map(([text, place]) =>
    place.read(text, patterns, () => parsePattern(text, "name", { ignoreCase: true }))
  );
  return ({ headers }) => {
    const values = headers?.all(name).map(decodeWords) ?? [];
    return values.some((text) => tests.some((pattern) => pattern.matches(text)));
  };
}
