/**
 * What a milter is told.
 *
 * @module
 */

import { CR, encode, LF, NUL, SP } from "../../bytes.ts";
import { isIpv4, isIpv6 } from "../../rfc5321/address_literal.ts";
import type { Path } from "../../rfc5321/path.ts";
import type { ClientFacts } from "../../session/facts.ts";
import type { MilterField } from "./message_splitter.ts";
import { type Agreement, type MacroStage, STEP } from "./negotiation.ts";
import { packet, string } from "./packet.ts";

/** One command: when it is left out, when its answer is, and which macros go with it. */
export interface Command {
  /** Its code. */
  readonly code: string;
  /** As errors name it. */
  readonly name: string;
  /** The bit of {@linkcode STEP} with which a milter does not want it. */
  readonly unwanted: number;
  /** The bit with which it does not answer it. */
  readonly unanswered: number;
  /** Which macros are told before it. */
  readonly macros?: MacroStage;
}

/** Those that are part of a dialogue. */
export const COMMAND = {
  connect: {
    code: "C",
    name: "the connection",
    unwanted: STEP.noConnect,
    unanswered: STEP.unansweredConnect,
    macros: "connect",
  },
  helo: {
    code: "H",
    name: "HELO",
    unwanted: STEP.noHelo,
    unanswered: STEP.unansweredHelo,
    macros: "helo",
  },
  mail: {
    code: "M",
    name: "MAIL",
    unwanted: STEP.noMail,
    unanswered: STEP.unansweredMail,
    macros: "mail",
  },
  rcpt: {
    code: "R",
    name: "RCPT",
    unwanted: STEP.noRcpt,
    unanswered: STEP.unansweredRcpt,
    macros: "rcpt",
  },
  data: {
    code: "T",
    name: "DATA",
    unwanted: STEP.noData,
    unanswered: STEP.unansweredData,
    macros: "data",
  },
  header: {
    code: "L",
    name: "a header field",
    unwanted: STEP.noHeaders,
    unanswered: STEP.unansweredHeaders,
  },
  endOfHeaders: {
    code: "N",
    name: "the end of the header section",
    unwanted: STEP.noEndOfHeaders,
    unanswered: STEP.unansweredEndOfHeaders,
    macros: "endOfHeaders",
  },
  body: {
    code: "B",
    name: "the body",
    unwanted: STEP.noBody,
    unanswered: STEP.unansweredBody,
  },
  endOfMessage: {
    code: "E",
    name: "the end of the message",
    unwanted: 0,
    unanswered: 0,
    macros: "endOfMessage",
  },
} as const satisfies Readonly<Record<string, Command>>;

/** Forget the message; without an answer. */
export const ABORT: Uint8Array = packet("A");

/** Goodbye; without an answer. */
export const QUIT: Uint8Array = packet("Q");

/** Macros, for the command that comes next. */
export function macrosPacket(
  { code }: Command,
  macros: readonly (readonly [name: string, value: string])[],
): Uint8Array {
  return packet("D", encode(code), ...macros.flatMap((pair) => pair.map(string)));
}

/** Who the client is: a name, or its address in brackets where it has none. */
export function connectData({ name, address, port }: ClientFacts): readonly Uint8Array[] {
  const family = isIpv4(address) ? "4" : isIpv6(address) ? "6" : undefined;
  if (family === undefined) return [string(name ?? "localhost"), encode("U")];
  const ends = [encode(family), Uint8Array.of(port >>> 8, port), string(address)];
  return [string(name ?? `[${address}]`), ...ends];
}

/**
 * The arguments of MAIL or RCPT.
 *
 * @param parameters As they are printed, each with a space before it.
 */
export function envelopeData(path: Path, parameters: string): readonly Uint8Array[] {
  return [`${path}`, ...parameters.split(" ").slice(1)].map(string);
}

/** A header field: its lines have LF alone between them, as Sendmail's do. */
export function headerData(
  { name, body }: MilterField,
  { steps }: Agreement,
): readonly Uint8Array[] {
  const from = (steps & STEP.leadingSpace) === 0 && body[0] === SP ? 1 : 0;
  const value = new Uint8Array(body.length + 1);
  let length = 0;
  for (let at = from; at < body.length; at++) {
    if (body[at] === CR && body[at + 1] === LF) continue;
    // It would be the end of the value for the milter.
    value[length++] = body[at] === NUL ? SP : body[at];
  }
  if (value[length - 1] === LF) value[--length] = NUL;
  return [string(name), value.subarray(0, length + 1)];
}
