/**
 * Tables: keys, each perhaps with a value, that rules look addresses, domains and IP addresses up in.
 *
 * One entry a line: `key`, or `key value`, the value being the rest of the line. Blank lines count for
 * nothing, and neither does what begins with `#` at the start of a line or of a value. A key is an IP
 * address, a network in CIDR notation, or whatever pattern.ts knows.
 *
 * What is looked up, in this order; the first that is found counts:
 *
 * | key      | exact mailbox, `<>` | `user@` | `@dom` | `dom` | `.dom`, longest first | CIDR, longest first | other patterns, in order |
 * | -------- | ------------------- | ------- | ------ | ----- | --------------------- | ------------------- | ------------------------ |
 * | a path   | yes                 | yes     | yes    | yes   | yes                   |                     | yes                      |
 * | a domain |                     |         |        | yes   | yes                   |                     | yes, without `@`         |
 * | an IP    |                     |         |        |       |                       | yes                 | yes, without `@`         |
 *
 * All but the other patterns are found in a time that does not depend on the number of entries.
 *
 * @module
 */

import { CidrSet } from "../../cidr_set.ts";
import { isIpv4, isIpv6 } from "../../rfc5321/address_literal.ts";
import type { Path } from "../../rfc5321/path.ts";
import { asciiLowerCase, isClean } from "../../rfc5321/text.ts";
import { foldLocalPart } from "./part.ts";
import {
  type AddressPattern,
  parsePattern,
  PatternError,
  type PatternOptions,
  type TextPattern,
} from "./pattern.ts";

/** What is looked up. */
export type TableKey =
  | { readonly path: Path }
  /** A domain, a reverse name, an EHLO name; its case does not count. */
  | { readonly domain: string }
  /** An IP address. */
  | { readonly address: string };

/** Where the entries lie that are found by one look-up; all but CIDR and the patterns in order. */
type Index = "mailbox" | "localPart" | "atDomain" | "domain" | "suffix";

/** A pattern that is tried in its turn. */
interface Trial {
  readonly address: AddressPattern;
  /** The same for domains and IP addresses; none where it has an `@`. */
  readonly text: TextPattern | undefined;
  readonly value: string;
}

/** A line of a table that cannot be used. */
export class TableError extends Error {
  /** Tells it from other errors. */
  override readonly name = "TableError";
  /**
   * Says what is wrong and where.
   *
   * @param table The table's name.
   * @param line From 1.
   * @param column In UTF-16 code units from 1.
   * @param problem What was attempted, what was found and what is allowed.
   */
  constructor(
    readonly table: string,
    readonly line: number,
    readonly column: number,
    readonly problem: string,
  ) {
    super(`${table}:${line}:${column}: ${problem}`);
  }
}

/** Longest line in UTF-16 code units. */
const maxLine = 65_536;

// A quoted local-part and an expression may have spaces within.
const keySyntax = /^(?:"(?:[^"\\]|\\[^])*"[^ \t]*|\/(?:[^/\\]|\\[^])*\/[^ \t]*|[^ \t]+)/;

function isNetwork(key: string): boolean {
  const address = key.split("/", 1)[0];
  return isIpv4(address) || isIpv6(address);
}

/** Where an address pattern that matches one text only is filed, and under which text. */
function placeOf({ form }: AddressPattern): readonly [Index, string] | undefined {
  if (form.kind === "null") return ["mailbox", "<>"];
  if (form.kind === "expression") return undefined;
  const { localPart, domain } = form;
  if (localPart === undefined) {
    if (domain.kind === "exact") return ["domain", domain.text];
    return domain.kind === "suffix" ? ["suffix", domain.text] : undefined;
  }
  if (domain.kind === "exact") {
    if (localPart.kind === "any") return ["atDomain", domain.text];
    return localPart.kind === "exact" ? ["mailbox", `${localPart.text}@${domain.text}`] : undefined;
  }
  return localPart.kind === "exact" && domain.kind === "any"
    ? ["localPart", localPart.text]
    : undefined;
}

