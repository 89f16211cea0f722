/**
 * Made-up numbers, sessions and upstreams in the shapes of the API.
 *
 * @module
 */

import type { ExplainRequest, ExplanationView } from "../../../src/admin/views.ts";
import type {
  DialogueLine,
  HistoryView,
  Outcome,
  RuleView,
  SessionDetail,
  StatsView,
  UpstreamView,
} from "../../../src/stats/views.ts";
import { clients, hostile, kinds, perSecond, refusals, shares } from "./_transactions.ts";

/** A number that goes up and down over time, around 1. */
const wave = (at: number, period: number) =>
  1 + 0.18 * Math.sin(at / period) + 0.09 * Math.sin(at / period * 3.7 + 1);

/** The past up to now. */
export function history(span: string, now: number): HistoryView {
  const [step, length] = span === "1d"
    ? [300_000, 288]
    : span === "1h"
    ? [10_000, 360]
    : [1_000, 300];
  const from = Math.floor(now / step) * step - step * length;
  const times = Array.from({ length }, (_, place) => from + place * step);
  const each = (period: number, scale: number) =>
    times.map((at) => Math.round(wave(at, period * step) * scale * 100) / 100);
  const transactions = Object.fromEntries(kinds.map((kind, place) => [
    kind,
    times.map((at, minute) => {
      const burst = kind === "deferred" && minute > length * 0.7 && minute < length * 0.78 ? 9 : 1;
      return Math.round(
        wave(at, (23 + place) * step) * shares[kind] * perSecond * step / 1000 * burst,
      );
    }),
  ])) as Record<Outcome, number[]>;
  return {
    from,
    step,
    series: {
      transactions,
      octets: each(23, perSecond * 0.71 * 46_000 * step / 1000),
      sessions: each(31, 1_240).map(Math.round),
      upstreamP99: each(17, 140),
      policyP99: each(13, 36).map((value, minute) => minute % 97 === 0 ? 0 : value),
    },
  };
}

/** A snapshot. */
export function stats(
  now: number,
  startedAt: number,
  draining: boolean,
  viewers: number,
): StatsView {
  const lasted = now - startedAt;
  const total = (share: number) => Math.floor(lasted / 1000 * perSecond * share);
  const hits = (keys: readonly string[]) =>
    keys.map((key, place) => ({ key, count: total(0.2) >> place, error: place * 12 }));
  return {
    at: now,
    startedAt,
    draining,
    sessions: { open: Math.round(wave(now, 9_000) * 1_240), total: total(0.4) },
    transactions: {
      accepted: total(shares.accepted),
      discarded: total(shares.discarded),
      quarantined: total(shares.quarantined),
      rejected: total(shares.rejected),
      deferred: total(shares.deferred),
      abandoned: total(shares.abandoned),
      broken: total(shares.broken),
    },
    octets: total(0.71) * 46_000,
    rates: {
      sessions: wave(now, 7_000) * perSecond * 0.4,
      transactions: wave(now, 5_000) * perSecond,
      octets: wave(now, 6_000) * perSecond * 0.71 * 46_000,
    },
    latencies: {
      command: { p50: 1.2, p99: 22, count: 900_000 },
      policy: { p50: 2.4, p99: 36 * wave(now, 4_000), count: 600_000 },
      upstream: { p50: 48, p99: 140 * wave(now, 4_500), count: 210_000 },
    },
    top: {
      clients: hits(clients.map(([client]) => client)),
      senderDomains: hits([
        "bulk.example",
        "partner.example",
        "",
        "news.example",
        hostile.reversed,
      ]),
      recipientDomains: hits(["mx.example", "shop.mx.example", "lists.mx.example"]),
    },
    viewers: { open: viewers, dropped: 2 },
  };
}

/** A policy of which one rule is never asked. */
export const rules: readonly RuleView[] = [
  { name: "networks", phases: ["connect"], asked: 8_120_332, hits: 4_211, spent: 9_120 },
  { name: "blocklist", phases: ["rcpt"], asked: 19_774_120, hits: 3_120_552, spent: 41_204_000 },
  { name: "spf", phases: ["mail"], asked: 20_441_002, hits: 610_220, spent: 18_120_441 },
  { name: "greylist", phases: ["rcpt"], asked: 16_653_568, hits: 771_140, spent: 2_204_771 },
  {
    name: "no-executables",
    phases: ["content"],
    asked: 14_120_700,
    hits: 18_220,
    spent: 7_441_900,
  },
  { name: "old-addresses", phases: ["rcpt"], asked: 402_118, hits: 402_118, spent: 811 },
  { name: "quarantine", phases: ["headers", "content"], asked: 0, hits: 0, spent: 0 },
];

