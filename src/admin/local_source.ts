/**
 * What an admin shows of a proxy in the same thread.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { within } from "../clock.ts";
import { codesOf, decisionOf, printDecision } from "../policy/decision.ts";
import { describe } from "../policy/described.ts";
import type { Described, Explanation, PhaseReport } from "../policy/explain.ts";
import type { Proxy } from "../proxy.ts";
import type { Upstream } from "../session/upstream.ts";
import { DEFAULT_UPSTREAM } from "../session/upstreams.ts";
import type { Pen } from "../stats/pen.ts";
import type { Stats } from "../stats/stats.ts";
import { viewsOf } from "../stats/transaction_log.ts";
import { detailOf, stepOf } from "../stats/transaction_record.ts";
import type { UpstreamView } from "../stats/views.ts";
import type { AdminSource } from "./source.ts";
import type { ExplanationView, ReadinessView } from "./views.ts";

/** Milliseconds for an upstream to say what it offers, where the answer tells whether mail can pass. */
const PATIENCE = 5_000;
/** The same where it is one thing among others. */
const HASTE = 2_000;
/** Milliseconds for which its answer is believed. */
const FRESH = 10_000;

/** What is looked at. */
export interface LocalParts {
  readonly proxy: Proxy;
  readonly stats: Stats;
  /** Writes addresses. */
  readonly pen: Pen;
  readonly explain: (described: Described) => Promise<Explanation>;
}

/** Makes one. */
export function localSource({ proxy, stats, pen, explain }: LocalParts): AdminSource {
  const { sessions, transactions, metrics } = stats;
  return {
    clock: proxy.clock,
    get closing() {
      return proxy.closing;
    },
    stats: () => stats.view({ draining: proxy.closing }),
    history: (span) => stats.history.view(span),
    metrics({ open, dropped, deeds }) {
      // Other admins may have been made over the same statistics: before this one, or in vain.
      metrics.viewers.read(() => open);
      for (const [name, { pool }] of proxy.upstreams) {
        if (pool === undefined) continue;
        metrics.pool.with(name, "lent").set(pool.open - pool.idle);
        metrics.pool.with(name, "idle").set(pool.idle);
        metrics.poolWaiting.with(name).set(pool.waiting);
      }
      metrics.viewersDropped.add(dropped);
      for (const [action, times] of deeds) metrics.adminDeeds.with(action).add(times);
      return metrics.meters.collect();
    },
    readiness: () => readinessOf(proxy),
    sessions: (limit) => ({ sessions: sessions.list(limit, pen), total: sessions.open }),
    session: (id) => sessions.detail(id, pen),
    follow(id) {
      const linesAfter = sessions.follow(id);
      return linesAfter && ((number) => ({
        lines: linesAfter(number, pen),
        ended: !sessions.has(id),
      }));
    },
    disconnect: (id) => proxy.disconnect(id),
    transactions: ({ filter, limit, before }) =>
      viewsOf(transactions.find(filter, limit, { before, pen }), pen),
    news({ after, filter, limit, upto: last = transactions.last }) {
      if (after === undefined) return { last, transactions: [], skipped: 0 };
      // A number that is still to come is one from before a restart: everything since then is new.
      const known = after > last ? 0 : after;
      const { records, skipped } = transactions.since(known, filter, limit, { upto: last, pen });
      return { last, transactions: viewsOf(records, pen), skipped };
    },
    transaction(id) {
      const record = transactions.get(id);
      return record && detailOf(record, pen);
    },
    rules: () => stats.rules.of(proxy.policy),
    explain: async (request) => viewOf(await explain(describe(request)), pen),
    upstreams: () => upstreamsOf(proxy, stats),
  };
}

async function readinessOf(
  { listening, closing, upstreams, clock }: Proxy,
): Promise<ReadinessView> {
  const addresses = listening.length;
  const asked = [...upstreams].map(async ([name, upstream]) => {
    try {
      await within(clock, PATIENCE, `the upstream "${name}"`, upstream.offer(FRESH));
      return { name, good: true, found: `"${name}" answers` };
    } catch (error) {
      const why = messageOf(error);
      return { name, good: false, found: `"${name}": ${why}` };
    }
  });
  const answers = await Promise.all(asked);
  const checks = {
    listening: { good: addresses > 0, found: `${addresses} listeners` },
    accepting: { good: !closing, found: closing ? "draining" : "taking sessions" },
    upstream: {
      // The others get what a policy sends there; without this one no mail can pass.
      good: answers.some(({ name, good }) => good && name === DEFAULT_UPSTREAM),
      found: answers.map(({ found }) => found).join("; "),
    },
  };
  return { ready: Object.values(checks).every(({ good }) => good), checks };
}

async function upstreamsOf({ upstreams, clock }: Proxy, stats: Stats): Promise<UpstreamView[]> {
  const asked = [...upstreams].map(async ([name, upstream]: [string, Upstream]) => {
    try {
      const offer = upstream.offer(stats.upstreams.maxAge(name, FRESH));
      const { extensions } = await within(clock, HASTE, name, offer);
      return [[name, extensions.toLines()] as const];
    } catch {
      // Its health tells.
      return [];
    }
  });
  return stats.upstreams.of(upstreams, new Map((await Promise.all(asked)).flat()));
}

function viewOf(
  { outcome, phases, envelope, upstream }: Explanation,
  pen: Pen,
): ExplanationView {
  return {
    outcome,
    phases: phases.map((report) => phaseOf(report, pen)),
    envelope: {
      from: pen.address(envelope.reversePath),
      to: envelope.recipients.map((path) => pen.address(path)),
    },
    ...upstream !== undefined && { upstream },
  };
}

function phaseOf({ phase, about, ruling, refusal, failures }: PhaseReport, pen: Pen) {
  const own = refusal === undefined || ruling.refusal !== undefined;
  const decision = own ? decisionOf(ruling) : { refusal: codesOf(refusal) };
  return {
    phase,
    about: pen.words(about),
    result: pen.words(printDecision(decision)),
    ...refusal !== undefined && { reply: pen.reply(refusal) },
    steps: ruling.steps.map((step) => stepOf(step, pen)),
    failures: failures.map((failure) => pen.words(failure)),
  };
}