/** The keys and values of one table. */
export class Table {
  readonly #options: PatternOptions;
  readonly #indexes: Readonly<Record<Index, Map<string, string>>> = {
    mailbox: new Map(),
    localPart: new Map(),
    atDomain: new Map(),
    domain: new Map(),
    suffix: new Map(),
  };
  readonly #networks = new CidrSet<string>();
  readonly #trials: Trial[] = [];

  /**
   * An empty table.
   *
   * @param name What logs and errors call it.
   * @param options How its keys compare.
   */
  constructor(readonly name: string, options: PatternOptions = {}) {
    this.#options = options;
  }

  /** How many entries there are. */
  get size(): number {
    const found = Object.values(this.#indexes).reduce((sum, { size }) => sum + size, 0);
    return found + this.#networks.size + this.#trials.length;
  }

  /**
   * Adds an entry.
   *
   * @param key A key as it stands in a table.
   * @param value `""` for none.
   * @throws {PatternError} If the key is none.
   * @throws {RangeError} If it is no network, or if it has another value already.
   */
  add(key: string, value: string): void {
    const before = this.#put(key, value);
    if (before === undefined || before === value) return;
    throw new RangeError(
      `Cannot add ${JSON.stringify(key)} with the value ${JSON.stringify(value)}: found there is ` +
        `${JSON.stringify(before)}, allowed is one value for each key`,
    );
  }

  /** The value of a key, `""` where its entry has none; `undefined` where it is not in the table. */
  get(key: TableKey): string | undefined {
    if ("address" in key) return this.#networks.get(key.address) ?? this.#tryText(key.address);
    if ("domain" in key) {
      return this.#getDomain(asciiLowerCase(key.domain)) ?? this.#tryText(key.domain);
    }
    return this.#getPath(key.path) ??
      this.#trials.find(({ address }) => address.matches(key.path))?.value;
  }

  /** Whether a key is in the table, with a value or without. */
  has(key: TableKey): boolean {
    return this.get(key) !== undefined;
  }

  /** Adds an entry; returns the value that its key had. */
  #put(key: string, value: string): string | undefined {
    if (isNetwork(key)) return this.#networks.add(key, value);
    const address = parsePattern(key, "address", this.#options);
    const place = placeOf(address);
    if (place === undefined) {
      const { form } = address;
      const forText = form.kind === "expression" ||
        form.kind === "mailbox" && form.localPart === undefined;
      const text = forText ? parsePattern(key, "domain") : undefined;
      this.#trials.push({ address, text, value });
      return undefined;
    }
    const [index, text] = place;
    const before = this.#indexes[index].get(text);
    this.#indexes[index].set(text, value);
    return before;
  }

  #getPath(path: Path): string | undefined {
    const { mailbox, localPart, atDomain } = this.#indexes;
    if (path.isNull) return mailbox.get("<>");
    const text = foldLocalPart(path.localPart, this.#options.ignoreCase);
    return mailbox.get(`${text}@${path.domain}`) ?? localPart.get(text) ??
      atDomain.get(path.domain) ?? this.#getDomain(path.domain);
  }

  #getDomain(domain: string): string | undefined {
    const { domain: domains, suffix } = this.#indexes;
    const value = domains.get(domain);
    if (value !== undefined || suffix.size === 0) return value;
    for (let dot = domain.indexOf(".", 1); dot !== -1; dot = domain.indexOf(".", dot + 1)) {
      const value = suffix.get(domain.slice(dot));
      if (value !== undefined) return value;
    }
    return undefined;
  }

  #tryText(subject: string): string | undefined {
    return this.#trials.find(({ text }) => text?.matches(subject))?.value;
  }
}

/** Adds the entry of one line, if it has any. */
function addLine(table: Table, number: number, line: string): void {
  const fail = (column: number, problem: string) => {
    throw new TableError(table.name, number, column, problem);
  };
  if (line.length > maxLine) {
    fail(maxLine + 1, `Cannot read line: found ${line.length} characters, allowed are ${maxLine}`);
  }
  const entry = line.replace(/^[ \t]+/, "");
  const start = line.length - entry.length;
  if (entry === "" || entry.startsWith("#")) return;
  const key = keySyntax.exec(entry)?.[0] ?? entry;
  const rest = entry.slice(key.length).replace(/^[ \t]+/, "");
  const value = rest.startsWith("#") ? "" : rest.trimEnd();
  if (!isClean(value, { tab: true })) {
    fail(
      line.length - rest.length + 1,
      "Cannot read value: found a control character, allowed are printable characters, spaces and tabs",
    );
  }
  try {
    table.add(key, value);
  } catch (error) {
    if (error instanceof PatternError) fail(start + error.column, error.message);
    if (error instanceof RangeError) fail(start + 1, error.message);
    throw error;
  }
}

/**
 * Reads a table. Its caller bounds how long the text may be.
 *
 * @param text The lines, each ended by LF or CRLF.
 * @param name What logs and errors call the table, say its file.
 * @param options How its keys compare.
 * @throws {TableError} At the first line that is no entry, or repeats a key with another value.
 */
export function parseTable(text: string, name: string, options?: PatternOptions): Table {
  const table = new Table(name, options);
  for (let start = 0, number = 1; start < text.length; number++) {
    const feed = text.indexOf("\n", start);
    const end = feed === -1 ? text.length : feed;
    addLine(table, number, text.slice(start, text[end - 1] === "\r" ? end - 1 : end));
    start = end + 1;
  }
  return table;
}
