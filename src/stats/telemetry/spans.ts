/**
 * Traces of sessions: a span for the session, below it one for each mail transaction, and below these
 * one for each exchange with an upstream and each check. What belongs to no transaction is the
 * session's own child.
 *
 * @module
 */

import { SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import type { Clock } from "../../clock.ts";
import { IdMap } from "../../id_map.ts";
import type { SessionFacts, TransactionFacts } from "../../session/facts.ts";
import type {
  Observer,
  SessionEnd,
  TransactionEnd,
  UpstreamAnswered,
  UpstreamOpened,
} from "../../session/observer.ts";
import type { Phase, PhaseFacts, Ruling, Step } from "../../session/phases.ts";
import {
  ofClosing,
  ofError,
  ofException,
  ofOpening,
  ofReply,
  ofTls,
  ofTransaction,
  ofVerdicts,
} from "./attributes.ts";
import { Branch, type Description } from "./branch.ts";

/** A session that is traced. */
interface Traced {
  /**
   * Milliseconds since 1970 at the zero of the clock's `monotonic`. So no time in a trace goes back,
   * and none is further off than the wall clock was moved during this one session.
   */
  readonly origin: number;
  readonly session: Branch;
  /** The mail transaction that is open. */
  transaction?: Branch;
}

/** How sessions are traced. */
export interface SpansOptions {
  /** Says when something happens. */
  readonly clock: Clock;
  /** Whether addresses, logins and the words of errors are told. */
  readonly addresses: boolean;
}

/** See the module. */
export class Spans implements Observer {
  readonly #tracer: Tracer;
  readonly #clock: Clock;
  readonly #addresses: boolean;
  readonly #open = new IdMap<Traced>();

  /** @param tracer Makes the spans. */
  constructor(tracer: Tracer, { clock, addresses }: SpansOptions) {
    this.#tracer = tracer;
    this.#clock = clock;
    this.#addresses = addresses;
  }

  sessionOpened(session: SessionFacts): void {
    const now = this.#clock.now();
    const attributes = ofOpening(session);
    const description = { name: "smtp session", kind: SpanKind.SERVER, attributes };
    this.#open.set(session.id, {
      origin: now - this.#clock.monotonic(),
      session: new Branch(this.#tracer, description, now),
    });
  }

  sessionClosed(session: SessionFacts, end: SessionEnd, cause?: unknown): void {
    const traced = this.#open.get(session.id);
    if (traced === undefined) return;
    this.#open.delete(session.id);
    traced.session.end(this.#now(traced), ofClosing(session, end, cause, this.#addresses));
  }

  lookedUp({ id, client }: SessionFacts, took: number): void {
    const attributes = { "sluice.client.name": client.name ?? "unknown" };
    this.#add(id, { name: "name lookup", kind: SpanKind.CLIENT, attributes }, took);
  }

  ruling<P extends Phase>(phase: P, facts: PhaseFacts[P], { steps, asked = steps }: Ruling): void {
    const { id } = "session" in facts ? (facts as TransactionFacts).session : facts as SessionFacts;
    const traced = this.#open.get(id);
    if (traced === undefined) return;
    const parent = traced.transaction ?? traced.session;
    let from = this.#now(traced) - asked.reduce((sum, { took }) => sum + took, 0);
    let next = 0;
    for (const { check, took } of asked) {
      const first = next;
      // What one check has said stands together, and took as long as the check.
      while (next < steps.length && steps[next].took === took && isOf(check, steps[next])) next++;
      const attributes = {
        "sluice.phase": phase,
        "sluice.check": check,
        ...ofVerdicts(steps.slice(first, next)),
      };
      const name = `check ${check}`;
      parent.add({ name, kind: SpanKind.INTERNAL, attributes }, from, from += took);
    }
  }

  upstreamOpened({ id }: SessionFacts, upstream: string, { took, tls }: UpstreamOpened): void {
    const attributes = { "sluice.upstream": upstream, ...ofTls(tls) };
    this.#add(id, { name: "upstream connect", kind: SpanKind.CLIENT, attributes }, took);
  }

  upstreamFailed({ id }: SessionFacts, upstream: string, error: unknown, took: number): void {
    const attributes = { "sluice.upstream": upstream, ...ofError(error, this.#addresses) };
    const name = "upstream connect";
    this.#add(id, { name, kind: SpanKind.CLIENT, attributes, failed: true }, took);
  }

  upstreamReply(
    { id }: SessionFacts,
    upstream: string,
    { verb, took, reply }: UpstreamAnswered,
  ): void {
    const attributes = {
      "sluice.upstream": upstream,
      ...reply === undefined ? { "error.type": "no reply" } : ofReply(reply),
    };
    const failed = reply === undefined;
    this.#add(id, { name: `upstream ${verb}`, kind: SpanKind.CLIENT, attributes, failed }, took);
  }

  trouble(session: SessionFacts | undefined, error: unknown): void {
    const traced = session && this.#open.get(session.id);
    if (traced === undefined) return;
    const parent = traced.transaction ?? traced.session;
    parent.note("exception", ofException(error, this.#addresses), this.#now(traced));
  }

  transactionOpened({ id, session }: TransactionFacts): void {
    const traced = this.#open.get(session.id);
    if (traced === undefined) return;
    const attributes = { "sluice.transaction": id };
    const description = { name: "mail transaction", kind: SpanKind.INTERNAL, attributes };
    const now = this.#now(traced);
    traced.transaction = new Branch(this.#tracer, description, now, traced.session);
  }

  transaction(transaction: TransactionFacts, end: TransactionEnd): void {
    const traced = this.#open.get(transaction.session.id);
    if (traced?.transaction === undefined) return;
    const branch = traced.transaction;
    traced.transaction = undefined;
    // What the policy or the upstream has refused is as it should be.
    if (end.kind === "broken" || (end.kind === "refused" && branch.failed)) {
      branch.span.setStatus({ code: SpanStatusCode.ERROR });
    }
    branch.end(this.#now(traced), ofTransaction(transaction, end, this.#addresses));
  }

  /** Ends the spans that are open. */
  end(): void {
    for (const traced of this.#open.values()) {
      const now = this.#now(traced);
      traced.transaction?.end(now);
      traced.session.end(now);
    }
    this.#open.clear();
  }

  #now({ origin }: Traced): number {
    return origin + this.#clock.monotonic();
  }

  /** Adds what has just ended to the transaction, or to the session where none is open. */
  #add(id: string, description: Description, took: number): void {
    const traced = this.#open.get(id);
    if (traced === undefined) return;
    const now = this.#now(traced);
    (traced.transaction ?? traced.session).add(description, now - took, now);
  }
}

/** Whether it may be a check's own; a rule's step bears the name of the rule. */
function isOf(check: string, step: Step): boolean {
  return step.check === check || step.verdict.by !== undefined;
}
