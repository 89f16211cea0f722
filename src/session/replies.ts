/**
 * Every reply that Sluice gives of itself, once (RFC 5321 §4.2.3; enhanced codes RFC 3463 §3,
 * RFC 5248). What the upstream says is passed on as it is and does not stand here.
 *
 * The texts name no program and no version.
 *
 * @module
 */

import { Reply } from "../rfc5321/reply.ts";
import type { FailureKind } from "./upstream.ts";

/**
 * The wording of each reply, by the name that the option `replies` knows it by; an operator may
 * replace single entries, keeping the reply code.
 */
export const replyTexts = {
  // Success
  ok: "250 2.0.0 Ok",
  senderOk: "250 2.1.0 Ok",
  recipientOk: "250 2.1.5 Ok",
  reset: "250 2.0.0 Reset",
  chunk: "250 2.0.0 Octets received",
  closing: "221 2.0.0 Closing",
  help: "214 2.0.0 RFC 5321",
  // RFC 5321 §3.5.3: 252 where an address is neither confirmed nor denied.
  verify: "252 2.5.2 Cannot verify, send some mail",
  startMailInput: "354 Start mail input, end with <CRLF>.<CRLF>",
  startTls: "220 2.0.0 Ready to start TLS",
  // What the client got wrong
  unknownCommand: "500 5.5.2 Command unrecognized",
  lineTooLong: "500 5.5.2 Line too long",
  bareNewlineInCommand: "500 5.5.2 Bare CR or LF in a command",
  badOctets: "500 5.5.2 Octets not allowed in a command",
  syntax: "501 5.5.4 Syntax error in arguments",
  senderSyntax: "501 5.1.7 Bad reverse-path syntax",
  recipientSyntax: "501 5.1.3 Bad forward-path syntax",
  parameterSyntax: "501 5.5.4 Bad parameter value",
  notImplemented: "502 5.5.1 Command not implemented",
  badSequence: "503 5.5.1 Bad sequence of commands",
  // RFC 5321 §3.3: 554 where all recipients were refused.
  noRecipients: "554 5.5.1 No valid recipients",
  // RFC 2033 §4.2
  noRecipientsInLmtp: "503 5.5.1 No valid recipients",
  unknownParameter: "555 5.5.4 Parameter not recognized or not implemented",
  // RFC 6531 §3.5
  needsSmtpUtf8: "553 5.6.7 Address needs SMTPUTF8",
  // RFC 8689 §3
  requireTlsImpossible: "550 5.7.30 REQUIRETLS cannot be kept on the way on",
  // The client sends the others again, in a transaction of their own (RFC 5321 §4.5.3.1.10).
  otherUpstream: "452 4.5.3 Not together with the recipients before",
  tooManyRecipients: "452 4.5.3 Too many recipients",
  // RFC 1870 §6.1
  tooBig: "552 5.3.4 Message too big",
  bareNewlineInData: "554 5.6.0 Bare CR or LF in the message",
  nulBeforeDot: "554 5.6.0 NUL before a dot at the start of a line",
  // RFC 5321 §6.3
  loop: "554 5.4.6 Too many hops",
  // RFC 2920 §3.1: DATA ends a group.
  dataSynchronization: "554 5.5.0 Octets behind DATA before the answer to it",
  chunkSynchronization: "554 5.5.0 BDAT cannot be read without its size",
  tooManyErrors: "421 4.7.0 Too many errors",
  foreignProtocol: "421 4.7.0 Not SMTP",
  // AUTH (RFC 4954 §4, §6)
  authRequired: "530 5.7.0 Authentication required",
  authNeedsTls: "538 5.7.11 Encryption required for authentication",
  authDone: "503 5.5.1 Already authenticated",
  authUnknownMechanism: "504 5.5.4 Mechanism not offered",
  authCancelled: "501 5.7.0 Authentication cancelled",
  authLineTooLong: "500 5.5.6 Authentication exchange line too long",
  authNotBase64: "501 5.5.2 Not base64",
  // TLS
  tlsRequired: "530 5.7.0 Must issue a STARTTLS command first",
  // XCLIENT, XFORWARD
  notAuthorized: "550 5.7.0 Insufficient authorization",
  // Ending
  idle: "421 4.4.2 Timeout, closing",
  transferTooLong: "421 4.4.2 Message took too long",
  tooManySessions: "421 4.7.0 Too many sessions, try again later",
  shutdown: "421 4.3.2 Shutting down",
  disconnected: "421 4.3.2 Closed by the operator",
  temporary: "451 4.3.0 Temporary failure, try again later",
  internal: "421 4.3.0 Temporary failure, closing",
  // The upstream
  offerChanged: "451 4.3.0 What can be offered has changed, try again",
  upstreamUnreachable: "451 4.4.1 Next hop does not answer",
  upstreamLost: "451 4.4.2 Connection to the next hop lost",
  upstreamTimeout: "451 4.4.2 Next hop timed out",
  upstreamProtocol: "451 4.5.0 Next hop broke the protocol",
  upstreamRefusing: "451 4.3.2 Next hop takes no mail now",
  // RFC 7504 §4
  upstreamNoMail: "556 5.3.2 Next hop takes no mail",
  upstreamTls: "451 4.7.5 No secure connection to the next hop",
  // RFC 3463 §3.5: congestion.
  upstreamBusy: "451 4.4.5 Next hop is busy, try again later",
  upstreamUnfit: "451 4.3.5 Next hop lacks what is configured",
  noUpstreamAtHello: "421 4.4.1 Next hop does not answer, try again later",
} as const satisfies Record<string, string>;

/** Which of our own replies is meant: a key of {@linkcode replyTexts}. */
export type ReplyName = keyof typeof replyTexts;

/** The table, parsed. */
export type ReplyTable = Readonly<Record<ReplyName, Reply>>;

/**
 * Parses the table with an operator's own wording over it.
 *
 * @throws {RangeError} If a text is no reply or has another code than the default: the code is the
 * protocol's, only the words are the operator's.
 */
export function replyTable(own: Partial<Record<ReplyName, string>> = {}): ReplyTable {
  const table: Partial<Record<ReplyName, Reply>> = {};
  for (const name of Object.keys(replyTexts) as ReplyName[]) {
    const standard = Reply.parse(replyTexts[name]);
    const reply = own[name] === undefined ? standard : Reply.parse(own[name]);
    if (reply.code !== standard.code) {
      throw new RangeError(
        `Cannot use reply "${name}": found code ${reply.code}, allowed is ${standard.code}`,
      );
    }
    table[name] = reply;
  }
  return table as ReplyTable;
}

/** What a client is told when the upstream gave no reply (RFC 5321 §4.2.5: never a success). */
export const failureReplies: Readonly<Record<FailureKind, ReplyName>> = {
  unreachable: "upstreamUnreachable",
  lost: "upstreamLost",
  timeout: "upstreamTimeout",
  protocol: "upstreamProtocol",
  refusing: "upstreamRefusing",
  "no-mail": "upstreamNoMail",
  tls: "upstreamTls",
  busy: "upstreamBusy",
  unfit: "upstreamUnfit",
  aborted: "upstreamLost",
};
