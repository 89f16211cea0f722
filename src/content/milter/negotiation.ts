/**
 * The first packet each way: what a milter may be told and may change, and what it wants of that.
 *
 * @module
 */

import { DataReader, MilterFault, number32, type Packet, packet, shown } from "./packet.ts";

/** The protocol version that is offered, that of Sendmail 8.14 and later. */
const VERSION = 6;
const OLDEST = 2;

/** What a milter may do at the end of a message (`SMFIF_…`). */
export const ACTION = {
  addHeaders: 0x1,
  changeBody: 0x2,
  addRecipients: 0x4,
  deleteRecipients: 0x8,
  changeHeaders: 0x10,
  quarantine: 0x20,
  changeSender: 0x40,
  addRecipientsWithParameters: 0x80,
  nameMacros: 0x100,
} as const;

/** What a milter need not be told, need not answer, or may do meanwhile (`SMFIP_…`). */
export const STEP = {
  noConnect: 0x1,
  noHelo: 0x2,
  noMail: 0x4,
  noRcpt: 0x8,
  noBody: 0x10,
  noHeaders: 0x20,
  noEndOfHeaders: 0x40,
  unansweredHeaders: 0x80,
  noUnknown: 0x100,
  noData: 0x200,
  /** It may say that it has seen enough of the body. */
  skip: 0x400,
  unansweredConnect: 0x1000,
  unansweredHelo: 0x2000,
  unansweredMail: 0x4000,
  unansweredRcpt: 0x8000,
  unansweredData: 0x10000,
  unansweredUnknown: 0x20000,
  unansweredEndOfHeaders: 0x40000,
  unansweredBody: 0x80000,
  /** The space behind the colon of a header field is part of its value, both ways. */
  leadingSpace: 0x100000,
} as const;

/**
 * The header section can still be changed, and a message be kept from its recipients. Its envelope
 * and its beginning are with the upstream already when a milter has seen its end.
 */
const OFFERED = ACTION.addHeaders | ACTION.changeHeaders | ACTION.quarantine | ACTION.nameMacros;

const STEPS = allOf(STEP);

function allOf(bits: Readonly<Record<string, number>>): number {
  return Object.values(bits).reduce((all, bit) => all | bit, 0);
}

/** When macros are told, by the numbers that milters know these moments by (`SMFIM_…`). */
const STAGES = ["connect", "helo", "mail", "rcpt", "data", "endOfMessage", "endOfHeaders"] as const;

/** One of those moments. */
export type MacroStage = typeof STAGES[number];

/** What has been agreed upon. */
export interface Agreement {
  /** 2 to 6. */
  readonly version: number;
  /** Bits of {@linkcode ACTION} that it may use. */
  readonly actions: number;
  /** Bits of {@linkcode STEP} that hold. */
  readonly steps: number;
  /** Names of the macros that it wants at a moment; absent: the usual ones. */
  readonly macros: { readonly [S in MacroStage]?: readonly string[] };
}

/** What is offered. */
export function offer(): Uint8Array {
  return packet("O", number32(VERSION), number32(OFFERED), number32(STEPS));
}

/**
 * Reads what a milter has made of the offer.
 *
 * @throws {MilterFault} If it wants what was not offered.
 */
export function readAgreement(answer: Packet): Agreement {
  if (answer.code !== "O") {
    throw new MilterFault(`found ${shown(answer.code)}, expected its part of the negotiation`);
  }
  const data = new DataReader(answer);
  const version = data.number32();
  if (version < OLDEST || version > VERSION) {
    throw new MilterFault(`found version ${version}, allowed are ${OLDEST} to ${VERSION}`);
  }
  const actions = data.number32();
  const excess = actions & ~OFFERED;
  if (excess !== 0) {
    throw new MilterFault(
      `it insists on ${printActions(excess)}, allowed are ${printActions(OFFERED)}`,
    );
  }
  const steps = data.number32() & STEPS;
  // Versions before 4 do not know DATA, and end where they are told of it.
  return {
    version,
    actions,
    steps: version < 4 ? steps | STEP.noData : steps,
    macros: readMacros(data),
  };
}

function readMacros(data: DataReader): Agreement["macros"] {
  const macros: { [S in MacroStage]?: readonly string[] } = {};
  while (!data.ended) {
    const number = data.number32();
    const names = data.string().split(/[ \t,]+/).filter((name) => name !== "");
    // There may be moments that nobody here knows of.
    if (number < STAGES.length) macros[STAGES[number]] = names;
  }
  return macros;
}

function printActions(actions: number): string {
  const known = Object.entries(ACTION).filter(([, bit]) => (actions & bit) !== 0);
  const rest = (actions & ~allOf(ACTION)) >>> 0;
  const names = known.map(([name]) => name);
  return [...names, ...rest === 0 ? [] : [`0x${rest.toString(16)}`]].join(", ");
}
