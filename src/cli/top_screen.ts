/**
 * What `sluice top` shows, as lines that fit a terminal.
 *
 * @module
 */

import { count, duration, durationOf, octets, rate } from "../admin/dashboard/client/words.ts";
import type { SessionsView } from "../admin/views.ts";
import {
  type HitterView,
  outcomes,
  type RuleView,
  type SessionView,
  type StatsView,
  type UpstreamView,
} from "../stats/views.ts";
import { beside, cut, table } from "./columns.ts";
import { escaped } from "./log_line.ts";

/** All that is shown. */
export interface Shown {
  /** Where it comes from. */
  readonly url: string;
  readonly stats: StatsView;
  readonly sessions: SessionsView;
  readonly rules: readonly RuleView[];
  readonly upstreams: readonly UpstreamView[];
  /** Why the numbers are old. */
  readonly trouble?: string;
}

/** Of a terminal, in characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** One line. */
export interface Line {
  readonly text: string;
  /** Stands over the lines below it. */
  readonly heading: boolean;
}

/** Lines that belong together, their heading first. */
type Block = readonly string[];

/** The screen: at most so many lines, none longer than so many columns. */
export function screen(shown: Shown, { columns, rows }: Size): Line[] {
  const fixed = [
    [cut(escaped(titleOf(shown)), columns)],
    ...numbers(shown.stats, columns),
    ends(shown.stats, columns),
  ];
  const lists = [
    sessions(shown, columns),
    tops(shown.stats, columns),
    rules(shown.rules, columns),
    upstreams(shown, columns),
  ];
  const left = rows - fixed.flat().length;
  const shares = share(left, lists.map(({ length }) => length));
  const blocks = [...fixed, ...lists.map((list, at) => list.slice(0, shares[at]))];
  return blocks.flatMap((block) => block.map((text, at) => ({ text, heading: at === 0 })))
    .slice(0, Math.max(rows, 0));
}

/** Gives each as much as it wants, and where that is too much, no one more than another. */
function share(rows: number, wants: readonly number[]): number[] {
  const given = wants.map(() => 0);
  for (let left = rows; left > 0;) {
    const wanting = wants.flatMap((want, at) => given[at] < want ? [at] : []).slice(0, left);
    if (wanting.length === 0) break;
    for (const at of wanting) given[at]++;
    left -= wanting.length;
  }
  return given;
}

function titleOf({ url, stats: { at, startedAt, draining }, trouble }: Shown): string {
  const time = `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  if (trouble !== undefined) return `Sluice  ${time}  ${trouble}`;
  const state = draining ? "DRAINING" : `up ${age(at - startedAt)}`;
  return `Sluice  ${time}  ${state}  ${url}`;
}

/** Columns in which two tables of numbers find room. */
const ROOMY = 78;

function numbers(stats: StatsView, columns: number): Block[] {
  return columns < ROOMY
    ? [flows(stats, columns), latencies(stats, columns)]
    : [beside(columns, (width) => flows(stats, width), (width) => latencies(stats, width))];
}

function flows({ sessions, transactions, octets: all, rates }: StatsView, width: number): Block {
  const mail = outcomes.reduce((sum, outcome) => sum + transactions[outcome], 0);
  return table(
    [
      { heading: "" },
      { heading: "OPEN", right: true },
      { heading: "A SECOND", right: true },
      { heading: "IN ALL", right: true },
    ],
    [
      ["sessions", count(sessions.open), rate(rates.sessions), count(sessions.total)],
      ["mail", "", rate(rates.transactions), count(mail)],
      ["octets", "", octets(rates.octets), octets(all)],
    ],
    width,
  );
}

function latencies({ latencies }: StatsView, width: number): Block {
  return table(
    [
      { heading: "LAST MINUTE" },
      { heading: "P50", right: true },
      { heading: "P99", right: true },
      { heading: "COUNT", right: true },
    ],
    (["command", "policy", "upstream"] as const).map((name) => {
      const { p50, p99, count: times } = latencies[name];
      return [name, durationOf(times, p50), durationOf(times, p99), count(times)];
    }),
    width,
  );
}

function ends({ transactions }: StatsView, width: number): Block {
  return table(
    outcomes.map((outcome) => ({ heading: outcome.toUpperCase(), right: true })),
    [outcomes.map((outcome) => count(transactions[outcome]))],
    width,
  );
}

function sessions({ stats: { at }, sessions: { sessions, total } }: Shown, width: number): Block {
  const row = (session: SessionView): string[] => [
    session.client,
    session.doing,
    age(at - session.activeAt),
    age(at - session.startedAt),
    count(session.transactions),
    session.listener,
    session.tls ?? "",
    [session.name ?? session.hello, ...session.login === undefined ? [] : [session.login]]
      .join(" as "),
  ];
  return table(
    [
      { heading: `SESSIONS ${count(total)}`, most: 39 },
      { heading: "DOES", most: 10 },
      { heading: "FOR", right: true },
      { heading: "OPEN", right: true },
      { heading: "MAIL", right: true },
      { heading: "LISTENER", most: 15 },
      { heading: "TLS", most: 7 },
      { heading: "WHO" },
    ],
    sessions.map(row),
    width,
  );
}

function tops({ top: { clients, senderDomains, recipientDomains } }: StatsView, width: number) {
  const list = (heading: string, hitters: readonly HitterView[]) => (width: number) =>
    table(
      [{ heading: "MAIL", right: true }, { heading }],
      hitters.map(({ key, count: times }) => [count(times), key || "<>"]),
      width,
    );
  return beside(
    width,
    list("CLIENTS", clients),
    list("SENDERS", senderDomains),
    list("RECIPIENTS", recipientDomains),
  );
}

function rules(rules: readonly RuleView[], width: number): Block {
  if (rules.length === 0) return [];
  const byHits = rules.toSorted((a, b) => b.hits - a.hits);
  return table(
    [
      { heading: "HITS", right: true },
      { heading: "ASKED", right: true },
      { heading: "EACH", right: true },
      { heading: "RULE" },
    ],
    byHits.map(({ name, hits, asked, spent }) => [
      count(hits),
      count(asked),
      durationOf(asked, spent / asked),
      name,
    ]),
    width,
  );
}

function upstreams({ stats: { at }, upstreams }: Shown, width: number): Block {
  const row = (upstream: UpstreamView): string[] => {
    const { health, connections, connected, failed, connecting, answering, lastError } = upstream;
    const where = health === "down" && lastError !== undefined
      ? `${upstream.name}, ${age(at - lastError.at)} ago: ${lastError.text}`
      : `${upstream.name} ${upstream.url}`;
    return [
      health,
      count(connections),
      count(connected),
      count(failed),
      durationOf(connecting.count, connecting.p99),
      durationOf(answering.count, answering.p99),
      where,
    ];
  };
  return table(
    [
      { heading: "HEALTH" },
      { heading: "OPEN", right: true },
      { heading: "IN ALL", right: true },
      { heading: "FAILED", right: true },
      { heading: "CONNECTS", right: true },
      { heading: "REPLIES", right: true },
      { heading: "UPSTREAM" },
    ],
    upstreams.map(row),
    width,
  );
}

/** In whole seconds. */
function age(milliseconds: number): string {
  return milliseconds < 500 ? "0 s" : duration(Math.round(milliseconds / 1000) * 1000);
}
