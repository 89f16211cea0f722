/**
 * What several statistics say, as if one had counted all of it: numbers are added up exactly.
 *
 * A share of all durations cannot be had from the shares of parts: a median here is the mean of the
 * medians, each by its weight, and of 99 of 100 the longest, which is never too short.
 *
 * @module
 */

import type { Family, HistogramSample, Labels, NumberSample } from "./meters.ts";
import {
  type HistoryView,
  type HitterView,
  type LatencyView,
  type Outcome,
  outcomes,
  type RuleView,
  type StatsView,
  type UpstreamView,
} from "./views.ts";

/** What one of several says of the whole. */
export type StatsPart = Omit<StatsView, "viewers">;

/** Adds up what a part of each says. */
function sum<Part>(parts: readonly Part[], value: (part: Part) => number): number {
  return parts.reduce((total, part) => total + value(part), 0);
}

/** Numbers of each outcome. */
function byOutcome<T>(value: (outcome: Outcome) => T): Record<Outcome, T> {
  return Object.fromEntries(outcomes.map((one) => [one, value(one)])) as Record<Outcome, T>;
}

/** Of at least one latency, those of all of them together; see the module. */
export function mergeLatencies(parts: readonly LatencyView[]): LatencyView {
  const count = sum(parts, (part) => part.count);
  return {
    p50: count === 0 ? 0 : sum(parts, (part) => part.p50 * part.count) / count,
    p99: Math.max(...parts.map((part) => part.p99)),
    count,
  };
}

/**
 * The `most` most frequent of all.
 *
 * One that stands in a list and not in another may have been just below the last there; so it is
 * counted as often as that, and its count may be too high by so much.
 *
 * @param parts Each with the highest count first.
 * @param full How long a list is that may have left something out.
 */
export function mergeHitters(
  parts: readonly (readonly HitterView[])[],
  full: number,
  most: number,
): HitterView[] {
  const keys = new Set(parts.flatMap((part) => part.map(({ key }) => key)));
  const known = parts.map((part) => ({
    byKey: new Map(part.map((hitter) => [hitter.key, hitter])),
    floor: part.length < full ? 0 : part[part.length - 1].count,
  }));
  const merged = Array.from(keys, (key): HitterView => ({
    key,
    count: sum(known, ({ byKey, floor }) => byKey.get(key)?.count ?? floor),
    error: sum(known, ({ byKey, floor }) => byKey.get(key)?.error ?? floor),
  }));
  return merged.sort((a, b) => b.count - a.count || a.error - b.error).slice(0, most);
}

/**
 * What goes on altogether.
 *
 * @param parts At least one.
 * @param full How long a list of the most frequent is that may have left something out.
 * @param top How many of the most frequent are wanted.
 */
export function mergeStats(parts: readonly StatsPart[], full: number, top: number): StatsPart {
  const latency = (of: keyof StatsPart["latencies"]): LatencyView =>
    mergeLatencies(parts.map(({ latencies }) => latencies[of]));
  const hitters = (of: keyof StatsPart["top"]): HitterView[] =>
    mergeHitters(parts.map(({ top }) => top[of]), full, top);
  return {
    at: Math.max(...parts.map(({ at }) => at)),
    startedAt: Math.min(...parts.map(({ startedAt }) => startedAt)),
    draining: parts.every(({ draining }) => draining),
    sessions: {
      open: sum(parts, ({ sessions }) => sessions.open),
      total: sum(parts, ({ sessions }) => sessions.total),
    },
    transactions: byOutcome((one) => sum(parts, ({ transactions }) => transactions[one])),
    octets: sum(parts, ({ octets }) => octets),
    rates: {
      sessions: sum(parts, ({ rates }) => rates.sessions),
      transactions: sum(parts, ({ rates }) => rates.transactions),
      octets: sum(parts, ({ rates }) => rates.octets),
    },
    latencies: {
      command: latency("command"),
      policy: latency("policy"),
      upstream: latency("upstream"),
    },
    top: {
      clients: hitters("clients"),
      senderDomains: hitters("senderDomains"),
      recipientDomains: hitters("recipientDomains"),
    },
  };
}

const NEVER: LatencyView = { p50: 0, p99: 0, count: 0 };

/** What remains of one that has ended: what it has counted since its start. */
export function endedStats(part: StatsPart): StatsPart {
  return {
    ...part,
    draining: true,
    sessions: { open: 0, total: part.sessions.total },
    rates: { sessions: 0, transactions: 0, octets: 0 },
    latencies: { command: NEVER, policy: NEVER, upstream: NEVER },
    top: { clients: [], senderDomains: [], recipientDomains: [] },
  };
}

/**
 * The past of all of them. One that was asked a moment earlier or later than another may be a step
 * ahead, and one that has ended lies behind: the steps of the latest are those of all.
 *
 * @param parts At least one, all of the same span.
 */
