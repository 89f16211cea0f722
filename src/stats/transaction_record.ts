/**
 * A mail transaction that has ended, as it is remembered and shown.
 *
 * @module
 */

import { decisionOf, printDecision, printVerdict } from "../policy/decision.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { Recipient, SessionFacts, TransactionFacts } from "../session/facts.ts";
import type { TransactionEnd } from "../session/observer.ts";
import type { Phase, Ruling, Step, Verdict } from "../session/phases.ts";
import { BothEnds } from "./both_ends.ts";
import { lineOf, type Utterance } from "./dialogue.ts";
import type { Pen } from "./pen.ts";
import type {
  Outcome,
  PhaseView,
  RecipientView,
  StepView,
  TransactionDetail,
  TransactionView,
} from "./views.ts";

/** Something that took time, before it is put into words. */
export type Happening =
  & {
    /** When it was over, by the clock's `monotonic`. */
    readonly until: number;
    /** Milliseconds. */
    readonly took: number;
  }
  & (
    | { readonly phase: Phase; readonly ruling: Ruling }
    /** `result` in words where no reply came. */
    | { readonly verb: string; readonly result: Reply | string }
  );

/** In the place of a dialogue. */
const NOT_KEPT = "What was said was not kept: too many transactions in this second";

/** What is kept of a transaction, but for its middle. */
interface Kept {
  readonly happenings: BothEnds<Happening>;
  readonly dialogue: BothEnds<Utterance>;
}

/** A transaction while it is open. */
export class TransactionDraft {
  /** Absent where nothing of it is kept. */
  readonly #kept: Kept | undefined;

  /**
   * Begins with MAIL.
   *
   * @param startedAt Milliseconds since 1970.
   * @param since The same moment by the clock's `monotonic`: the wall clock may be put back meanwhile.
   * @param detailed See the member. Default true.
   */
  constructor(
    readonly startedAt: number,
    readonly since: number,
    detailed: boolean = true,
  ) {
    if (detailed) this.#kept = { happenings: new BothEnds(), dialogue: new BothEnds() };
  }

  /** Whether what is said and what takes time in it is kept. */
  get detailed(): boolean {
    return this.#kept !== undefined;
  }

