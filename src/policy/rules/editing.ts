/**
 * Actions that change the header section.
 *
 * @module
 */

import { z } from "zod";
import type { Edit } from "../../session/phases.ts";
import { addHeader, removeHeader, replaceHeader } from "../verdicts.ts";
import { readFieldName } from "./header_condition.ts";
import { eachOf, type Scope } from "./scope.ts";

/** A field that is written. */
export interface WrittenField {
  /** Its name. */
  readonly name: string;
  /** Its value; words beyond ASCII become encoded-words (RFC 2047). */
  readonly value: string;
}

/** A field that is added. */
export interface AddedField extends WrittenField {
  /** Above all others, or below. Default `top`. */
  readonly at?: "top" | "bottom";
}

const written = {
  name: z.string({ error: "the name of a header field" }),
  value: z.string({ error: "the value of a header field" }),
};

/** One or several. */
function severalOf<T>(one: z.ZodType<T>, allowed: string): z.ZodType<T | readonly T[]> {
  return z.union([one, z.array(one).min(1, allowed)], { error: allowed }).describe(allowed);
}

/** What stands behind `add-header`. */
export const addSchema: z.ZodType<AddedField | readonly AddedField[]> = severalOf(
  z.strictObject({
    ...written,
    at: z.enum(["top", "bottom"], { error: "top or bottom" }).optional(),
  }),
  'a table, as { name = "X-Spam", value = "yes", at = "top" }, or several',
);

/** What stands behind `replace-header`. */
export const replaceSchema: z.ZodType<WrittenField | readonly WrittenField[]> = severalOf(
  z.strictObject(written),
  'a table, as { name = "Subject", value = "Removed" }, or several',
);

/** What stands behind `remove-header`. */
export const removeSchema: z.ZodType<string | readonly string[]> = severalOf(
  z.string(),
  "the name of a header field, or several",
);

function each<T extends WrittenField>(
  value: T | readonly T[],
  scope: Scope,
  make: (field: T) => Edit,
): readonly Edit[] {
  const compile = (field: T, place: Scope): Edit => {
    readFieldName(field.name, place.at("name"));
    return place.at("value").read(field.value, "a text of one line", () => make(field));
  };
  return "name" in value
    ? [compile(value, scope)]
    : value.map((field, nth) => compile(field, scope.at(nth)));
}

/** @throws {RuleError} If one cannot be written. */
export function compileAdd(
  value: AddedField | readonly AddedField[],
  scope: Scope,
): readonly Edit[] {
  return each(value, scope, ({ name, value, at }) => addHeader(name, value, at));
}

/** @throws {RuleError} If one cannot be written. */
export function compileReplace(
  value: WrittenField | readonly WrittenField[],
  scope: Scope,
): readonly Edit[] {
  return each(value, scope, ({ name, value }) => replaceHeader(name, value));
}

/** @throws {RuleError} If one is no name of a field. */
export function compileRemove(value: string | readonly string[], scope: Scope): readonly Edit[] {
  return eachOf(value, scope).map(([name, place]) => removeHeader(readFieldName(name, place)));
}
