/**
 * The parameters of MAIL and RCPT (RFC 5321 §4.1.1.11): parsed, checked and printed again, so that
 * none crosses that is not understood.
 *
 * @module
 */

import {
  type MailParameters,
  mailTable,
  type ParameterRow,
  type ParameterTable,
  type RcptParameters,
  rcptTable,
} from "./parameter_table.ts";
import { isClean } from "./text.ts";

export type {
  Body,
  DeliverBy,
  MailParameters,
  Notify,
  OriginalRecipient,
  RcptParameters,
  RecipientValidSince,
} from "./parameter_table.ts";

/** Why parameters were not accepted. */
export interface ParameterFault {
  /** Not known (RFC 5321 §4.1.1.11: 555), not in its grammar, or given twice (both 501). */
  readonly fault: "unknown-parameter" | "parameter-syntax" | "duplicate-parameter";
  /** The keyword in upper case; `""` where not even that was in the grammar. */
  readonly keyword: string;
}

type AnyRow = ParameterRow<unknown> & { readonly property: string };

/** One verb's rows, by the two names that they are looked up by. */
interface Index {
  readonly byKeyword: ReadonlyMap<string, AnyRow>;
  readonly byProperty: ReadonlyMap<string, AnyRow>;
}

function index<P>(table: ParameterTable<P>): Index {
  const rows = Object.entries<ParameterRow<unknown>>(table)
    .map(([property, row]) => ({ ...row, property }));
  return {
    byKeyword: new Map(rows.map((row) => [row.keyword, row])),
    byProperty: new Map(rows.map((row) => [row.property, row])),
  };
}

const mail = index(mailTable);
const rcpt = index(rcptTable);

// RFC 5321 §4.1.2 with RFC 6531 §3.3
const parameterSyntax = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^= ]+))?$/;

/** Reads one esmtp-param. */
function readOne(word: string, { byKeyword }: Index): [AnyRow, unknown] | ParameterFault {
  const match = isClean(word) ? parameterSyntax.exec(word) : null;
  if (match === null) return { fault: "parameter-syntax", keyword: "" };
  const keyword = match[1].toUpperCase();
  const row = byKeyword.get(keyword);
  if (row === undefined) return { fault: "unknown-parameter", keyword };
  const value = row.parse(match[2]);
  return value === undefined ? { fault: "parameter-syntax", keyword } : [row, value];
}

const NONE = Object.freeze({});

function parse<P>(text: string, rows: Index): P | ParameterFault {
  if (text === "") return NONE as P;
  const parameters = new Map<string, unknown>();
  const [before, ...words] = text.split(" ");
  if (before !== "") return { fault: "parameter-syntax", keyword: "" };
  for (const word of words) {
    const one = readOne(word, rows);
    if ("fault" in one) return one;
    const [row, value] = one;
    if (parameters.has(row.property)) {
      return { fault: "duplicate-parameter", keyword: row.keyword };
    }
    parameters.set(row.property, value);
  }
  // RFC 4865 §4.1: one of them, and only one.
  if (parameters.has("holdFor") && parameters.has("holdUntil")) {
    return { fault: "parameter-syntax", keyword: "HOLDUNTIL" };
  }
  return Object.freeze(Object.fromEntries(parameters)) as P;
}

/** The parameters that are given, each with its row; one without a row is refused. */
function rowsOf(parameters: object, { byProperty }: Index): [AnyRow, unknown][] {
  const rows: [AnyRow, unknown][] = [];
  for (const property of Object.keys(parameters)) {
    const value = (parameters as Readonly<Record<string, unknown>>)[property];
    if (value === undefined) continue;
    const row = byProperty.get(property);
    if (row === undefined) {
      throw new RangeError(
        `Cannot print the parameter ${JSON.stringify(property)}: expected one of ${
          [...byProperty.keys()].join(", ")
        }`,
      );
    }
    rows.push([row, value]);
  }
  return rows;
}

