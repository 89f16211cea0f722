/**
 * Patterns: what one condition value of a rule, or one key of a table, may be. Compiled once.
 *
 * | written                        | matches                                                        |
 * | ------------------------------ | -------------------------------------------------------------- |
 * | `user@dom.example`             | that mailbox                                                   |
 * | `*@dom.example`, `@dom.example`| every mailbox of the domain                                    |
 * | `user@*`, `user@`              | the local-part at every domain                                 |
 * | `dom.example`                  | the domain, and every mailbox there                            |
 * | `.dom.example`, `*.dom.example`| every subdomain at any depth, not the domain itself            |
 * | `sales-*@dom?.example`         | wildcards: `*` any characters, also none, `?` exactly one      |
 * | `"a*b"@dom.example`            | a quoted local-part: in quotes wildcards stand for themselves  |
 * | `/^[a-z]+@dom\.example$/i`     | a regular expression of RE2, found anywhere in the text        |
 * | `<>`                           | the null reverse-path, and nothing else does but an expression |
 *
 * Domains are compared without the case of ASCII letters, local-parts and other names with it, unless
 * an option says otherwise (RFC 5321 §2.4). A-labels and U-labels are different texts.
 *
 * @module
 */

import type { Path } from "../../rfc5321/path.ts";
import { asciiLowerCase, isClean } from "../../rfc5321/text.ts";
import {
  capture,
  countStars,
  parseDomain,
  parseLocalPart,
  parseWildcards,
  type Part,
} from "./part.ts";
import { PatternError } from "./pattern_error.ts";
import { parseRegularExpression, type RegularExpression } from "./regular_expression.ts";

export { PatternError } from "./pattern_error.ts";

/** Longest pattern in UTF-16 code units: no path has more than 256 octets. */
export const maxPattern = 500;

/** What a pattern is for: paths, domains (also EHLO and reverse names), or other names such as logins. */
export type PatternKind = "address" | "domain" | "name";

/** How a pattern compares. */
export interface PatternOptions {
  /** Local-parts and names are compared without the case of ASCII letters. Default `false`. */
  readonly ignoreCase?: boolean;
}

/** How an address pattern was written. */
export type AddressForm =
  | { readonly kind: "null" }
  | { readonly kind: "expression"; readonly expression: RegularExpression }
  /** Without local-part where there was no `@`: a pattern for domains. */
  | { readonly kind: "mailbox"; readonly localPart: Part | undefined; readonly domain: Part };

const any: Part = { kind: "any" };

/** A pattern for reverse-paths and forward-paths. */
export class AddressPattern {
  /** How many captures the local-part and the domain make, in this order. */
  readonly stars: readonly [localPart: number, domain: number];
  /** How many captures there are altogether: the stars, or an expression's groups. */
  readonly captures: number;

  /**
   * Made by {@link parsePattern}.
   *
   * @param text The pattern as written.
   * @param form What {@link parsePattern} made of it.
   */
  constructor(readonly text: string, readonly form: AddressForm) {
    this.stars = form.kind === "mailbox"
      ? [countStars(form.localPart ?? any), countStars(form.domain)]
      : [0, 0];
    this.captures = form.kind === "expression"
      ? form.expression.groups
      : this.stars[0] + this.stars[1];
  }

  /**
   * Whether the pattern matches the path. An expression is tried on the local-part's value without
   * quotes, `@` and the domain in lower case; on `""` for the null reverse-path.
   */
  matches(path: Path): boolean {
    if (this.form.kind === "expression") return this.form.expression.test(textOf(path));
    return this.capture(path) !== undefined;
  }

  /**
   * What the stars or groups took, those of the local-part first. An omitted side counts as a star.
   *
   * @returns `undefined` where the path does not match.
   */
  capture(path: Path): readonly string[] | undefined {
    const { form } = this;
    if (form.kind === "expression") return form.expression.exec(textOf(path));
    if (path.isNull) return form.kind === "null" ? [] : undefined;
    if (form.kind === "null") return undefined;
    const domain = capture(form.domain, path.domain);
    if (domain === undefined) return undefined;
    const localPart = capture(form.localPart ?? any, path.localPart);
    return localPart && [...localPart, ...domain];
  }
}

