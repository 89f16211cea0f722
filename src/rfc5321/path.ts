/**
 * Reverse-paths and forward-paths (RFC 5321 §4.1.2, with the UTF-8 forms of RFC 6531 §3.3).
 *
 * @module
 */

import { isAddressLiteral } from "./address_literal.ts";
import { maxDomain, maxLocalPart, maxPath } from "./limits.ts";
import { asciiLowerCase, isAscii, isClean, octetLength } from "./text.ts";

// UTF8-non-ascii; what isClean refuses is refused before any of these patterns is tried.
const other = "\\u0080-\\u{10FFFF}";
const atom = `[A-Za-z0-9!#$%&'*+\\-/=?^_\`{|}~${other}]+`;
const dotString = `${atom}(?:\\.${atom})*`;
const quotedString = `"(?:[ !#-\\[\\]-~${other}]|\\\\[ -~])*"`;
// A domain or an address literal follows the "@"; it is looked at by itself.
const mailboxSyntax = new RegExp(`^(${dotString}|${quotedString})@([^]+)$`, "u");
const dotStringSyntax = new RegExp(`^${dotString}$`, "u");

// U-labels (RFC 6531 §3.3) consist of letters, marks, digits and the few characters that RFC 5892
// §2.6 and §2.7 allow by context; above all of no other full stops.
const unicodeLetDig = "\\p{L}\\p{M}\\p{N}\\u00b7\\u0375\\u05f3\\u05f4\\u200c\\u200d\\u30fb";
const subDomain = `[A-Za-z0-9${unicodeLetDig}](?:-*[A-Za-z0-9${unicodeLetDig}])*`;
const domainSyntax = new RegExp(`^${subDomain}(?:\\.${subDomain})*$`, "u");

function isDomain(text: string): boolean {
  return octetLength(text) <= maxDomain && domainSyntax.test(text);
}

/** Puts a local-part into the form with the least quoting (RFC 5321 §4.1.2). */
function quote(localPart: string): string {
  if (dotStringSyntax.test(localPart)) return localPart;
  return `"${localPart.replace(/["\\]/g, "\\$&")}"`;
}

function unquote(localPart: string): string {
  return localPart.startsWith('"') ? localPart.slice(1, -1).replace(/\\([^])/g, "$1") : localPart;
}

/**
 * The value of a reverse-path or forward-path. Immutable.
 *
 * @example Quoting, case and a new domain
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { Path } from "@sluice/sluice/rfc5321";
 *
 * const path = Path.from('"Fred Bloggs"@Old.Example');
 * assertEquals([path.localPart, path.domain], ["Fred Bloggs", "old.example"]);
 * assertEquals(path.withDomain("new.example").toString(), '<"Fred Bloggs"@new.example>');
 *
 * assert(Path.from('"bob"@x.example').equals(Path.from("bob@X.EXAMPLE")));
 * assertEquals(Path.parse("<@a.example,@b.example:c@d.example>")?.route, ["a.example", "b.example"]);
 * assertEquals(Path.parse("<a@b@c.example>"), undefined);
 * ```
 */
export class Path {
  /** The null reverse-path `<>` (RFC 5321 §4.5.5). */
  static readonly null: Path = new Path("", "", "", []);

  /** The local-part's value, its quoting removed; `""` for the null reverse-path. */
  readonly localPart: string;
  /**
   * The domain, or the address literal with its brackets; ASCII letters in lower case. `""` for the
   * null reverse-path and for `<Postmaster>`.
   */
  readonly domain: string;
  /** The mailbox as written, without brackets and source route; `""` for the null reverse-path. */
  readonly address: string;
  /** The domains of the source route as written; nearly always none (RFC 5321 appendix C). */
  readonly route: readonly string[];

  private constructor(
    localPart: string,
    domain: string,
    address: string,
    route: readonly string[],
  ) {
    this.localPart = localPart;
    this.domain = domain;
    this.address = address;
    this.route = Object.freeze(route);
  }

