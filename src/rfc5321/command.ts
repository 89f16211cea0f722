/**
 * Commands (RFC 5321 §4.1.1): one line of octets in, one value or one fault out.
 *
 * @module
 */

import { decodeStrict } from "../bytes.ts";
import { type Attributes, parseXclient, parseXforward } from "./attribute.ts";
import { maxDomain } from "./limits.ts";
import {
  type MailParameters,
  type ParameterFault,
  parseMailParameters,
  parseRcptParameters,
  type RcptParameters,
} from "./parameter.ts";
import { Path } from "./path.ts";
import { asciiUpperCase, isClean } from "./text.ts";

/** The verbs that are understood; whether one is allowed is the session's business. */
export type Verb =
  | "HELO"
  | "EHLO"
  | "LHLO"
  | "MAIL"
  | "RCPT"
  | "DATA"
  | "BDAT"
  | "RSET"
  | "NOOP"
  | "QUIT"
  | "VRFY"
  | "EXPN"
  | "HELP"
  | "STARTTLS"
  | "AUTH"
  | "XCLIENT"
  | "XFORWARD";

/** One command, checked against its grammar. */
export type Command =
  /** `name` is what the client calls itself; whether it is a domain is for policies to judge. */
  | { readonly verb: "HELO" | "EHLO" | "LHLO"; readonly name: string }
  | { readonly verb: "MAIL"; readonly reversePath: Path; readonly parameters: MailParameters }
  | { readonly verb: "RCPT"; readonly forwardPath: Path; readonly parameters: RcptParameters }
  | { readonly verb: "DATA" | "RSET" | "QUIT" | "STARTTLS" }
  /** `size` in octets (RFC 3030 §2). */
  | { readonly verb: "BDAT"; readonly size: number; readonly last: boolean }
  /** `argument` as given, `""` if none. */
  | { readonly verb: "NOOP" | "HELP" | "VRFY" | "EXPN"; readonly argument: string }
  /** `mechanism` in upper case; `initialResponse` in base64, or `=` for an empty one (RFC 4954 §4). */
  | { readonly verb: "AUTH"; readonly mechanism: string; readonly initialResponse?: string }
  | { readonly verb: "XCLIENT" | "XFORWARD"; readonly attributes: Attributes };

/** Why a line is no command. */
export interface CommandFault {
  /** The verb, where the line has a known one. */
  readonly verb?: Verb;
  /**
   * `octets`: a control character, or not UTF-8. `http`: the line is a request of HTTP.
   * `unknown-verb`: 500 (RFC 5321 §4.2.4). `unknown-parameter`: 555. The others: 501.
   */
  readonly fault:
    | "unknown-verb"
    | "syntax"
    | "octets"
    | "unknown-parameter"
    | "parameter-syntax"
    | "duplicate-parameter"
    | "http";
  /** For a parameter its keyword, for `syntax` the form that was expected. */
  readonly detail?: string;
}

/** Named leniencies of {@linkcode parseCommand}. */
export interface CommandOptions {
  /**
   * Take spaces after `FROM:` and `TO:`, which RFC 5321 §3.3 forbids and old clients send.
   *
   * @default {false}
   */
  readonly spaceAfterColon?: boolean;
}

/** How one verb's argument is read. `undefined` stands for an argument out of the grammar. */
interface Row {
  /** The form that is expected, for the reply. */
  readonly form: string;
  read(argument: string | undefined, options: CommandOptions): Command | ParameterFault | undefined;
}

// Policies judge the name; here it only must not break what it is printed into.
const hostName = /^[!-;=?-~]+$/;

function hello(verb: "HELO" | "EHLO" | "LHLO"): Row {
  return {
    form: `${verb} domain`,
    read: (name = "") =>
      name.length <= maxDomain && hostName.test(name) ? { verb, name } : undefined,
  };
}

function bare(verb: "DATA" | "RSET" | "QUIT" | "STARTTLS"): Row {
  return { form: verb, read: (argument) => argument === undefined ? { verb } : undefined };
}

function optionalText(verb: "NOOP" | "HELP"): Row {
  return { form: `${verb} [text]`, read: (argument = "") => ({ verb, argument }) };
}

function text(verb: "VRFY" | "EXPN"): Row {
  return {
    form: `${verb} text`,
    read: (argument) => argument === undefined ? undefined : { verb, argument },
  };
}

