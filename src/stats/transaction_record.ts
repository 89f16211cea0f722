/**
 * A mail transaction that has ended, as it is remembered and shown.
 *
 * @module
 */

import { decisionOf, printDecision } from "../policy/decision.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { Recipient, SessionFacts, TransactionFacts } from "../session/facts.ts";
import type { TransactionEnd } from "../session/observer.ts";
import type { Phase, Ruling, Step, Verdict } from "../session/phases.ts";
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
    /** Milliseconds since 1970 at which it was over. */
    readonly at: number;
    /** Milliseconds. */
    readonly took: number;
  }
  & (
    | { readonly phase: Phase; readonly ruling: Ruling }
    /** `result` in words where no reply came. */
    | { readonly verb: string; readonly result: Reply | string }
  );

/** A transaction while it is open. */
export class TransactionDraft {
  readonly happenings: Happening[] = [];
  readonly dialogue: Utterance[] = [];

  /** @param startedAt Milliseconds since 1970, at MAIL. */
  constructor(readonly startedAt: number) {}

  /** Adds a line, unless there are too many. */
  say(said: Utterance): void {
    if (this.dialogue.length < MAX_LINES) this.dialogue.push(said);
  }

  /** Adds what took time, unless there is too much of it. */
  happen(happening: Happening): void {
    if (this.happenings.length < MAX_HAPPENINGS) this.happenings.push(happening);
  }
}

const MAX_LINES = 200;
const MAX_HAPPENINGS = 500;

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
  /** Milliseconds since 1970. */
  readonly endedAt: number;
}

/** What became of it, in one word. */
export function outcomeOf(end: TransactionEnd): Outcome {
  if (end.kind !== "refused") return end.kind;
  return end.reply.permanent ? "rejected" : "deferred";
}

/** What a policy can have said for a transaction to end so. */
const telling: Readonly<Record<TransactionEnd["kind"], readonly Verdict["kind"][]>> = {
  accepted: ["route"],
  discarded: ["discard"],
  refused: ["reject", "disconnect"],
  abandoned: ["route"],
  // The connection was lost because the policy wanted it so.
  broken: ["route", "disconnect"],
};

/** Who has decided it. A refusal counts only where it is the one that the client was given. */
export function decisiveStep(steps: readonly Step[], end: TransactionEnd): Step | undefined {
  const kinds = telling[end.kind];
  return steps.findLast(({ verdict }) =>
    kinds.includes(verdict.kind) &&
    (end.kind !== "refused" || "reply" in verdict && sameReply(verdict.reply, end.reply))
  );
}

/** Whether two replies say the same. */
export function sameReply(one: Reply, other: Reply | undefined): boolean {
  return one === other || one.code === other?.code && one.text === other.text;
}

/** What a record weighs: as much as there are things in it. */
export function weightOf({ draft, facts }: Pick<TransactionRecord, "draft" | "facts">): number {
  const { original, current, steps } = facts;
  return 1 + original.recipients.length + current.recipients.length + steps.length +
    draft.dialogue.length + draft.happenings.length;
}

/** As it stands in a list. */
export function viewOf(record: TransactionRecord, pen: Pen): TransactionView {
  const { number, facts, session, end, draft, endedAt } = record;
  const { client } = session;
  const { original } = facts;
  const rule = decisiveStep(facts.steps, end)?.check;
  return {
    number,
    id: facts.id,
    session: session.id,
    startedAt: draft.startedAt,
    took: endedAt - draft.startedAt,
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
    phases: draft.happenings.map((one) => phaseOf(one, draft.startedAt, pen)),
    dialogue: draft.dialogue.map((said) => lineOf(said, pen)),
  };
}

/** Code and words in one line. */
export function replyText({ code, text }: Reply): string {
  return `${code} ${text}`.trimEnd();
}

function recipientOf({ forwardPath, reply }: Recipient, pen: Pen): RecipientView {
  const address = pen.address(forwardPath);
  return reply === undefined ? { address } : { address, reply: pen.reply(reply) };
}

function phaseOf(happening: Happening, begun: number, pen: Pen): PhaseView {
  const { at, took } = happening;
  const span = { at: at - took - begun, took };
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
  return { check, verdict: pen.words(verdictText(verdict)), took };
}

function verdictText(verdict: Verdict): string {
  switch (verdict.kind) {
    case "reject":
      return printDecision(decisionOf({ refusal: verdict.reply, steps: [] }));
    case "disconnect":
      return printDecision(decisionOf({ refusal: verdict.reply, close: true, steps: [] }));
    case "rewrite":
      return printDecision(decisionOf({ paths: verdict.paths, steps: [] }));
    case "route":
      return printDecision(decisionOf({ upstream: verdict.upstream, steps: [] }));
    case "discard":
      return printDecision(decisionOf({ discard: true, steps: [] }));
    case "proceed":
      return "proceeds, and nobody else is asked";
  }
}