  /**
   * Reads a path with its angle brackets, also the null reverse-path and `<Postmaster>` (RFC 5321
   * §4.1.1.3), within the size limits of RFC 5321 §4.5.3.1.
   *
   * @returns The path, or `undefined` where the text is none.
   */
  static parse(text: string): Path | undefined {
    if (text === "<>") return Path.null;
    if (!text.startsWith("<") || !text.endsWith(">") || octetLength(text) > maxPath) {
      return undefined;
    }
    if (!text.startsWith("<@")) return Path.#mailbox(text.slice(1, -1), []);
    // A-d-l: no domain contains a colon, so the first one ends the source route.
    const colon = text.indexOf(":");
    const hops = text.slice(1, Math.max(colon, 1)).split(",");
    if (!hops.every((hop) => hop.startsWith("@") && isDomain(hop.slice(1)))) return undefined;
    const path = Path.#mailbox(text.slice(colon + 1, -1), hops.map((hop) => hop.slice(1)));
    return path?.domain === "" ? undefined : path;
  }

  /**
   * Reads a mailbox without brackets, as an operator or a policy writes it.
   *
   * @throws {RangeError} If it is not `local-part@domain` (or `Postmaster`) by the grammar.
   */
  static from(address: string): Path {
    const path = Path.#mailbox(address, []);
    if (path === undefined || octetLength(address) + 2 > maxPath) {
      throw new RangeError(
        `Cannot make a path: ${JSON.stringify(address)} is not a mailbox, expected ` +
          `local-part@domain of at most ${maxLocalPart} and ${maxDomain} octets, together at most ` +
          `${maxPath - 2}`,
      );
    }
    return path;
  }

  static #mailbox(address: string, route: readonly string[]): Path | undefined {
    if (!isClean(address)) return undefined;
    if (/^postmaster$/i.test(address)) return new Path(address, "", address, route);
    const [, localPart, domain] = mailboxSyntax.exec(address) ?? [];
    if (localPart === undefined || octetLength(localPart) > maxLocalPart) return undefined;
    if (!isDomain(domain) && !isAddressLiteral(domain)) return undefined;
    return new Path(unquote(localPart), asciiLowerCase(domain), address, route);
  }

  /** Whether this is the null reverse-path `<>`. */
  get isNull(): boolean {
    return this.address === "";
  }

  /** Whether the mailbox is ASCII only, so that it needs no SMTPUTF8 (RFC 6531 §3.4). */
  get isAscii(): boolean {
    return isAscii(this.address);
  }

  /** Whether the domain is an address literal. */
  get domainLiteral(): boolean {
    return this.domain.startsWith("[");
  }

  /**
   * The same local-part at another domain, without source route.
   *
   * @throws {RangeError} If the domain is none, or if this is the null reverse-path.
   */
  withDomain(domain: string): Path {
    if (this.isNull) {
      throw new RangeError(
        `Cannot give the null reverse-path the domain ${JSON.stringify(domain)}: it has no mailbox`,
      );
    }
    return Path.from(`${quote(this.localPart)}@${domain}`);
  }

  /**
   * Another local-part at the same domain, without source route; quoted where it must be.
   *
   * @param localPart The value, without quoting.
   * @throws {RangeError} If it cannot be a local-part, or if this path has no domain.
   */
  withLocalPart(localPart: string): Path {
    if (this.domain === "") {
      throw new RangeError(
        `Cannot give ${this} the local-part ${JSON.stringify(localPart)}: it has no domain`,
      );
    }
    return Path.from(`${quote(localPart)}@${this.domain}`);
  }

  /**
   * Whether both name the same mailbox: local-parts exactly, however quoted, and domains without
   * regard to the case of ASCII letters (RFC 5321 §2.4). Source routes do not count.
   */
  equals(other: Path): boolean {
    return this.isNull === other.isNull && this.localPart === other.localPart &&
      this.domain === other.domain;
  }

  /** `<address>`, without source route, which SHOULD be ignored (RFC 5321 appendix C). */
  toString(): string {
    return `<${this.address}>`;
  }

  /** `<@a,@b:address>`: the path as it was written. */
  toStringWithRoute(): string {
    const route = this.route.map((domain) => `@${domain}`).join(",");
    return `<${route}${route === "" ? "" : ":"}${this.address}>`;
  }
}
