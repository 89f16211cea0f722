/**
 * Recordings of what policies are asked: JSON lines, one for each question, with the facts, the
 * decision, and who said it. `replay` reads them.
 *
 * Nothing of AUTH but the mechanism's name is in the facts, and the AUTH parameter of MAIL is left
 * out. With hashed addresses every local-part and login is an HMAC-SHA-256 under a key that is made
 * for one recording and kept nowhere: equal ones stay equal, and domains stay readable, because rules
 * speak of them.
 *
 * @module
 */

import type { Path } from "../rfc5321/path.ts";
import type { Envelope, SessionFacts, TransactionFacts } from "../session/facts.ts";
import type { Observer } from "../session/observer.ts";
import type { Phase, PhaseFacts, Ruling } from "../session/phases.ts";
import { codesOf, type Decision, decisionOf } from "./decision.ts";

/** How addresses are written down. */
export type RecordedAddresses = "plain" | "hashed";

/** An envelope in a recording; addresses without brackets, `""` for the null reverse-path. */
export interface RecordedEnvelope {
  /** The reverse-path. */
  readonly from: string;
  /** The forward-paths. */
  readonly to: readonly string[];
  /** MAIL's parameters. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** One question, as it stands in a line. */
export interface RecordedQuestion {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Which phase. */
  readonly phase: Phase;
  /** The session: its id, and what was known then. */
  readonly session: SessionFacts;
  /** The name in EHLO, the mechanism of AUTH, the address in MAIL or RCPT. */
  readonly about?: string;
  /** Parameters of MAIL or RCPT. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** The mail transaction, from `rcpt` on. */
  readonly transaction?: {
    readonly id: string;
    readonly original: RecordedEnvelope;
    readonly current: RecordedEnvelope;
    readonly octets: number;
    readonly upstream?: string;
  };
  /** What was decided. */
  readonly decision: Decision;
  /** Who had something to say. */
  readonly by: readonly string[];
}

/** A reply to the client, as it stands in a line; without its words, which may name somebody. */
export interface RecordedReply {
  /** Id of the session. */
  readonly session: string;
  /** The verb that it answers. */
  readonly to: string;
  /** Code and enhanced status code. */
  readonly reply: string;
}

/** What a recorder needs. */
export interface RecorderOptions {
  /**
   * Takes one line without its end; they come in order, each as soon as it can be written. What it
   * throws costs that line.
   */
  readonly write: (line: string) => void;
  /** How addresses are written down. @default "plain" */
  readonly addresses?: RecordedAddresses;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** An observer that writes a recording. */
export interface Recorder {
  /** For the option `observers`. */
  readonly observer: Observer;
  /** Resolves when everything observed so far has been written. Never rejects. */
  settled(): Promise<void>;
}

/** Lines that wait for their hashes; those beyond are lost rather than kept in memory. */
const BACKLOG = 10_000;

/**
 * Makes a recorder.
 *
 * @example One session
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { recorder } from "@sluice/sluice/policy";
 * import { openSession } from "@sluice/sluice/testing";
 *
 * const lines: string[] = [];
 * const recording = recorder({ write: (line) => lines.push(line), now: () => Date.now() });
 * await using session = await openSession({ observers: [recording.observer] });
 * await session.cmd("MAIL FROM:<a@client.example>", "250");
 * await recording.settled();
 *
 * const { phase, about } = lines.map((line) => JSON.parse(line)).findLast((line) => line.phase);
 * assertEquals([phase, about], ["mail", "a@client.example"]);
 * ```
 */
export function recorder({ write, addresses = "plain", now }: RecorderOptions): Recorder {
  const pen = addresses === "plain" ? plainly : hashing();
  let written: Promise<void> = Promise.resolve();
  let waiting = 0;
  const put = (line: Promise<RecordedQuestion> | RecordedReply): void => {
    if (waiting === BACKLOG) return;
    waiting++;
    written = Promise.all([line, written]).then(([line]) => write(JSON.stringify(line)))
      // What one line has broken costs that line.
      .catch(() => {})
      .then(() => void waiting--);
  };
  return {
    observer: {
      ruling: (phase, facts, ruling) => put(questionOf(pen, now(), phase, facts, ruling)),
      reply: ({ id }, reply, { verb: to }) => {
        // RFC 4954 §4: a challenge is part of the exchange.
        if (!reply.intermediate || to !== "AUTH") put({ session: id, to, reply: codesOf(reply) });
      },
    },
    settled: () => written,
  };
}

/** Writes local-parts and logins down. */
type Pen = (text: string, domain: string) => Promise<string>;

const plainly: Pen = (text) => Promise.resolve(text);

const utf8 = new TextEncoder();

function hashing(): Pen {
  const key = crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return async (text, domain) => {
    const mac = await crypto.subtle.sign(
      "HMAC",
      await key as CryptoKey,
      utf8.encode(`${text}@${domain}`),
    );
    const octets = new Uint8Array(mac, 0, 12);
    return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
  };
}

async function addressOf(pen: Pen, path: Path): Promise<string> {
  if (pen === plainly || path.domain === "") return path.address;
  return `${await pen(path.localPart, path.domain)}@${path.domain}`;
}

/** Reads the facts at once, because the envelope grows while a hash is computed. */
async function questionOf<P extends Phase>(
  pen: Pen,
  at: number,
  phase: P,
  facts: PhaseFacts[P],
  ruling: Ruling,
): Promise<RecordedQuestion> {
  const all = facts as Partial<PhaseFacts["ehlo"] & PhaseFacts["auth"] & PhaseFacts["mail"]>;
  const { given, parameters } = all;
  const within = "session" in facts ? facts as TransactionFacts : undefined;
  const session = within?.session ?? facts as SessionFacts;
  const parts = [
    sessionOf(pen, session),
    given === undefined ? all.name ?? all.mechanism : addressOf(pen, given),
    within && transactionOf(pen, within),
    decidedBy(pen, ruling),
  ] as const;
  const by = ruling.steps.map(({ check }) => check);
  const [who, about, transaction, decision] = await Promise.all(parts);
  return {
    at,
    phase,
    session: who,
    about,
    parameters: parameters && told(pen, parameters),
    transaction,
    decision,
    by,
  };
}

async function sessionOf(pen: Pen, session: SessionFacts): Promise<SessionFacts> {
  const { id, startedAt, client, server, listener } = session;
  const login = client.login === undefined ? undefined : await pen(client.login, "");
  return { id, startedAt, client: { ...client, login }, server, listener };
}

async function transactionOf(
  pen: Pen,
  { id, original, current, octets, upstream }: TransactionFacts,
): Promise<RecordedQuestion["transaction"]> {
  const envelopes = [envelopeOf(pen, original), envelopeOf(pen, current)];
  const [before, after] = await Promise.all(envelopes);
  return { id, original: before, current: after, octets, upstream };
}

async function envelopeOf(
  pen: Pen,
  { reversePath, recipients, parameters }: Envelope,
): Promise<RecordedEnvelope> {
  const paths = [reversePath, ...recipients.map(({ forwardPath }) => forwardPath)];
  const [from, ...to] = await Promise.all(paths.map((path) => addressOf(pen, path)));
  return { from, to, parameters: told(pen, parameters) };
}

async function decidedBy(pen: Pen, ruling: Ruling): Promise<Decision> {
  const decision = decisionOf(ruling);
  if (decision.paths === undefined || ruling.paths === undefined) return decision;
  const paths = await Promise.all(ruling.paths.map((path) => addressOf(pen, path)));
  return { ...decision, paths };
}

/** Parameters without those that name a login; hashed, without those that name anybody. */
function told(pen: Pen, parameters: object): Readonly<Record<string, unknown>> {
  const hidden = pen === plainly ? ["auth"] : ["auth", "orcpt", "envid"];
  return Object.fromEntries(
    Object.entries(parameters).filter(([name]) => !hidden.includes(name)),
  );
}
