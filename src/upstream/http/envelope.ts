/**
 * The envelope of a message in the header of an HTTP request.
 *
 * | field              | what                                                                        |
 * | ------------------ | --------------------------------------------------------------------------- |
 * | `Mail-From`        | what follows `MAIL FROM:`, such as `<a@x.example> BODY=8BITMIME`            |
 * | `Rcpt-To`          | what follows `RCPT TO:`, a list with a comma between any two, in their order |
 * | `Mail-Transaction` | the transaction's id in logs, another one for each attempt                  |
 * | `Client-Address`   | IP address of the client                                                    |
 * | `Client-Name`      | its host name, looked up and confirmed                                      |
 * | `Client-Hello`     | what it called itself in HELO or EHLO                                       |
 * | `Client-Protocol`  | `SMTP`, `ESMTP` or `LMTP`                                                   |
 * | `Client-Login`     | the login that it has proved                                                |
 *
 * `%`, a comma and what is not printable ASCII stand as the `%XX` of their UTF-8 octets, within a list's
 * elements too (`field_text.ts`).
 *
 * @module
 */

import { encode } from "../../bytes.ts";
import { parseCommand } from "../../rfc5321/command.ts";
import {
  printMailParameters,
  printRcptParameters,
  type RcptParameters,
} from "../../rfc5321/parameter.ts";
import type { Path } from "../../rfc5321/path.ts";
import type { Origin } from "../../session/upstream.ts";
import type { CapturedEnvelope } from "../capture.ts";
import { elementsOf, escaped, unescaped } from "./field_text.ts";

/** The fields above. */
export const envelopeFields = [
  "mail-from",
  "rcpt-to",
  "mail-transaction",
  "client-address",
  "client-name",
  "client-hello",
  "client-protocol",
  "client-login",
] as const;

/** A field of the table above. */
export type EnvelopeField = typeof envelopeFields[number];

/** An envelope as a receiver of requests reads it. */
export interface PostedEnvelope extends CapturedEnvelope {
  /** The transaction's id in the logs of who sends it. */
  readonly transaction: string;
  /** Who the client is; a member is absent where it is not known. */
  readonly client: {
    /** IP address. */
    readonly address?: string;
    /** Host name, looked up and confirmed. */
    readonly name?: string;
    /** What it called itself. */
    readonly hello?: string;
    /** `SMTP`, `ESMTP`, `LMTP` or what a trusted peer has told. */
    readonly protocol?: string;
    /** The login that it has proved. */
    readonly login?: string;
  };
}

/** One element of `Rcpt-To`. @throws {RangeError} If a parameter cannot be printed. */
export function printRecipient(path: Path, parameters: RcptParameters): string {
  return escaped(`${path}${printRcptParameters(parameters)}`);
}

/**
 * The header that says an envelope.
 *
 * @param recipients What {@linkcode printRecipient} has made.
 * @throws {RangeError} If a parameter cannot be printed.
 */
export function printEnvelope(
  { reversePath, parameters }: Pick<CapturedEnvelope, "reversePath" | "parameters">,
  recipients: readonly string[],
  { id, client, forwarded, protocol }: Origin,
): Headers {
  const spoken = protocol === "lmtp" ? "LMTP" : client.extended ? "ESMTP" : "SMTP";
  const known = forwarded ?? { ...client, protocol: spoken };
  const fields: Readonly<Record<EnvelopeField, string | undefined>> = {
    "mail-from": `${reversePath}${printMailParameters(parameters)}`,
    "rcpt-to": undefined,
    "mail-transaction": id,
    "client-address": known.address,
    "client-name": known.name,
    "client-hello": known.hello,
    "client-protocol": known.protocol,
    "client-login": client.login,
  };
  const headers = new Headers({ "rcpt-to": recipients.join(", ") });
  for (const [name, value] of Object.entries(fields)) {
    if (value) headers.set(name, escaped(value));
  }
  return headers;
}

/**
 * Reads the envelope of a request that {@linkcode httpUpstream} has sent.
 *
 * @example A receiver's view
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readEnvelope } from "@sluice/sluice";
 *
 * const { reversePath, recipients } = readEnvelope(
 *   new Headers({
 *     "mail-from": "<a@x.example> BODY=8BITMIME",
 *     "rcpt-to": "<b@y.example>, <j%C3%BCrgen@y.example> NOTIFY=FAILURE%2CDELAY",
 *     "mail-transaction": "k3f9-1",
 *   }),
 * );
 * assertEquals(reversePath.address, "a@x.example");
 * assertEquals(recipients.map(({ forwardPath }) => forwardPath.localPart), ["b", "jürgen"]);
 * assertEquals(recipients[1].parameters.notify, ["FAILURE", "DELAY"]);
 * ```
 *
 * @throws {RangeError} If a field is missing or not in its grammar.
 */
export function readEnvelope(headers: Headers): PostedEnvelope {
  const { reversePath, parameters } = readFrom(needed(headers, "mail-from"));
  const recipients = elementsOf(needed(headers, "rcpt-to")).map(readTo);
  const client: Record<string, string> = {};
  for (const name of ["address", "name", "hello", "protocol", "login"] as const) {
    const text = headers.get(`client-${name}`);
    if (text !== null) client[name] = textOf(`client-${name}`, text);
  }
  const transaction = textOf("mail-transaction", needed(headers, "mail-transaction"));
  return { reversePath, parameters, recipients, transaction, client };
}

function readFrom(text: string): Pick<CapturedEnvelope, "reversePath" | "parameters"> {
  const command = parseCommand(encode(`MAIL FROM:${textOf("mail-from", text)}`));
  if ("fault" in command || command.verb !== "MAIL") throw unreadable("mail-from", text);
  const { reversePath, parameters } = command;
  return { reversePath, parameters };
}

function readTo(text: string): CapturedEnvelope["recipients"][number] {
  const command = parseCommand(encode(`RCPT TO:${textOf("rcpt-to", text)}`));
  if ("fault" in command || command.verb !== "RCPT") throw unreadable("rcpt-to", text);
  const { forwardPath, parameters } = command;
  return { forwardPath, parameters };
}

function needed(headers: Headers, field: EnvelopeField): string {
  const text = headers.get(field);
  if (text === null) throw unreadable(field, text);
  return text;
}

function textOf(field: EnvelopeField, text: string): string {
  const found = unescaped(text);
  if (found === undefined) throw unreadable(field, text);
  return found;
}

function unreadable(field: EnvelopeField, text: string | null): RangeError {
  const found = text === null ? "none" : JSON.stringify(text.slice(0, 100));
  return new RangeError(
    `Cannot read the field ${field}: found ${found}, expected what its envelope command says`,
  );
}