export function mergeHistories(parts: readonly HistoryView[]): HistoryView {
  const from = Math.max(...parts.map((part) => part.from));
  const { step, series: { octets: { length } } } = parts[0];
  const values = (
    of: (series: HistoryView["series"]) => readonly number[],
    join: (...values: number[]) => number,
  ): number[] =>
    Array.from(
      { length },
      (_, place) =>
        join(...parts.map((part) => of(part.series)[place + (from - part.from) / step] ?? 0)),
    );
  const added = (...numbers: number[]): number => sum(numbers, (number) => number);
  return {
    from,
    step,
    series: {
      transactions: byOutcome((one) => values(({ transactions }) => transactions[one], added)),
      octets: values(({ octets }) => octets, added),
      sessions: values(({ sessions }) => sessions, added),
      upstreamP99: values(({ upstreamP99 }) => upstreamP99, Math.max),
      policyP99: values(({ policyP99 }) => policyP99, Math.max),
    },
  };
}

/** Rules of the same name together, in the order in which they come first. */
export function mergeRules(parts: readonly (readonly RuleView[])[]): RuleView[] {
  return grouped(parts.flat(), ({ name }) => name).map((rules) => ({
    ...rules[0],
    asked: sum(rules, ({ asked }) => asked),
    hits: sum(rules, ({ hits }) => hits),
    spent: sum(rules, ({ spent }) => spent),
  }));
}

/** Upstreams of the same name together; one that somebody reaches is up. */
export function mergeUpstreams(parts: readonly (readonly UpstreamView[])[]): UpstreamView[] {
  return grouped(parts.flat(), ({ name }) => name).map((views) => {
    const best = (["up", "down"] as const).find((health) =>
      views.some((view) => view.health === health)
    );
    const offers = views.find(({ offers }) => offers !== undefined)?.offers;
    const [lastError] = views.flatMap(({ lastError }) => lastError === undefined ? [] : [lastError])
      .sort((a, b) => b.at - a.at);
    return {
      name: views[0].name,
      url: views[0].url,
      health: best ?? "unknown",
      ...offers !== undefined && { offers },
      connections: sum(views, ({ connections }) => connections),
      connected: sum(views, ({ connected }) => connected),
      failed: sum(views, ({ failed }) => failed),
      connecting: mergeLatencies(views.map(({ connecting }) => connecting)),
      answering: mergeLatencies(views.map(({ answering }) => answering)),
      ...lastError !== undefined && { lastError },
    };
  });
}

/** What remains of the upstreams of one that has ended. */
export function endedUpstreams(parts: readonly UpstreamView[]): UpstreamView[] {
  return parts.map(({ offers: _, ...view }) => ({
    ...view,
    health: "unknown",
    connections: 0,
    connecting: NEVER,
    answering: NEVER,
  }));
}

/** How gauges of one name and labels become one; those not named here are added up. */
const gauges: Readonly<Record<string, (...values: number[]) => number>> = {
  sluice_build_info: Math.max,
  sluice_start_time_seconds: Math.min,
};

/** What all meters say: those of the same name and labels together, in the order of the first. */
export function mergeFamilies(parts: readonly (readonly Family[])[]): Family[] {
  return grouped(parts.flat(), ({ name }) => name).map((families) => {
    const [first] = families;
    if (first.type === "histogram") {
      const samples = families.flatMap(({ samples }) => samples as readonly HistogramSample[]);
      return { ...first, samples: grouped(samples, labelsOf).map(mergeHistograms) };
    }
    const join = gauges[first.name] ?? ((...values) => sum(values, (value) => value));
    const samples = families.flatMap(({ samples }) => samples as readonly NumberSample[]);
    return {
      ...first,
      samples: grouped(samples, labelsOf).map((alike) => ({
        labels: alike[0].labels,
        value: join(...alike.map(({ value }) => value)),
      })),
    };
  });
}

/** What remains of the meters of one that has ended: what only grows may not fall. */
export function endedFamilies(families: readonly Family[]): Family[] {
  return families.filter(({ type }) => type !== "gauge");
}

function mergeHistograms(samples: readonly HistogramSample[]): HistogramSample {
  const [{ labels, buckets }] = samples;
  return {
    labels,
    buckets: buckets.map(({ bound }, place) => ({
      bound,
      count: sum(samples, (sample) => sample.buckets[place].count),
    })),
    count: sum(samples, ({ count }) => count),
    sum: sum(samples, (sample) => sample.sum),
  };
}

function labelsOf({ labels }: { readonly labels: Labels }): string {
  return JSON.stringify(labels);
}

/** Those of the same key together; keys in the order in which they come first. */
function grouped<T>(all: readonly T[], keyOf: (one: T) => string): (readonly [T, ...T[]])[] {
  const groups = new Map<string, [T, ...T[]]>();
  for (const one of all) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()];
}
