/**
 * Which reply a line gets that is no command: one table for all mistakes.
 *
 * @module
 */

import type { Verb } from "../rfc5321/command.ts";
import type { ParsedLine } from "../stages/command_parser.ts";
import type { ReplyName } from "./replies.ts";

type Fault = Extract<ParsedLine, { fault: string }>;

const replies: Readonly<Record<Fault["fault"], ReplyName>> = {
  "unknown-verb": "unknownCommand",
  "syntax": "syntax",
  "octets": "badOctets",
  "bare-newline": "bareNewlineInCommand",
  "line-too-long": "lineTooLong",
  "unknown-parameter": "unknownParameter",
  "parameter-syntax": "parameterSyntax",
  "duplicate-parameter": "parameterSyntax",
  "http": "foreignProtocol",
};

/** Where the place of the mistake is known, RFC 3463 §3.2 has a closer code. */
const syntaxReplies: Readonly<Partial<Record<Verb, ReplyName>>> = {
  MAIL: "senderSyntax",
  RCPT: "recipientSyntax",
  // Without its size nobody knows where the next command begins.
  BDAT: "chunkSynchronization",
};

/** Stands for the verb of a line that has none. */
const UNKNOWN_VERB = "invalid";

/** How much a fault counts. */
export type Gravity =
  /** An address that somebody has mistyped: the client need not know better. */
  | "address"
  /** The client does not speak SMTP as it should. */
  | "fault"
  /** Nothing after it can be trusted. */
  | "fatal";

const gravities: Readonly<Partial<Record<ReplyName, Gravity>>> = {
  foreignProtocol: "fatal",
  chunkSynchronization: "fatal",
  senderSyntax: "address",
  recipientSyntax: "address",
};

/** The answer to a line that is no command. */
export function answerToFault(
  parsed: Fault,
): { readonly verb: string; readonly reply: ReplyName; readonly gravity: Gravity } {
  const verb = "verb" in parsed ? parsed.verb : undefined;
  const closer = parsed.fault === "syntax" && verb !== undefined ? syntaxReplies[verb] : undefined;
  const reply = closer ?? replies[parsed.fault];
  return {
    verb: verb ?? UNKNOWN_VERB,
    reply,
    gravity: gravities[reply] ?? "fault",
  };
}