/** One that is up, one that is down, one that nobody has asked. */
export function upstreams(now: number): UpstreamView[] {
  const offers = [
    "PIPELINING",
    "SIZE 52428800",
    "STARTTLS",
    "ENHANCEDSTATUSCODES",
    "8BITMIME",
    "CHUNKING",
  ];
  const none = { p50: 0, p99: 0, count: 0 };
  return [
    {
      name: "default",
      url: "smtp://10.0.0.25:25",
      health: "up",
      offers,
      connections: 212,
      connected: 88_120,
      failed: 14,
      connecting: { p50: 3.1, p99: 14.5, count: 1_204 },
      answering: { p50: 48, p99: 141, count: 210_400 },
      lastError: { at: now - 5_400_000, text: "Cannot read a reply: the connection was closed" },
    },
    {
      name: "archive",
      url: "smtp://archive.example:25?tls=verify",
      health: "down",
      connections: 0,
      connected: 1_204,
      failed: 388,
      connecting: none,
      answering: none,
      lastError: { at: now - 4_000, text: "Cannot connect to 10.0.9.4:25: connection refused" },
    },
    {
      name: "partners",
      url: "smtp://partners.example?tls=verify",
      health: "unknown",
      connections: 0,
      connected: 0,
      failed: 0,
      connecting: none,
      answering: none,
    },
  ];
}

/** The session of that place. */
export function session(place: number, now: number): SessionDetail {
  const [client, name, hello] = clients[place % clients.length];
  const startedAt = now - 3_000 - place * place * 170;
  const verbs = ["RCPT", "DATA", "", "EHLO", "MAIL", "NOOP"];
  const said: [DialogueLine["from"], string][] = [
    ["server", "220 mx.example ESMTP Sluice"],
    ["client", `EHLO ${hello}`],
    ["server", "250-mx.example greets you\n250-PIPELINING\n250-SIZE 52428800\n250 STARTTLS"],
    ["client", "AUTH PLAIN [redacted]"],
    ["server", "235 2.7.0 Authentication successful"],
  ];
  return {
    id: `s${place}`,
    startedAt,
    listener: "smtp",
    client,
    name,
    hello: place % 6 === 2 ? "" : hello,
    tls: place % 3 === 0 ? undefined : "TLSv1.3",
    login: place % 5 === 0 ? "anna.berg@mx.example" : undefined,
    doing: verbs[place % verbs.length],
    activeAt: now - place * 40,
    transactions: place * 3 % 7,
    transaction: place % 6 < 2 ? `t${place}` : undefined,
    dialogue: said.map(([from, text], place) => ({
      number: place + 1,
      at: startedAt + place * 40,
      from,
      text,
    })),
  };
}

/** A dry run; 203.0.113.9 is refused. */
export function explanation({ client, from, to, hello }: ExplainRequest): ExplanationView {
  const refused = client === "203.0.113.9";
  const reply = refused ? refusals.rejected[0][2] : undefined;
  const calm = { result: "proceeds", failures: [] };
  const networks = { check: "networks", verdict: "proceeds", took: 0.02 };
  const spf = { check: "spf", verdict: "none", took: 8.1 };
  const blocklist = {
    check: "blocklist",
    verdict: refused ? "refused 554 5.7.1" : "proceeds",
    took: 17.4,
  };
  return {
    outcome: refused ? "refused" : "accepted",
    phases: [
      { ...calm, phase: "connect", about: client, steps: [networks] },
      { ...calm, phase: "ehlo", about: hello ?? "", steps: [] },
      {
        ...calm,
        phase: "mail",
        about: from,
        steps: [spf],
        failures: ["spf: no answer within 5 s"],
      },
      {
        ...calm,
        phase: "rcpt",
        about: to[0],
        result: refused ? "refused" : "proceeds",
        reply,
        steps: [blocklist],
      },
    ],
    envelope: { from, to: refused ? [] : to },
    upstream: refused ? undefined : "default",
  };
}