function textOf(path: Path): string {
  return path.domain === "" ? path.localPart : `${path.localPart}@${path.domain}`;
}

/** A pattern for domains or names. */
export class TextPattern {
  readonly #matches: (subject: string) => boolean;

  /**
   * Made by {@link parsePattern}.
   *
   * @param text The pattern as written.
   * @param matches What {@link parsePattern} made of it.
   */
  constructor(readonly text: string, matches: (subject: string) => boolean) {
    this.#matches = matches;
  }

  /** Whether the pattern matches the domain or name; an expression sees domains in lower case. */
  matches(subject: string): boolean {
    return this.#matches(subject);
  }
}

/** The place of the `@` between local-part and domain, or -1; one in quotes is none. */
export function placeOfAt(text: string): number {
  const quoted = /^"(?:[^"\\]|\\[^])*"/.exec(text)?.[0].length ?? 0;
  return text.indexOf("@", quoted);
}

function addressForm(text: string, ignoreCase: boolean): AddressForm {
  if (text === "<>") return { kind: "null" };
  if (text.startsWith("/")) {
    return { kind: "expression", expression: parseRegularExpression(text) };
  }
  const at = placeOfAt(text);
  const localPart = { pattern: text, text: text.slice(0, Math.max(at, 0)), start: 0 };
  const domain = { pattern: text, text: text.slice(at + 1), start: at + 1 };
  if (localPart.text === "" && domain.text === "") {
    throw new PatternError(text, 1, JSON.stringify(text), "a local-part, a domain, or both");
  }
  return {
    kind: "mailbox",
    localPart: at === -1
      ? undefined
      : localPart.text === ""
      ? any
      : parseLocalPart(localPart, ignoreCase),
    domain: domain.text === "" ? any : parseDomain(domain),
  };
}

function textMatcher(
  text: string,
  kind: "domain" | "name",
  ignoreCase: boolean,
): (subject: string) => boolean {
  if (text.startsWith("/")) {
    const expression = parseRegularExpression(text);
    if (kind === "name") return (subject) => expression.test(subject);
    return (subject) => expression.test(asciiLowerCase(subject));
  }
  const part = kind === "domain"
    ? parseDomain({ pattern: text, text, start: 0 })
    : parseWildcards(text, ignoreCase);
  return (subject) => capture(part, subject) !== undefined;
}

/**
 * Reads a pattern for addresses.
 *
 * @throws {PatternError} If it is none.
 */
export function parsePattern(
  text: string,
  kind: "address",
  options?: PatternOptions,
): AddressPattern;
/**
 * Reads a pattern for domains, or for other names: there no dot and no `@` has a meaning.
 *
 * @throws {PatternError} If it is none.
 */
export function parsePattern(
  text: string,
  kind: "domain" | "name",
  options?: PatternOptions,
): TextPattern;
export function parsePattern(
  text: string,
  kind: PatternKind,
  { ignoreCase = false }: PatternOptions = {},
): AddressPattern | TextPattern {
  if (text === "") throw new PatternError(text, 1, "nothing", `a pattern for one ${kind}`);
  if (text.length > maxPattern) {
    const found = `${text.length} characters`;
    throw new PatternError(text, maxPattern + 1, found, `at most ${maxPattern}`);
  }
  if (!isClean(text)) {
    const column = Array.from(text).findIndex((character) => !isClean(character)) + 1;
    throw new PatternError(text, column, "a control character", "printable characters and spaces");
  }
  return kind === "address"
    ? new AddressPattern(text, addressForm(text, ignoreCase))
    : new TextPattern(text, textMatcher(text, kind, ignoreCase));
}