function print(parameters: object, rows: Index): string {
  let text = "";
  for (const [row, value] of rowsOf(parameters, rows)) {
    const printed = row.print(value);
    const word = printed === undefined ? row.keyword : `${row.keyword}=${printed}`;
    // The value may come from a policy: nothing goes out that would not be let in.
    if ("fault" in readOne(word, rows)) {
      throw new RangeError(
        `Cannot print the parameter ${row.keyword}: ${JSON.stringify(value)} is not in its grammar`,
      );
    }
    text += ` ${word}`;
  }
  return text;
}

/**
 * Reads what follows the reverse-path: `""`, or each parameter with a space before it.
 *
 * @example Values and a fault
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseMailParameters } from "@sluice/sluice/rfc5321";
 *
 * assertEquals(parseMailParameters(" SIZE=2304 BODY=8bitmime"), { size: 2304, body: "8BITMIME" });
 * assertEquals(parseMailParameters(" SIZE=1 SIZE=2"), {
 *   fault: "duplicate-parameter",
 *   keyword: "SIZE",
 * });
 * ```
 *
 * @returns A frozen object whose keys have the order of the text, or the first fault.
 */
export function parseMailParameters(text: string): MailParameters | ParameterFault {
  return parse(text, mail);
}

/**
 * Reads what follows the forward-path: `""`, or each parameter with a space before it.
 *
 * @example Delivery status notifications
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseRcptParameters } from "@sluice/sluice/rfc5321";
 *
 * assertEquals(parseRcptParameters(" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Bob@ivory.example"), {
 *   notify: ["SUCCESS", "FAILURE"],
 *   orcpt: { addressType: "rfc822", address: "Bob@ivory.example" },
 * });
 * ```
 *
 * @returns A frozen object whose keys have the order of the text, or the first fault.
 */
export function parseRcptParameters(text: string): RcptParameters | ParameterFault {
  return parse(text, rcpt);
}

/**
 * Prints the parameters of MAIL in the order of their keys, each with a space before it.
 *
 * Words come out in upper case and numbers without `+` or leading zeros; everything else as given.
 *
 * @example The rest of a MAIL command
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Path, printMailParameters } from "@sluice/sluice/rfc5321";
 *
 * const parameters = { size: 2304, by: { seconds: 120, mode: "R", trace: false } } as const;
 * assertEquals(
 *   `MAIL FROM:${Path.null}${printMailParameters(parameters)}`,
 *   "MAIL FROM:<> SIZE=2304 BY=120;R",
 * );
 * ```
 *
 * @throws {RangeError} If a value is not in its grammar, or a property is not known.
 */
export function printMailParameters(parameters: MailParameters): string {
  return print(parameters, mail);
}

/**
 * Prints the parameters of RCPT in the order of their keys, each with a space before it.
 *
 * Words come out in upper case; everything else as given.
 *
 * @example No value breaks out of its line
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { printRcptParameters } from "@sluice/sluice/rfc5321";
 *
 * assertEquals(printRcptParameters({ notify: ["NEVER"] }), " NOTIFY=NEVER");
 * const orcpt = { addressType: "rfc822", address: "a@b.example\r\nDATA" };
 * assertThrows(() => printRcptParameters({ orcpt }), RangeError);
 * ```
 *
 * @throws {RangeError} If a value is not in its grammar, or a property is not known.
 */
export function printRcptParameters(parameters: RcptParameters): string {
  return print(parameters, rcpt);
}

const all: Index = index<MailParameters & RcptParameters>({ ...mailTable, ...rcptTable });

/**
 * The EHLO keywords that a server must have offered for these parameters, none twice (RFC 5321
 * §4.1.1.11).
 *
 * @example What a message asks of the next hop
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { extensionsOf } from "@sluice/sluice/rfc5321";
 *
 * assertEquals(extensionsOf({ body: "BINARYMIME", ret: "HDRS", envid: "QQ314159" }), [
 *   "BINARYMIME",
 *   "DSN",
 * ]);
 * ```
 *
 * @throws {RangeError} If a property is not known.
 */
export function extensionsOf(parameters: MailParameters | RcptParameters): string[] {
  const keywords: string[] = [];
  for (const [row, value] of rowsOf(parameters, all)) {
    for (const keyword of row.extensions(value)) {
      if (!keywords.includes(keyword)) keywords.push(keyword);
    }
  }
  return keywords;
}
