/**
 * Service extensions as a structure: what an EHLO reply offers (RFC 5321 §4.1.1.1).
 *
 * @module
 */

import { maxReplyText } from "./limits.ts";
import type { Reply } from "./reply.ts";

const noParameters: readonly string[] = Object.freeze([]);

// Tested before the change to upper case, which makes ASCII of some other letters.
const keywordSyntax = /^[A-Za-z0-9][A-Za-z0-9-]*$/;
const parameterSyntax = /^[!-~]+$/;
const decimal = /^[0-9]{1,20}$/;
// RFC 9422 §4: one to six digits, no leading zero.
const limitSyntax = /^([A-Za-z0-9_-]+)=([1-9][0-9]{0,5})$/;
// RFC 4954 §8 (sasl-mech of RFC 4422 §3.1)
const mechanismSyntax = /^[A-Z0-9_-]{1,20}$/;

/** Whether keyword and parameters are an ehlo-line (RFC 5321 §4.1.1.1) that fits one reply line. */
function isEhloLine(keyword: string, parameters: readonly string[]): boolean {
  return keywordSyntax.test(keyword) &&
    parameters.every((parameter) => parameterSyntax.test(parameter)) &&
    [keyword, ...parameters].join(" ").length <= maxReplyText;
}

function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])];
}

/**
 * What a server offers. Immutable; keywords are upper case and keep their order.
 *
 * @example From one EHLO reply to another
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Extensions, Reply } from "@sluice/sluice/rfc5321";
 *
 * const reply = new Reply(250, ["mx.example", "SIZE 10240000", "auth plain LOGIN", "XTEST"]);
 * const offered = Extensions.parse(reply);
 * assertEquals(offered.size, 10_240_000);
 * assertEquals(offered.mechanisms, ["PLAIN", "LOGIN"]);
 *
 * const passedOn = offered.without("XTEST").with("SIZE", "1000").with("8BITMIME");
 * assertEquals(passedOn.toLines(), ["SIZE 1000", "AUTH plain LOGIN", "8BITMIME"]);
 * assertEquals(offered.has("8BITMIME"), false);
 * ```
 */
export class Extensions {
  /** No extension at all: the answer to HELO. */
  static readonly none: Extensions = new Extensions(new Map());

  readonly #offered: ReadonlyMap<string, readonly string[]>;

  private constructor(offered: ReadonlyMap<string, readonly string[]>) {
    this.#offered = offered;
  }

  /**
   * Reads an EHLO reply. Its first line is the server's name and is skipped; a line that is not in
   * the grammar is ignored; of a repeated keyword the last line counts. `AUTH=LOGIN`, the form from
   * before RFC 2554, counts as `AUTH LOGIN`, and all AUTH lines together are one list.
   *
   * At most 99 keywords come out of it, since a reply has at most 100 lines.
   */
  static parse(reply: Reply): Extensions {
    const offered = new Map<string, readonly string[]>();
    for (const line of reply.lines.slice(1)) {
      const [first, ...parameters] = line.replace(/^AUTH=/i, "AUTH ").split(" ")
        .filter((word) => word !== "");
      if (first === undefined) continue;
      const keyword = first.toUpperCase();
      const merged = keyword === "AUTH"
        ? union(offered.get(keyword) ?? noParameters, parameters)
        : parameters;
      if (isEhloLine(first, merged)) offered.set(keyword, Object.freeze(merged));
    }
    return new Extensions(offered);
  }

  /**
   * Makes an offer from keywords and their parameters.
   *
   * @throws {RangeError} If a keyword or a parameter is not in the grammar, or too long for a line.
   */
  static of(
    entries: Iterable<readonly [keyword: string, parameters?: readonly string[]]>,
  ): Extensions {
    let extensions = Extensions.none;
    for (const [keyword, parameters] of entries) {
      extensions = extensions.with(keyword, ...(parameters ?? noParameters));
    }
    return extensions;
  }

  /** Whether the keyword, in any case, is offered. */
  has(keyword: string): boolean {
    return this.#offered.has(keyword.toUpperCase());
  }

  /** The keyword's parameters as given; empty where it has none or is not offered. */
  parameters(keyword: string): readonly string[] {
    return this.#offered.get(keyword.toUpperCase()) ?? noParameters;
  }

  /**
   * The same offer with this keyword, which keeps its place if it is there already.
   *
   * @throws {RangeError} If keyword or parameters are not in the grammar, or too long for a line.
   */
  with(keyword: string, ...parameters: readonly string[]): Extensions {
    if (!isEhloLine(keyword, parameters)) {
      throw new RangeError(
        `Cannot offer the extension ${
          JSON.stringify([keyword, ...parameters].join(" "))
        }: expected ` +
          `a keyword of letters, digits and hyphens and printable ASCII parameters without spaces, ` +
          `at most ${maxReplyText} octets together`,
      );
    }
    const offered = new Map(this.#offered);
    return new Extensions(offered.set(keyword.toUpperCase(), Object.freeze([...parameters])));
  }

  /** The same offer without this keyword. */
  without(keyword: string): Extensions {
    const offered = new Map(this.#offered);
    offered.delete(keyword.toUpperCase());
    return new Extensions(offered);
  }

  /**
   * The fixed limit of SIZE in octets (RFC 1870 §4); `undefined` where there is none: not offered,
   * without a value, zero, or not a number that can be held exactly.
   */
  get size(): number | undefined {
    const [value] = this.parameters("SIZE");
    if (value === undefined || !decimal.test(value)) return undefined;
    const size = Number(value);
    return size > 0 && Number.isSafeInteger(size) ? size : undefined;
  }

  /** The SASL mechanisms of AUTH, upper case (RFC 4954 §3); what is not a mechanism name is left out. */
  get mechanisms(): readonly string[] {
    const names = this.parameters("AUTH").map((name) => name.toUpperCase());
    return [...new Set(names)].filter((name) => mechanismSyntax.test(name));
  }

  /** One limit of LIMITS (RFC 9422 §4), 1 to 999999; `undefined` where it is not stated. */
  limit(name: "MAILMAX" | "RCPTMAX" | "RCPTDOMAINMAX"): number | undefined {
    for (const parameter of this.parameters("LIMITS")) {
      const match = limitSyntax.exec(parameter);
      if (match !== null && match[1].toUpperCase() === name) return Number(match[2]);
    }
    return undefined;
  }

  /** The lines for an EHLO reply, without its first line. */
  toLines(): string[] {
    return [...this.#offered].map(([keyword, parameters]) => [keyword, ...parameters].join(" "));
  }

  /** Keywords with their parameters, in order. */
  [Symbol.iterator](): IterableIterator<[keyword: string, parameters: readonly string[]]> {
    return this.#offered.entries();
  }
}
