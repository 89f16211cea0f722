/**
 * The envelope in a request: each path as it stands behind `MAIL FROM:` and `RCPT TO:`, parameters
 * and all, so that whatever SMTP can say of a message can be said over HTTP.
 *
 * @module
 */

import { encode } from "../bytes.ts";
import { quoted } from "../http/errors.ts";
import { type CommandFault, parseCommand } from "../rfc5321/command.ts";
import type { MailParameters, RcptParameters } from "../rfc5321/parameter.ts";
import type { Path } from "../rfc5321/path.ts";
import { elementsOf, unescaped } from "../upstream/http/field_text.ts";
import { RequestFault } from "./request_fault.ts";

/** What MAIL and RCPT will say. */
export interface Envelope {
  /** Where failures are reported to (RFC 5321 §3.3). */
  readonly reversePath: Path;
  /** Of MAIL. */
  readonly parameters: MailParameters;
  /** At least one, in the order of the request. */
  readonly recipients: readonly GivenRecipient[];
}

/** What one RCPT will say. */
export interface GivenRecipient {
  /** Where the message is to go. */
  readonly forwardPath: Path;
  /** Of RCPT. */
  readonly parameters: RcptParameters;
}

/** The texts of an envelope: `<a@x.example> RET=HDRS`, or a mailbox without brackets. */
export interface EnvelopeFields {
  /** There must be one; `""` and `<>` are the null reverse-path. */
  readonly from: readonly string[];
  /** There must be one or more. */
  readonly to: readonly string[];
}

/**
 * What query and header say of the envelope; the header as an upstream that is an HTTP endpoint writes
 * it, with `%XX` for `%`, commas and what is not ASCII.
 *
 * @throws {RequestFault} If a field is not in this form.
 */
export function fieldsOf(url: string, headers: Headers): EnvelopeFields {
  const query = new URL(url).searchParams;
  const from = headers.get("mail-from");
  const to = headers.get("rcpt-to");
  return {
    from: [...query.getAll("from"), ...from === null ? [] : [textOf("from", from)]],
    to: [
      ...query.getAll("to"),
      ...to === null ? [] : elementsOf(to).map((element) => textOf("to", element)),
    ],
  };
}

function textOf(field: string, text: string): string {
  const found = unescaped(text);
  if (found === undefined) {
    throw bad(`found ${quoted(text)} as "${field}", allowed in the header is %XX of UTF-8`);
  }
  return found;
}

/**
 * Reads an envelope.
 *
 * @throws {RequestFault} If it is none.
 */
export function readEnvelope({ from, to }: EnvelopeFields): Envelope {
  if (from.length !== 1) {
    throw bad(`found ${from.length} times "from", allowed is one: a mailbox, or nothing`);
  }
  if (to.length === 0) throw bad(`found no "to", allowed is one or more`);
  const { reversePath, parameters } = readFrom(from[0]);
  const recipients = to.map(readTo);
  const utf8 = [reversePath, ...recipients.map((one) => one.forwardPath)]
    .some((path) => !path.isAscii);
  // RFC 6531 §3.4
  return { reversePath, recipients, parameters: utf8 ? withUtf8(parameters) : parameters };
}

/** The same parameters for a message that may contain UTF-8. */
export function withUtf8(parameters: MailParameters): MailParameters {
  return { ...parameters, smtputf8: true };
}

function readFrom(text: string): Pick<Envelope, "reversePath" | "parameters"> {
  const command = parseCommand(encode(`MAIL FROM:${bracketed(text)}`));
  if ("fault" in command || command.verb !== "MAIL") throw unreadable("from", text, command);
  return command;
}

function readTo(text: string): GivenRecipient {
  const command = parseCommand(encode(`RCPT TO:${bracketed(text)}`));
  if ("fault" in command || command.verb !== "RCPT") throw unreadable("to", text, command);
  return command;
}

function bracketed(text: string): string {
  return text.startsWith("<") ? text : `<${text}>`;
}

function unreadable(field: string, text: string, command: object): RequestFault {
  const { fault = "syntax", detail } = command as Partial<CommandFault>;
  const why = fault.endsWith("-parameter") || fault === "parameter-syntax"
    ? `${fault} ${detail}`
    : "no mailbox";
  return bad(
    `found ${
      quoted(text)
    } as "${field}" (${why}), allowed is a mailbox, or <mailbox> with parameters`,
  );
}

function bad(found: string): RequestFault {
  return new RequestFault(400, "bad-envelope", `Cannot read the envelope: ${found}`);
}
