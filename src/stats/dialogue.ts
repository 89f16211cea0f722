/**
 * What has been said in a session, in the order in which it was said: kept as it comes, put into words
 * when somebody looks. Nothing of AUTH but its mechanism is kept, and nothing of a line that is no
 * command: a password may stand in it.
 *
 * @module
 */

import {
  type MailParameters,
  printMailParameters,
  printRcptParameters,
  type RcptParameters,
} from "../rfc5321/parameter.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { ParsedLine } from "../stages/command_parser.ts";
import type { Pen } from "./pen.ts";
import type { DialogueLine } from "./views.ts";

/** One line before it is put into words. */
export type Utterance =
  & {
    /** Counts the lines of a session, from 1. */
    readonly number: number;
    /** Milliseconds since 1970. */
    readonly at: number;
  }
  & (
    | { readonly command: ParsedLine }
    | { readonly reply: Reply; readonly verb: string; readonly took: number }
    | { readonly note: string }
  );

/** Those that are in use. What else stands in their place may be a password. */
const MECHANISM = new RegExp(
  "^(PLAIN|LOGIN|EXTERNAL|ANONYMOUS|CRAM-MD5|DIGEST-MD5|NTLM|GSSAPI|XOAUTH2|OAUTHBEARER|" +
    "SCRAM-SHA-[0-9]{1,3}(-PLUS)?)$",
);

/** The line as it is shown. */
export function lineOf(said: Utterance, pen: Pen): DialogueLine {
  const { number, at } = said;
  if ("command" in said) {
    return { number, at, from: "client", text: commandText(said.command, pen) };
  }
  if ("note" in said) return { number, at, from: "note", text: said.note };
  const { reply, verb, took } = said;
  // RFC 4954 §4: a challenge is part of the exchange.
  const hidden = verb === "AUTH" && reply.intermediate;
  const text = hidden ? `${reply.code} …` : pen.lines(reply);
  return { number, at, from: "server", text, took };
}

/**
 * What may be kept of a command: no secret, and nothing that is not shown, so that it cannot fill the
 * memory either.
 */
export function keptOf(command: ParsedLine): ParsedLine {
  if ("fault" in command) {
    if (!("detail" in command)) return command;
    const { detail: _, ...kept } = command;
    return kept;
  }
  switch (command.verb) {
    case "MAIL": {
      const { parameters } = command;
      if (parameters.auth === undefined) return command;
      return { ...command, parameters: { ...parameters, auth: "<>" } };
    }
    case "AUTH": {
      const mechanism = MECHANISM.test(command.mechanism) ? command.mechanism : "…";
      return { ...command, mechanism, ...command.initialResponse && { initialResponse: "=" } };
    }
    case "NOOP":
    case "HELP":
      return { ...command, argument: "" };
    case "XCLIENT":
    case "XFORWARD":
      return { ...command, attributes: new Map() };
    default:
      return command;
  }
}

function commandText(command: ParsedLine, pen: Pen): string {
  if ("fault" in command) {
    const verb = "verb" in command && command.verb !== undefined ? `${command.verb} ` : "";
    return `${verb}(${command.fault})`;
  }
  switch (command.verb) {
    case "HELO":
    case "EHLO":
    case "LHLO":
      return `${command.verb} ${command.name}`;
    case "MAIL":
      return `MAIL FROM:${pen.path(command.reversePath)}${mailText(command.parameters, pen)}`;
    case "RCPT":
      return `RCPT TO:${pen.path(command.forwardPath)}${rcptText(command.parameters, pen)}`;
    case "BDAT":
      return `BDAT ${command.size}${command.last ? " LAST" : ""}`;
    case "AUTH":
      return `AUTH ${command.mechanism}${command.initialResponse === undefined ? "" : " …"}`;
    case "VRFY":
    case "EXPN":
      return `${command.verb} ${pen.login(command.argument)}`;
    case "XCLIENT":
    case "XFORWARD":
      return `${command.verb} …`;
    default:
      return command.verb;
  }
}

/** RFC 4954 §5: AUTH= names the login of whoever has submitted the message. */
function mailText({ auth, ...others }: MailParameters, pen: Pen): string {
  return pen.words(printMailParameters(others)) + (auth === undefined ? "" : " AUTH=…");
}

/** RFC 3461 §4.2: ORCPT is an address whose "@" may be written otherwise. */
function rcptText({ orcpt, ...others }: RcptParameters, pen: Pen): string {
  const address = orcpt && ` ORCPT=${orcpt.addressType};${pen.login(orcpt.address)}`;
  return printRcptParameters(others) + (address ?? "");
}

/** The last lines of a session. */
export class Dialogue {
  #lines: Utterance[] = [];
  #number = 0;

  /** How many lines there have been. */
  get length(): number {
    return this.#number;
  }

  /** Those that are left, the oldest first. */
  get lines(): readonly Utterance[] {
    return this.#lines;
  }

  /** The number of the next line. */
  get next(): number {
    return this.#number + 1;
  }

  /** A line is not kept, or not yet. */
  skip(): void {
    this.#number++;
  }

  /** Adds a line and forgets the oldest ones beyond `room`. */
  add(said: Utterance, room: number): void {
    // One that was skipped may come later.
    this.#number = Math.max(this.#number, said.number);
    this.#lines.push(said);
    // By halves, so that a line costs the same on average however many there are.
    if (this.#lines.length > 2 * room) this.#lines = this.#lines.slice(-room);
  }
}
