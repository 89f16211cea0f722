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
  const text = hidden
    ? `${reply.code} …`
    : pen.words(reply.toString().trimEnd().replaceAll("\r", ""));
  return { number, at, from: "server", text, took };
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
      return `RCPT TO:${pen.path(command.forwardPath)}` +
        pen.words(printRcptParameters(command.parameters));
    case "BDAT":
      return `BDAT ${command.size}${command.last ? " LAST" : ""}`;
    case "AUTH":
      return `AUTH ${command.mechanism}${command.initialResponse === undefined ? "" : " …"}`;
    case "VRFY":
    case "EXPN":
      return `${command.verb} ${pen.words(command.argument)}`;
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

  /** Adds a line and forgets the oldest ones beyond `room`. */
  add(said: Utterance, room: number): void {
    this.#number = said.number;
    this.#lines.push(said);
    // By halves, so that a line costs the same on average however many there are.
    if (this.#lines.length > 2 * room) this.#lines = this.#lines.slice(-room);
  }
}
