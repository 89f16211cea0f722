/**
 * What an admin shows of several workers, as if they were one.
 *
 * @module
 */

import type { AdminCounts, AdminSource } from "../../admin/source.ts";
import type { DialogueView, ReadinessView } from "../../admin/views.ts";
import { type Clock, within } from "../../clock.ts";
import {
  mergeFamilies,
  mergeHistories,
  mergeRules,
  mergeStats,
  mergeUpstreams,
} from "../../stats/merge.ts";
import { type Family, Meters } from "../../stats/meters.ts";
import { DEEDS } from "../../stats/metrics.ts";
import { MEMORY } from "../service.ts";
import type { Departed } from "./departed.ts";
import type { Employee } from "./employee.ts";
import { HITTERS, type WorkerCalls } from "./messages.ts";

/** Milliseconds for a worker to answer; one that waits for an upstream takes five seconds. */
const PATIENCE = 7_000;
/** How many of the most frequent are shown. */
const TOP = 10;

/** Those who are asked. */
export interface Staff {
  readonly clock: Clock;
  readonly closing: boolean;
  /** All that are alive, those among them that take no new sessions. */
  readonly workers: readonly Employee[];
  readonly departed: Departed;
  /** The number of the last transaction of all. */
  readonly lastNumber: number;
}

/** Who gave which answer. */
interface Answered<T> {
  readonly number: number;
  readonly answer: T;
}

/** An answer to a call. */
type AnswerTo<Name extends keyof WorkerCalls> = Awaited<ReturnType<WorkerCalls[Name]>>;

/** Makes one. */
export function mergedSource(staff: Staff): AdminSource {
  const meters = new Meters();
  meters.gauge(MEMORY).read(() => Deno.memoryUsage().rss);
  const viewers = meters.gauge({
    name: "sluice_admin_viewers",
    help: "Live streams of the admin.",
  });
  const viewersDropped = meters.counter({
    name: "sluice_admin_viewers_dropped_total",
    help: "Live streams that were ended because nobody read them.",
  });
  const adminDeeds = meters.counter(DEEDS);

  /** Asks everybody; one that has just ended or does not answer says nothing. */
  const asked = async <Name extends keyof WorkerCalls>(
    name: Name,
    ...argument: Parameters<WorkerCalls[Name]>
  ): Promise<Answered<AnswerTo<Name>>[]> => {
    const asking = staff.workers.map(async ({ number, line }) => {
      try {
        const answer = line.call(name, ...argument);
        return [{ number, answer: await within(staff.clock, PATIENCE, name, answer) }];
      } catch {
        return [];
      }
    });
    return (await Promise.all(asking)).flat();
  };
  const all = async <Name extends keyof WorkerCalls>(
    name: Name,
    ...argument: Parameters<WorkerCalls[Name]>
  ): Promise<AnswerTo<Name>[]> => (await asked(name, ...argument)).map(({ answer }) => answer);
  /** The first that has an answer. */
  const one = async <Name extends keyof WorkerCalls>(
    name: Name,
    ...argument: Parameters<WorkerCalls[Name]>
  ): Promise<AnswerTo<Name> | undefined> =>
    (await all(name, ...argument)).find((answer) => answer !== undefined);

  return {
    get clock() {
      return staff.clock;
    },
    get closing() {
      return staff.closing;
    },
    async stats() {
      const { departed: { stats } } = staff;
      const parts = await all("stats");
      return mergeStats(stats === undefined ? parts : [...parts, stats], HITTERS, TOP);
    },
    async history(span) {
      const past = staff.departed.histories?.get(span);
      const parts = await all("history", span);
      return mergeHistories(past === undefined ? parts : [...parts, past]);
    },
    async metrics({ open, dropped, deeds }: AdminCounts) {
      const { departed: { metrics = [] } } = staff;
      viewers.set(open);
      viewersDropped.add(dropped);
      for (const [action, times] of deeds) adminDeeds.with(action).add(times);
      const parts = await asked("metrics", { open: 0, dropped: 0, deeds: new Map() });
      const families = parts.map(({ answer }) => answer);
      return mergeFamilies([...families, metrics, meters.collect(), [sessionsByWorker(parts)]]);
    },
    readiness: async () => readinessOf(await all("readiness")),
    async sessions(limit) {
      const parts = await all("sessions", limit);
      const sessions = parts.flatMap(({ sessions }) => sessions)
        .sort((a, b) => b.startedAt - a.startedAt).slice(0, limit);
      return { sessions, total: parts.reduce((sum, { total }) => sum + total, 0) };
    },
    session: (id) => one("session", id),
    async follow(id) {
      if (await one("session", id) === undefined) return undefined;
      const ended: DialogueView = { lines: [], ended: true };
      return async (number) => await one("said", { id, number }) ?? ended;
    },
    disconnect: async (id) => (await all("disconnect", id)).includes(true),
    async transactions(question) {
      const parts = await all("transactions", question);
      return parts.flat().sort((a, b) => b.number - a.number).slice(0, question.limit);
    },
    async news({ after, filter, limit }) {
      // What is numbered by now is in the answers, which come later; what comes later is numbered so.
      const last = staff.lastNumber;
      if (after === undefined) return { last, transactions: [], skipped: 0 };
      const known = after > last ? 0 : after;
      const parts = await all("news", { after: known, filter, limit, upto: last });
      const found = parts.flatMap(({ transactions }) => transactions)
        .sort((a, b) => b.number - a.number);
      const transactions = found.slice(0, limit);
      // Each has taken what the others have for transactions that it does not remember.
      const unknown = parts.reduce((sum, { skipped }) => sum + skipped - (last - known), 0);
      const skipped = last - known + unknown + found.length - transactions.length;
      return { last, transactions, skipped };
    },
    transaction: (id) => one("transaction", id),
    async rules() {
      const { departed: { rules = [] } } = staff;
      const parts = await all("rules");
      return mergeRules([...parts, rules.filter(amongFirst(parts))]);
    },
    async explain(request) {
      const [worker] = staff.workers;
      if (worker === undefined) throw new Error("Cannot explain: no worker serves");
      return await worker.line.call("explain", request);
    },
    async upstreams() {
      const { departed: { upstreams = [] } } = staff;
      const parts = await all("upstreams");
      return mergeUpstreams([...parts, upstreams.filter(amongFirst(parts))]);
    },
  };
}

/** Whether something is still there by its name. */
function amongFirst([first = []]: readonly (readonly { readonly name: string }[])[]) {
  const names = new Set(first.map(({ name }) => name));
  return ({ name }: { readonly name: string }): boolean => names.has(name);
}

/** How evenly the work is spread. */
function sessionsByWorker(parts: readonly Answered<readonly Family[]>[]): Family {
  return {
    name: "sluice_worker_sessions",
    help: "Sessions that are open, by worker.",
    type: "gauge",
    samples: parts.map(({ number, answer }) => {
      const family = answer.find(({ name }) => name === "sluice_sessions");
      const value = family?.type === "gauge" ? family.samples[0].value : 0;
      return { labels: { worker: String(number) }, value };
    }),
  };
}

const NOBODY: ReadinessView = {
  ready: false,
  checks: {
    listening: { good: false, found: "0 listeners" },
    accepting: { good: false, found: "no worker answers" },
    upstream: { good: false, found: "no worker answers" },
  },
};

/** Mail can pass where it can pass through one of them. */
function readinessOf(parts: readonly ReadinessView[]): ReadinessView {
  return parts.find(({ ready }) => ready) ?? parts[0] ?? NOBODY;
}
