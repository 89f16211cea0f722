/**
 * One side of an address pattern, or a pattern for a domain or another name: what it may be, and how
 * it is compared.
 *
 * @module
 */

import { Path } from "../../rfc5321/path.ts";
import { asciiLowerCase } from "../../rfc5321/text.ts";
import { PatternError } from "./pattern_error.ts";
import { matchWildcard } from "./wildcard.ts";

/** What one text is compared with. */
export type Part =
  /** Everything, also `""`. */
  | { readonly kind: "any" }
  /** The same text. */
  | { readonly kind: "exact"; readonly text: string; readonly ignoreCase: boolean }
  /** Subdomains at any depth: the text begins with a dot. */
  | { readonly kind: "suffix"; readonly text: string }
  | { readonly kind: "wildcard"; readonly text: string; readonly ignoreCase: boolean };

/** Where a part lies in its pattern, for errors. */
export interface PartSource {
  /** The whole pattern. */
  readonly pattern: string;
  /** The part. */
  readonly text: string;
  /** UTF-16 code units of the pattern before the part. */
  readonly start: number;
}

const hasWildcard = /[*?]/;
// Letters, digits, hyphen and dot; the underscore of reverse names; what an address literal has.
const notInDomain = /[^A-Za-z0-9.\-_*?[\]:\u0080-\u{10ffff}]/u;
// What atext (RFC 5322 §3.2.3) and dot-string (RFC 5321 §4.1.2) lack.
const notInLocalPart = /[^A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.\u0080-\u{10ffff}]/u;
const misplacedDot = /\.\.|\.$/;

/** Text of the part as the pattern's case rule compares it. */
function folded(text: string, ignoreCase: boolean): string {
  return ignoreCase ? asciiLowerCase(text) : text;
}

function refuse({ pattern, text, start }: PartSource, wrong: RegExp, allowed: string): void {
  const match = wrong.exec(text);
  if (match === null) return;
  throw new PatternError(pattern, start + match.index + 1, JSON.stringify(match[0]), allowed);
}

/**
 * A text with wildcards, and nothing else that has a meaning.
 *
 * @param ignoreCase ASCII letters are compared without case.
 */
export function parseWildcards(text: string, ignoreCase: boolean): Part {
  if (text === "*") return { kind: "any" };
  return {
    kind: hasWildcard.test(text) ? "wildcard" : "exact",
    text: folded(text, ignoreCase),
    ignoreCase,
  };
}

/**
 * A domain, wildcards, or `.dom.example` for its subdomains. Domains are compared without the case of
 * ASCII letters (RFC 5321 §2.4).
 *
 * @throws {PatternError} At a character that no domain and no address literal has.
 */
export function parseDomain(source: PartSource): Part {
  const allowed = "a domain, with * and ? as wildcards, or .domain for its subdomains";
  refuse(source, notInDomain, allowed);
  refuse(source, misplacedDot, allowed);
  const text = asciiLowerCase(source.text);
  const suffix = text.startsWith("*.") ? text.slice(1) : text;
  if (suffix.startsWith(".")) {
    return hasWildcard.test(suffix)
      ? parseWildcards(`*${suffix}`, true)
      : { kind: "suffix", text: suffix };
  }
  return parseWildcards(text, true);
}

/**
 * Checks the characters of a local-part without quotes, perhaps with wildcards.
 *
 * @throws {PatternError} At a character that a local-part has in quotes only.
 */
export function checkLocalPart(source: PartSource): void {
  refuse(source, notInLocalPart, "a local-part, in quotes where it has other characters");
}

function isPostmaster(localPart: string): boolean {
  return localPart.length === "postmaster".length && asciiLowerCase(localPart) === "postmaster";
}

/**
 * A local-part as it is compared: `postmaster` never has a case (RFC 5321 §4.5.1), others by option.
 *
 * @param localPart The value, without quotes.
 * @param ignoreCase Default `false`.
 */
export function foldLocalPart(localPart: string, ignoreCase = false): string {
  return folded(localPart, ignoreCase || isPostmaster(localPart));
}

/**
 * A local-part or wildcards; in quotes, as RFC 5321 §4.1.2 has them, everything stands for itself.
 *
 * @param ignoreCase ASCII letters are compared without case; those of `postmaster` always are.
 * @throws {PatternError} At a character that a local-part has in quotes only.
 */
export function parseLocalPart(source: PartSource, ignoreCase: boolean): Part {
  const quoted = source.text.startsWith('"');
  const text = quoted ? unquote(source) : source.text;
  const withoutCase = ignoreCase || isPostmaster(text);
  if (quoted) return { kind: "exact", text: folded(text, withoutCase), ignoreCase: withoutCase };
  checkLocalPart(source);
  const part = parseWildcards(text, withoutCase);
  if (part.kind === "exact") {
    refuse(source, /^\.|\.\.|\.$/, "a local-part with single dots between its atoms");
  }
  return part;
}

/**
 * The value of a local-part in quotes.
 *
 * @throws {PatternError} If it is none.
 */
export function unquote({ pattern, text, start }: PartSource): string {
  try {
    return Path.from(`${text}@localhost`).localPart;
  } catch {
    throw new PatternError(pattern, start + 1, JSON.stringify(text), "a quoted local-part");
  }
}

/** How many captures a part makes. */
export function countStars(part: Part): number {
  if (part.kind === "wildcard") return part.text.split("*").length - 1;
  return part.kind === "exact" ? 0 : 1;
}

/**
 * What a part's stars took of a text; the omitted beginning of a suffix counts as a star.
 *
 * @returns As many texts as {@link countStars} says, or `undefined` where the text does not match.
 */
export function capture(part: Part, subject: string): readonly string[] | undefined {
  switch (part.kind) {
    case "any":
      return [subject];
    case "exact":
      return folded(subject, part.ignoreCase) === part.text ? [] : undefined;
    case "suffix": {
      const matches = subject.length > part.text.length &&
        asciiLowerCase(subject).endsWith(part.text);
      return matches ? [subject.slice(0, -part.text.length)] : undefined;
    }
    case "wildcard":
      return matchWildcard(part.text, folded(subject, part.ignoreCase))
        ?.map(({ start, end }) => subject.slice(start, end));
  }
}
