/**
 * What a milter answers: a decision, or a step on the way to one.
 *
 * @module
 */

import type { HeaderEdit } from "../../message/header_section.ts";
import { Reply } from "../../rfc5321/reply.ts";
import { ACTION, type Agreement, STEP } from "./negotiation.ts";
import { DataReader, MilterFault, type Packet, shown } from "./packet.ts";

/** What settles what a milter was told. */
export type Decision =
  /** What comes next? */
  | { readonly kind: "continue" }
  /** No more of this, whatever it is. */
  | { readonly kind: "accept" }
  /** Accept the message and let it come to nothing. */
  | { readonly kind: "discard" }
  | { readonly kind: "refuse"; readonly reply: Reply };

/** A milter's answer. */
export type Answer =
  | Decision
  /** No more of the body is wanted. */
  | { readonly kind: "skip" }
  /** Change the header section. */
  | { readonly kind: "edit"; readonly edit: HeaderEdit }
  /** Hold the message for somebody to look at. */
  | { readonly kind: "quarantine" };

/** It is still at work. */
export interface Progress {
  readonly kind: "progress";
}

const REJECTED = new Reply(550, "5.7.1 Rejected");
const DEFERRED = new Reply(451, "4.7.1 Try again later");
const CLOSING = new Reply(421, "4.7.0 Closing");

const HIGHEST_INDEX = 0x7fff_ffff;

type Read = (data: DataReader, agreement: Agreement) => Answer | Progress;

const plain = (answer: Answer | Progress): Read => (data) => {
  data.end();
  return answer;
};

/** Each with what it needs to have been agreed upon. */
const responses: Readonly<
  Record<string, { readonly read: Read; readonly action?: number; readonly step?: number }>
> = {
  c: { read: plain({ kind: "continue" }) },
  a: { read: plain({ kind: "accept" }) },
  d: { read: plain({ kind: "discard" }) },
  r: { read: plain({ kind: "refuse", reply: REJECTED }) },
  t: { read: plain({ kind: "refuse", reply: DEFERRED }) },
  f: { read: plain({ kind: "refuse", reply: CLOSING }) },
  "4": { read: plain({ kind: "refuse", reply: CLOSING }) },
  p: { read: plain({ kind: "progress" }) },
  s: { read: plain({ kind: "skip" }), step: STEP.skip },
  y: { read: readReply },
  h: { read: readAdding, action: ACTION.addHeaders },
  i: { read: readInserting, action: ACTION.addHeaders },
  m: { read: readChanging, action: ACTION.changeHeaders },
  q: { read: readQuarantine, action: ACTION.quarantine },
};

/**
 * Reads an answer.
 *
 * @throws {MilterFault} If it is none, or has not been agreed upon.
 */
export function readAnswer(packet: Packet, agreement: Agreement): Answer | Progress {
  if (!Object.hasOwn(responses, packet.code)) {
    throw new MilterFault(
      `found ${shown(packet.code)}, allowed are ${Object.keys(responses).join(" ")}`,
    );
  }
  const { read, action = 0, step = 0 } = responses[packet.code];
  if ((agreement.actions & action) !== action || (agreement.steps & step) !== step) {
    throw new MilterFault(`found ${shown(packet.code)}, which has not been agreed upon`);
  }
  return read(new DataReader(packet), agreement);
}

/** `550 5.7.1 Text`, or several such lines with CRLF between them. */
function readReply(data: DataReader): Answer {
  // A milter doubles it, because Sendmail uses the text as a format.
  const text = data.string().replace(/%(%?)/g, "$1");
  data.end();
  const lines = text.split("\r\n");
  const code = lines[0].slice(0, 3);
  const wrong = lines.findIndex((line, nth) => {
    const last = nth === lines.length - 1;
    return line.slice(0, 3) !== code || (line.length > 3 && line[3] !== (last ? " " : "-"));
  });
  if (!/^[45][0-9]{2}$/.test(code) || wrong >= 0) {
    throw new MilterFault(
      `found the reply ${JSON.stringify(text.slice(0, 100))}, allowed is 4xx or 5xx`,
    );
  }
  try {
    const reply = new Reply(Number(code), lines.map((line) => line.slice(4)));
    return { kind: "refuse", reply };
  } catch (cause) {
    throw new MilterFault("found a reply that cannot be sent", { cause });
  }
}

function readAdding(data: DataReader, agreement: Agreement): Answer {
  const { name, value } = readField(data, agreement);
  return { kind: "edit", edit: { kind: "add", name, value, at: "bottom" } };
}

function readInserting(data: DataReader, agreement: Agreement): Answer {
  const index = readIndex(data);
  const { name, value } = readField(data, agreement);
  // The trace header counts, which stands above all that the milter has seen. Nothing can stand
  // above it, for it belongs on top (RFC 5321 §4.4).
  return { kind: "edit", edit: { kind: "add", name, value, at: Math.max(0, index - 1) } };
}

function readChanging(data: DataReader, agreement: Agreement): Answer {
  // Sendmail takes 0 for 1.
  const nth = Math.max(1, readIndex(data));
  const { name, value } = readField(data, agreement);
  const edit: HeaderEdit = value === ""
    ? { kind: "remove", name, nth }
    : { kind: "replace", name, value, nth };
  return { kind: "edit", edit };
}

function readIndex(data: DataReader): number {
  const index = data.number32();
  if (index <= HIGHEST_INDEX) return index;
  throw new MilterFault(`found the place ${index | 0} of a header field, allowed are 0 and more`);
}

/** Whether it can be written is for whoever edits to say. */
function readField(
  data: DataReader,
  { steps }: Agreement,
): { readonly name: string; readonly value: string } {
  const name = data.string();
  const value = data.string().replace(/[\r\n]+$/, "");
  data.end();
  // What writes a field puts a space of its own there.
  const leading = (steps & STEP.leadingSpace) !== 0 && value.startsWith(" ");
  return { name, value: leading ? value.slice(1) : value };
}

/** The reason is for the operator of the milter, who has it in its logs. */
function readQuarantine(data: DataReader): Answer {
  data.string();
  data.end();
  return { kind: "quarantine" };
}