// From "<" to the ">" that is not inside a quoted string.
const bracketed = /^<(?:[^">\\]|"(?:[^"\\]|\\[^])*")*>/;

/** Splits `FROM:<path> parameters` into the path and what follows it. */
function splitPath(
  argument: string,
  label: "FROM:" | "TO:",
  options: CommandOptions,
): { readonly path: Path; readonly rest: string } | undefined {
  if (asciiUpperCase(argument.slice(0, label.length)) !== label) return undefined;
  let from = label.length;
  while (options.spaceAfterColon && argument[from] === " ") from++;
  const match = bracketed.exec(argument.slice(from));
  const path = match === null ? undefined : Path.parse(match[0]);
  if (match === null || path === undefined) return undefined;
  return { path, rest: argument.slice(from + match[0].length) };
}

const bdat = /^([0-9]{1,20})( LAST)?$/i;
// RFC 4954 §8 (sasl-mech of RFC 4422 §3.1)
const auth = /^([A-Za-z0-9_-]{1,20})(?: ([A-Za-z0-9+/=]+))?$/;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const table: Readonly<Record<Verb, Row>> = {
  HELO: hello("HELO"),
  EHLO: hello("EHLO"),
  LHLO: hello("LHLO"),
  MAIL: {
    form: "MAIL FROM:<address>",
    read(argument = "", options) {
      const split = splitPath(argument, "FROM:", options);
      if (split === undefined) return undefined;
      const { path: reversePath, rest } = split;
      // RFC 5321 §4.1.2: only a forward-path may be <Postmaster>.
      if (reversePath.domain === "" && !reversePath.isNull) return undefined;
      const parameters = parseMailParameters(rest);
      return "fault" in parameters ? parameters : { verb: "MAIL", reversePath, parameters };
    },
  },
  RCPT: {
    form: "RCPT TO:<address>",
    read(argument = "", options) {
      const split = splitPath(argument, "TO:", options);
      if (split === undefined) return undefined;
      const { path: forwardPath, rest } = split;
      if (forwardPath.isNull) return undefined;
      const parameters = parseRcptParameters(rest);
      return "fault" in parameters ? parameters : { verb: "RCPT", forwardPath, parameters };
    },
  },
  DATA: bare("DATA"),
  BDAT: {
    form: "BDAT size [LAST]",
    read(argument = "") {
      const match = bdat.exec(argument);
      const size = match === null ? NaN : Number(match[1]);
      if (match === null || !Number.isSafeInteger(size)) return undefined;
      return { verb: "BDAT", size, last: match[2] !== undefined };
    },
  },
  RSET: bare("RSET"),
  NOOP: optionalText("NOOP"),
  QUIT: bare("QUIT"),
  VRFY: text("VRFY"),
  EXPN: text("EXPN"),
  HELP: optionalText("HELP"),
  STARTTLS: bare("STARTTLS"),
  AUTH: {
    form: "AUTH mechanism [initial-response]",
    read(argument = "") {
      const [, name, initialResponse] = auth.exec(argument) ?? [];
      if (name === undefined) return undefined;
      const mechanism = name.toUpperCase();
      if (initialResponse === undefined) return { verb: "AUTH", mechanism };
      // RFC 4954 §4: "=" is a response of no octets.
      if (initialResponse !== "=" && !base64.test(initialResponse)) return undefined;
      return { verb: "AUTH", mechanism, initialResponse };
    },
  },
  XCLIENT: {
    form: "XCLIENT attribute=value...",
    read(argument = "") {
      const attributes = parseXclient(argument);
      return attributes === undefined ? undefined : { verb: "XCLIENT", attributes };
    },
  },
  XFORWARD: {
    form: "XFORWARD attribute=value...",
    read(argument = "") {
      const attributes = parseXforward(argument);
      return attributes === undefined ? undefined : { verb: "XFORWARD", attributes };
    },
  },
};

/** All verbs that {@linkcode parseCommand} knows. */
export const verbs: readonly Verb[] = Object.freeze(Object.keys(table) as Verb[]);

const rows: ReadonlyMap<string, readonly [Verb, Row]> = new Map(
  verbs.map((verb) => [verb, [verb, table[verb]]]),
);

// Browsers can be made to speak to a mail port; what follows their first line is not to be heard.
const httpMethods: ReadonlySet<string> = new Set([
  "GET",
  "POST",
  "PUT",
  "HEAD",
  "OPTIONS",
  "CONNECT",
  "DELETE",
  "PATCH",
  "TRACE",
]);

/** The text without the spaces at its end (RFC 5321 §4.1.1: trailing white space is tolerated). */
function trimEnd(text: string): string {
  let end = text.length;
  while (text[end - 1] === " ") end--;
  return text.slice(0, end);
}

/**
 * Reads one command line.
 *
 * Verbs, keywords and labels count in any case; nothing else is changed.
 *
 * @example A command with a parameter, and one with a syntax error
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseCommand } from "@sluice/sluice/rfc5321";
 *
 * const parse = (line: string) => parseCommand(new TextEncoder().encode(line));
 *
 * const mail = parse("mail from:<Smith@bar.example> SIZE=2304");
 * if ("fault" in mail || mail.verb !== "MAIL") throw new Error("not a MAIL command");
 * assertEquals(mail.reversePath.address, "Smith@bar.example");
 * assertEquals(mail.parameters, { size: 2304 });
 *
 * assertEquals(parse("MAIL FROM: <Smith@bar.example>"), {
 *   verb: "MAIL",
 *   fault: "syntax",
 *   detail: "MAIL FROM:<address>",
 * });
 * ```
 *
 * @param line The line's octets without CRLF; not kept.
 * @returns The command, or why the line is none. Never throws.
 */
export function parseCommand(
  line: Uint8Array,
  options: CommandOptions = {},
): Command | CommandFault {
  const decoded = decodeStrict(line);
  if (decoded === undefined || !isClean(decoded)) return { fault: "octets" };
  const text = trimEnd(decoded);
  const space = text.indexOf(" ");
  const word = asciiUpperCase(space < 0 ? text : text.slice(0, space));
  const row = rows.get(word);
  if (row === undefined) return { fault: httpMethods.has(word) ? "http" : "unknown-verb" };
  const [verb, { form, read }] = row;
  const result = read(space < 0 ? undefined : text.slice(space + 1), options);
  if (result === undefined) return { verb, fault: "syntax", detail: form };
  return "fault" in result ? { verb, fault: result.fault, detail: result.keyword } : result;
}
