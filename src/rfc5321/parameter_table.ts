/**
 * What each parameter of MAIL and RCPT is: its value, its grammar, its printed form and the service
 * extension that brings it. One row a parameter; nothing else in this folder lists them.
 *
 * @module
 */

import { isDateTime } from "./date_time.ts";
import { maxEnvid, maxOrcpt } from "./limits.ts";
import { Path } from "./path.ts";
import { asciiUpperCase, isAscii, octetLength } from "./text.ts";
import { decodeXtext } from "./xtext.ts";

/** The `BODY` of MAIL (RFC 6152 §3, RFC 3030 §3). */
export type Body = "7BIT" | "8BITMIME" | "BINARYMIME";

/** One element of `NOTIFY` (RFC 3461 §4.1). */
export type Notify = "NEVER" | "SUCCESS" | "FAILURE" | "DELAY";

/** `BY` (RFC 2852 §4). */
export interface DeliverBy {
  /** Seconds from now, -999999999 to 999999999; more than 0 where `mode` is `R`. */
  readonly seconds: number;
  /** What happens when the time is over: return the message, or notify the sender. */
  readonly mode: "R" | "N";
  /** Whether the sender wants to hear of a relay that does not know the extension. */
  readonly trace: boolean;
}

/** `ORCPT` (RFC 3461 §4.2, RFC 6533 §3). */
export interface OriginalRecipient {
  /** `rfc822`, `utf-8` or another registered type, as given. */
  readonly addressType: string;
  /** The address in its encoded form, as given. */
  readonly address: string;
}

/** `RRVS` (RFC 7293 §3.1). */
export interface RecipientValidSince {
  /** A date-time of RFC 3339, as given. */
  readonly date: string;
  /** Continue or reject at a relay that does not know the extension; absent means reject. */
  readonly action?: "C" | "R";
}

/** The parameters of MAIL. The order of the keys is the order in which they came. */
export interface MailParameters {
  /** Declared size of the message in octets (RFC 1870 §6). */
  readonly size?: number;
  /** What the message consists of (RFC 6152 §3). */
  readonly body?: Body;
  /** The envelope or the message may contain UTF-8 (RFC 6531 §3.4). */
  readonly smtputf8?: true;
  /** Who submitted the message: xtext as given, or `<>` (RFC 4954 §5). */
  readonly auth?: string;
  /** What a delivery status notification returns (RFC 3461 §4.3). */
  readonly ret?: "FULL" | "HDRS";
  /** Envelope identifier: xtext as given (RFC 3461 §4.4). */
  readonly envid?: string;
  /** -9 to 9 (RFC 6710 §4.1). */
  readonly mtPriority?: number;
  /** By when the message must be delivered (RFC 2852 §4). */
  readonly by?: DeliverBy;
  /** Seconds to hold the message, 1 to 999999999 (RFC 4865 §3). */
  readonly holdFor?: number;
  /** When to release the message: a date-time in UTC, as given (RFC 4865 §3). */
  readonly holdUntil?: string;
  /** Every hop must use verified TLS (RFC 8689 §2). */
  readonly requireTls?: true;
}

/** The parameters of RCPT. The order of the keys is the order in which they came. */
export interface RcptParameters {
  /** When to send a delivery status notification: `["NEVER"]`, or others, none twice (RFC 3461 §4.1). */
  readonly notify?: readonly Notify[];
  /** The recipient as the submitter named it (RFC 3461 §4.2). */
  readonly orcpt?: OriginalRecipient;
  /** Since when the mailbox must have had the same owner (RFC 7293 §3.1). */
  readonly rrvs?: RecipientValidSince;
}

/** How one parameter is read and written. */
export interface ParameterRow<V> {
  /** The esmtp-keyword, upper case. */
  readonly keyword: string;
  /** The value of an esmtp-value, `undefined` where it is not in the grammar. */
  parse(value: string | undefined): V | undefined;
  /** The esmtp-value, `undefined` for a keyword that has none. */
  print(value: V): string | undefined;
  /** EHLO keywords of the extensions that this value needs. */
  extensions(value: V): readonly string[];
}

/** A row for each property of `P`. */
export type ParameterTable<P> = {
  readonly [K in keyof P]-?: ParameterRow<NonNullable<P[K]>>;
};

/** A keyword without a value. */
function flag(keyword: string, extension: string): ParameterRow<true> {
  return {
    keyword,
    parse: (value) => value === undefined ? true : undefined,
    print: () => undefined,
    extensions: () => [extension],
  };
}

/** A keyword with a value, of which `read` sees only texts that are not empty. */
function valued<V>(
  keyword: string,
  extension: string,
  read: (value: string) => V | undefined,
  print: (value: V) => string = String,
): ParameterRow<V> {
  return {
    keyword,
    parse: (value) => value === undefined ? undefined : read(value),
    print,
    extensions: () => [extension],
  };
}

/** A keyword with one of a few words as its value, in any case. */
function oneOf<W extends string>(
  keyword: string,
  extension: string,
  words: readonly W[],
): ParameterRow<W> {
  return valued(
    keyword,
    extension,
    (value) => words.find((word) => word === asciiUpperCase(value)),
  );
}

/** Reads a decimal number by a pattern that must bound its length. */
function decimal(pattern: RegExp): (value: string) => number | undefined {
  return (value) => {
    const number = pattern.test(value) ? Number(value) : NaN;
    return Number.isSafeInteger(number) ? number : undefined;
  };
}