  /** What took time, in the order in which it ended. */
  get happenings(): readonly Happening[] {
    if (this.#kept === undefined) return [];
    const { first, last } = this.#kept.happenings;
    return [...first, ...last];
  }

  /** What was said; a note stands for what is left out. */
  get dialogue(): readonly Utterance[] {
    if (this.#kept === undefined) return [{ number: 0, at: this.startedAt, note: NOT_KEPT }];
    const { first, last, left } = this.#kept.dialogue;
    if (left === 0) return [...first, ...last];
    const { number, at } = last[0];
    return [...first, { number: number - 1, at, note: `${left} lines left out` }, ...last];
  }

  /**
   * Adds a line.
   *
   * @param room Of how many lines each end is kept.
   */
  say(said: Utterance, room: number): void {
    this.#kept?.dialogue.add(said, room);
  }

  /** Adds what took time. */
  happen(happening: Happening): void {
    this.#kept?.happenings.add(happening, MOST_HAPPENINGS);
  }
}

/** What is kept of either end. */
const MOST_HAPPENINGS = 150;

/** See the module. */
export interface TransactionRecord {
  /** Counts transactions from 1. */
  readonly number: number;
  /** How much of a ring it takes. */
  readonly weight: number;
  readonly draft: TransactionDraft;
  /** As it was at the end. */
  readonly facts: TransactionFacts;
  /** The session at the end of it. */
  readonly session: SessionFacts;
  readonly end: TransactionEnd;
  /** Milliseconds from MAIL to the end. */
  readonly took: number;
}

/** What became of it, in one word. */
export function outcomeOf(end: TransactionEnd): Outcome {
  if (end.kind !== "refused") return end.kind;
  return end.reply.permanent ? "rejected" : "deferred";
}

/** What a policy can have said for a transaction to end so. */
const telling: Readonly<Record<TransactionEnd["kind"], readonly Verdict["kind"][]>> = {
  accepted: ["route"],
  discarded: ["discard", "rewrite"],
  quarantined: ["quarantine"],
  refused: ["reject", "disconnect"],
  abandoned: ["route"],
  // The connection was lost because the policy wanted it so.
  broken: ["route", "disconnect"],
};

/**
 * Who has decided it. A refusal counts only where it is the one that the client was given, a rewriting
 * only where nobody is left.
 */
export function decisiveStep(steps: readonly Step[], end: TransactionEnd): Step | undefined {
  const kinds = telling[end.kind];
  return steps.findLast(({ verdict }) =>
    kinds.includes(verdict.kind) &&
    (end.kind !== "refused" || "reply" in verdict && sameReply(verdict.reply, end.reply)) &&
    (verdict.kind !== "rewrite" || verdict.paths.length === 0)
  );
}

/** Whether two replies say the same. */
export function sameReply(one: Reply, other: Reply | undefined): boolean {
  return one === other || one.code === other?.code && one.text === other.text;
}

/** What a record weighs: as much as there are things in it, a reply as much as it has lines. */
export function weightOf({ draft, facts }: Pick<TransactionRecord, "draft" | "facts">): number {
  const { original, current, steps } = facts;
  let weight = 1 + steps.length;
  for (const { reply } of original.recipients) weight += linesOf(reply);
  for (const { reply, outcome } of current.recipients) weight += linesOf(outcome ?? reply);
  for (const said of draft.dialogue) weight += "reply" in said ? linesOf(said.reply) : 1;
  for (const one of draft.happenings) weight += "result" in one ? linesOf(one.result) : 1;
  return weight;
}

function linesOf(reply: Reply | string | undefined): number {
  return typeof reply === "object" ? reply.lines.length : 1;
}

/** As it stands in a list. */
export function viewOf(record: TransactionRecord, pen: Pen): TransactionView {
  const { number, facts, session, end, draft, took } = record;
  const { client } = session;
  const { original } = facts;
  const rule = decisiveStep(facts.steps, end)?.check;
  return {
    number,
    id: facts.id,
    session: session.id,
    startedAt: draft.startedAt,
    took,
    listener: session.listener,
    client: client.address,
    ...client.name !== undefined && { name: client.name },
    hello: client.hello,
    ...client.tls !== undefined && { tls: client.tls.version },
    ...client.login !== undefined && { login: pen.login(client.login) },
    from: pen.address(original.reversePath),
    to: original.recipients.map((one) => recipientOf(one, pen)),
    octets: facts.octets,
    outcome: outcomeOf(end),
    ...end.kind === "refused" && { refusedAt: end.at },
    ..."reply" in end && { reply: pen.reply(end.reply) },
    ...end.kind === "quarantined" && { keptAs: end.as },
    ...rule !== undefined && { rule },
    ...facts.upstream !== undefined && { upstream: facts.upstream },
  };
}

/** With all that is known of it. */
export function detailOf(record: TransactionRecord, pen: Pen): TransactionDetail {
  const { current } = record.facts;
  const { draft } = record;
  return {
    ...viewOf(record, pen),
    currentFrom: pen.address(current.reversePath),
    currentTo: current.recipients.map((one) => recipientOf(one, pen)),
    phases: draft.happenings.map((one) => phaseOf(one, draft.since, pen)),
    dialogue: draft.dialogue.map((said) => lineOf(said, pen)),
  };
}

function recipientOf({ forwardPath, reply, outcome }: Recipient, pen: Pen): RecipientView {
  const address = pen.address(forwardPath);
  const last = outcome ?? reply;
  return last === undefined ? { address } : { address, reply: pen.reply(last) };
}

function phaseOf(happening: Happening, since: number, pen: Pen): PhaseView {
  const { until, took } = happening;
  const span = { at: until - took - since, took };
  if ("phase" in happening) {
    const { phase, ruling } = happening;
    const result = pen.words(printDecision(decisionOf(ruling)));
    const steps = ruling.steps.map((step) => stepOf(step, pen));
    return { kind: "policy", name: phase, ...span, result, steps };
  }
  const { verb, result } = happening;
  const text = typeof result === "string" ? pen.words(result) : pen.reply(result);
  return { kind: "upstream", name: verb, ...span, result: text, steps: [] };
}

/** What one check has said, in words. */
export function stepOf({ check, verdict, took }: Step, pen: Pen): StepView {
  return { check, verdict: pen.words(printVerdict(verdict)), took };
}
