/**
 * Rewriting an address by a pattern and a template: `*@old.example` to `*@new.example`.
 *
 * @module
 */

import { Path } from "../../rfc5321/path.ts";
import { checkLocalPart, unquote } from "./part.ts";
import { type AddressPattern, maxPattern, PatternError, placeOfAt } from "./pattern.ts";

/** A piece of a template: a text, or the number of a capture from 0. */
export type Piece = string | number;

/** What a path is rewritten to. Compiled by {@link parseTemplate}. */
export interface Template {
  /** The template as written. */
  readonly text: string;
  /** Local-part and domain; neither for the null reverse-path. */
  readonly sides: readonly [localPart: readonly Piece[], domain: readonly Piece[]] | undefined;
}

const tokens = /\*|\$[$*]|\$[1-9]|\$|[^*$]+/g;

/** Reads one side, whose stars are the captures from `first` on. */
function parseSide(
  template: string,
  start: number,
  text: string,
  first: number,
  stars: number,
  captures: number,
): Piece[] {
  let next = first;
  return Array.from(text.matchAll(tokens), ({ 0: token, index }) => {
    if (token === "$$" || token === "$*") return token[1];
    if (token[0] !== "*" && token[0] !== "$") return token;
    const number = token === "*" ? next++ : Number(token.slice(1) || "0") - 1;
    const end = token === "*" ? first + stars : captures;
    if (number >= 0 && number < end) return number;
    throw new PatternError(
      template,
      start + index + 1,
      JSON.stringify(token),
      `* as often as the pattern has it on that side of the @ (${stars}), $1 to $9 for what its ` +
        `stars or groups took (${captures}), $$ and $* for the characters themselves`,
    );
  });
}

function expand({ sides }: Template, captures: readonly string[]): Path {
  if (sides === undefined) return Path.null;
  const [localPart, domain] = sides.map((pieces) =>
    pieces.map((piece) => typeof piece === "string" ? piece : captures[piece]).join("")
  );
  return Path.from(`x@${domain}`).withLocalPart(localPart);
}

/**
 * Reads what a matching path is rewritten to: `local-part@domain` or `<>`. A `*` stands for what the
 * pattern's star on the same side of the `@` took, the first for the first; `$1` to `$9` for what the
 * stars, or the groups of a regular expression, took on both sides; `$$` and `$*` for themselves. A
 * quoted local-part stands for itself.
 *
 * @throws {PatternError} If it is neither, or takes what the pattern does not give.
 */
export function parseTemplate(text: string, pattern: AddressPattern): Template {
  if (text === "<>") return { text, sides: undefined };
  const at = placeOfAt(text);
  if (at < 1 || text.length > maxPattern) {
    throw new PatternError(text, 1, JSON.stringify(text.slice(0, 80)), "local-part@domain, or <>");
  }
  const [localStars, domainStars] = pattern.stars;
  const source = { pattern: text, text: text.slice(0, at), start: 0 };
  const quoted = source.text.startsWith('"');
  if (!quoted) checkLocalPart(source);
  const template: Template = {
    text,
    sides: [
      quoted ? [unquote(source)] : parseSide(text, 0, source.text, 0, localStars, pattern.captures),
      parseSide(text, at + 1, text.slice(at + 1), localStars, domainStars, pattern.captures),
    ],
  };
  try {
    expand(template, Array<string>(pattern.captures).fill("x"));
  } catch {
    throw new PatternError(text, 1, JSON.stringify(text), "what makes a path of RFC 5321 §4.1.2");
  }
  return template;
}

/**
 * Rewrites a path that the pattern matches.
 *
 * @param template Read by {@link parseTemplate} for the same pattern.
 * @returns The new path, without source route; `undefined` where the pattern does not match.
 * @throws {RangeError} If what was captured makes no path in the template: too long, or no domain.
 */
export function rewriteBy(
  pattern: AddressPattern,
  template: Template,
  path: Path,
): Path | undefined {
  const captures = pattern.capture(path);
  return captures && expand(template, captures);
}