// RFC 3461 §4.4 and §5.2: what is encoded is printable; a line end must not come out of it later.
const printable = /^[ -~]+$/;

function isPrintableXtext(text: string): boolean {
  return printable.test(decodeXtext(text) ?? "");
}

/** RFC 4954 §5: the value is a mailbox or `<>`, as xtext. */
function readAuth(value: string): string | undefined {
  const decoded = decodeXtext(value);
  if (decoded === undefined) return undefined;
  return decoded === "<>" || (decoded.includes("@") && Path.parse(`<${decoded}>`) !== undefined)
    ? value
    : undefined;
}

const deliverBy = /^([+-]?[0-9]{1,9});([NR])(T?)$/i;

function readDeliverBy(value: string): DeliverBy | undefined {
  const match = deliverBy.exec(value);
  if (match === null) return undefined;
  // RFC 2852 §4; the sum makes 0 of -0.
  const seconds = Number(match[1]) + 0;
  const mode = match[2].toUpperCase() as DeliverBy["mode"];
  if (mode === "R" && seconds <= 0) return undefined;
  return Object.freeze({ seconds, mode, trace: match[3] !== "" });
}

const notifyWords: readonly Notify[] = ["NEVER", "SUCCESS", "FAILURE", "DELAY"];

function readNotify(value: string): readonly Notify[] | undefined {
  const words = asciiUpperCase(value).split(",");
  const known = notifyWords.filter((word) => words.includes(word));
  // As many as were given: none unknown, none twice.
  if (known.length !== words.length) return undefined;
  if (known.includes("NEVER") && words.length > 1) return undefined;
  return Object.freeze(words as Notify[]);
}

const originalRecipient = /^([A-Za-z0-9!#$%&'*/?^_`{|}~-]+);([^]+)$/;
// RFC 6533 §3 (utf-8-enc-addr): printable characters but for "+", "=" and "\", with \x{…} for others.
const utf8Address =
  /^(?:[!-*,-<>-[\]-~\u0080-\u{10FFFF}]|\\x\{(?:0[1-9]|1[0-9]|20|2B|3D|5C|7F|[89A-F][0-9A-F]|[1-9A-F][0-9A-F]{2}|[1-9A-CEF][0-9A-F]{3}|D[0-7][0-9A-F]{2}|[1-9A-F][0-9A-F]{4}|10[0-9A-F]{4})\})+$/u;

function readOriginalRecipient(value: string): OriginalRecipient | undefined {
  const match = originalRecipient.exec(value);
  if (match === null || octetLength(value) > maxOrcpt) return undefined;
  const [, addressType, address] = match;
  const isAddress = addressType.toLowerCase() === "utf-8"
    ? utf8Address.test(address)
    : isPrintableXtext(address);
  return isAddress ? Object.freeze({ addressType, address }) : undefined;
}

const validSince = /^([^;]+)(?:;([CR]))?$/i;

function readValidSince(value: string): RecipientValidSince | undefined {
  const [, date, action] = validSince.exec(value) ?? [];
  if (date === undefined || !isDateTime(date)) return undefined;
  return Object.freeze(
    action === undefined
      ? { date }
      : { date, action: action.toUpperCase() as RecipientValidSince["action"] },
  );
}

const holdInterval = /^[1-9][0-9]{0,8}$/;

/** The parameters of MAIL. */
export const mailTable: ParameterTable<MailParameters> = {
  size: valued("SIZE", "SIZE", decimal(/^[0-9]{1,20}$/)),
  body: {
    ...oneOf<Body>("BODY", "8BITMIME", ["7BIT", "8BITMIME", "BINARYMIME"]),
    extensions: (value) => [value === "BINARYMIME" ? "BINARYMIME" : "8BITMIME"],
  },
  smtputf8: flag("SMTPUTF8", "SMTPUTF8"),
  auth: valued("AUTH", "AUTH", readAuth),
  ret: oneOf("RET", "DSN", ["FULL", "HDRS"]),
  envid: valued(
    "ENVID",
    "DSN",
    (value) => value.length <= maxEnvid && isPrintableXtext(value) ? value : undefined,
  ),
  mtPriority: valued("MT-PRIORITY", "MT-PRIORITY", decimal(/^(?:0|-?[1-9])$/)),
  by: valued(
    "BY",
    "DELIVERBY",
    readDeliverBy,
    ({ seconds, mode, trace }) => `${seconds};${mode}${trace ? "T" : ""}`,
  ),
  holdFor: valued("HOLDFOR", "FUTURERELEASE", decimal(holdInterval)),
  holdUntil: valued(
    "HOLDUNTIL",
    "FUTURERELEASE",
    (value) => isDateTime(value, { fraction: true, utc: true }) ? value : undefined,
  ),
  requireTls: flag("REQUIRETLS", "REQUIRETLS"),
};

/** The parameters of RCPT. */
export const rcptTable: ParameterTable<RcptParameters> = {
  notify: valued("NOTIFY", "DSN", readNotify, (value) => value.join(",")),
  orcpt: {
    ...valued(
      "ORCPT",
      "DSN",
      readOriginalRecipient,
      ({ addressType, address }) => `${addressType};${address}`,
    ),
    // RFC 6533 §3: raw UTF-8 only towards a server that takes it.
    extensions: ({ address }) => isAscii(address) ? ["DSN"] : ["DSN", "SMTPUTF8"],
  },
  rrvs: valued(
    "RRVS",
    "RRVS",
    readValidSince,
    ({ date, action }) => action === undefined ? date : `${date};${action}`,
  ),
};
