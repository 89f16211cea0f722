/**
 * Regular expressions that cannot run away: those of RE2, which need a time proportional to the
 * subject's length and have therefore neither back-references nor look-around.
 *
 * @module
 */

import { RE2JS, RE2JSSyntaxException } from "re2js";
import { PatternError } from "./pattern_error.ts";

/** Most groups of an expression: as many as `$1` to `$9` can name. */
export const maxGroups = 9;

/** Most instructions of a compiled expression; each may be tried at each character of the subject. */
const maxInstructions = 1000;

const syntax = /^\/((?:[^/\\]|\\[^])*)\/([^]*)$/;

/** A compiled expression. */
export interface RegularExpression {
  /** How many groups it has. */
  readonly groups: number;
  /** Whether it matches somewhere in the subject. */
  test(subject: string): boolean;
  /** What the groups of the first match took, `""` for one that took no part. */
  exec(subject: string): readonly string[] | undefined;
}

function compile(text: string, body: string, flags: number): RE2JS {
  try {
    return RE2JS.compile(body, flags);
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    const place = error.input === null ? 0 : Math.max(body.indexOf(error.input), 0);
    throw new PatternError(
      text,
      place + 2,
      error.input === null ? error.error : `${JSON.stringify(error.input)} (${error.error})`,
      "a regular expression of RE2, without look-around and back-references",
    );
  }
}

/**
 * Reads `/expression/` or, to match ASCII and other letters without case, `/expression/i`. A slash
 * within is written `\/`. `.` is any character; `^` and `$` are the ends of the subject.
 *
 * @throws {PatternError} If it is no expression of RE2, or too large.
 */
export function parseRegularExpression(text: string): RegularExpression {
  const [, body, flags] = syntax.exec(text) ?? [];
  if (body === undefined) {
    throw new PatternError(text, text.length + 1, "no end", '"/" or "/i" at the end');
  }
  if (flags !== "" && flags !== "i") {
    throw new PatternError(
      text,
      body.length + 3,
      JSON.stringify(flags),
      'nothing or "i" behind the "/" that ends the expression; one within it is written "\\/"',
    );
  }
  const expression = compile(
    text,
    body,
    RE2JS.DOTALL | (flags === "i" ? RE2JS.CASE_INSENSITIVE : 0),
  );
  if (expression.programSize() > maxInstructions || expression.groupCount() > maxGroups) {
    throw new PatternError(
      text,
      1,
      `${expression.programSize()} instructions and ${expression.groupCount()} groups`,
      `at most ${maxInstructions} instructions and ${maxGroups} groups; "(?:…)" is no group`,
    );
  }
  return {
    groups: expression.groupCount(),
    test: (subject) => expression.test(subject),
    exec: (subject) => expression.exec(subject)?.slice(1).map((group) => group ?? ""),
  };
}
