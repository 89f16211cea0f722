/**
 * Pieces of the configuration's schema: each says what is allowed, and gives the value that the
 * program works with.
 *
 * @module
 */

import * as z from "zod";
import { OptionError } from "../errors.ts";

/** A piece of a schema that is written as `Written` and read as `Value`. */
export type Piece<Value, Written = Value> = z.ZodType<Value, Written>;

/**
 * A text that `read` makes a value of.
 *
 * @param allowed What is allowed, where `read` throws anything but an `OptionError`, which knows
 * better.
 */
export function written<T>(allowed: string, read: (text: string) => T): Piece<T, string> {
  return z.string({ error: allowed }).transform((text, context): T => {
    try {
      return read(text);
    } catch (error) {
      const known = error instanceof OptionError ? error : undefined;
      context.addIssue({
        code: "custom",
        message: known?.allowed ?? allowed,
        params: { found: known?.found ?? text },
      });
      return z.NEVER;
    }
  });
}

/** A text that stays as it is once `check` has not thrown. */
export function checked(allowed: string, check: (text: string) => unknown): Piece<string> {
  return written(allowed, (text) => {
    check(text);
    return text;
  });
}

/** A text that is not empty. */
export function text(allowed: string): Piece<string> {
  return checked(allowed, (text) => {
    if (text === "") throw new RangeError("Found nothing");
  });
}

/** A text that is not empty, or several. */
export function texts(allowed: string): Piece<string | string[]> {
  return z.union([text(allowed), z.array(text(allowed)).min(1, { error: allowed })], {
    error: allowed,
  });
}

const WHOLE_NUMBER = "a whole number of at least 1";

/** A whole number of at least 1. */
export function count(): Piece<number> {
  return z.int({ error: WHOLE_NUMBER }).min(1, { error: WHOLE_NUMBER });
}

/** A number as it stands, or a text with its unit, from 1 on. */
export function measure(
  allowed: string,
  read: (text: string) => number,
): Piece<number, number | string> {
  // One message for both forms, and not one for each.
  return z.union([z.int(), z.string()], { error: allowed }).transform((value, context) => {
    try {
      const number = read(String(value));
      if (number >= 1) return number;
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
    }
    context.addIssue({ code: "custom", message: allowed });
    return z.NEVER;
  });
}

/** Names of the kinds of values that TOML has. */
const KINDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "an array",
  object: "a table",
  record: "a table",
};

/**
 * What is allowed, where a piece of the schema does not say it.
 *
 * @param issue As zod tells it.
 */
export function allowedBy(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return KINDS[issue.expected] ?? issue.expected;
    case "invalid_value":
      return issue.values.map(String).join(", ");
    case "unrecognized_keys": {
      const definition = issue.inst?._zod.def;
      return definition !== undefined && "shape" in definition
        ? Object.keys(definition.shape as object).join(", ")
        : undefined;
    }
    case "too_small":
      return `at least ${issue.minimum}`;
    case "too_big":
      return `at most ${issue.maximum}`;
    default:
      return undefined;
  }
}
