/**
 * The API's shapes as schemas: what comes in is checked by them, and `/openapi.json` describes what
 * goes out by them. The compiler holds them to the types in `views.ts`.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import type {
  DialogueLine,
  HistoryView,
  RuleView,
  SessionDetail,
  SessionView,
  StatsView,
  StepView,
  TransactionDetail,
  TransactionView,
  UpstreamView,
} from "../stats/views.ts";
import type {
  AccessView,
  DialogueView,
  DrainView,
  ExplainRequest,
  ExplanationView,
  HealthView,
  PolicyView,
  ReadinessView,
  SessionsView,
  TransactionBatchView,
  TransactionsView,
  UpstreamsView,
} from "./views.ts";

/** A schema of exactly that type. */
type Of<T> = z.ZodType<T>;

const time = z.number().describe("Milliseconds since 1970.");
const milliseconds = z.number().describe("Milliseconds, with fractions.");
const count = z.number().int().nonnegative();
const text = z.string();

const outcome = z.enum([
  ...["accepted", "discarded", "quarantined", "rejected", "deferred"] as const,
  ...["abandoned", "broken"] as const,
]);

const byOutcome = <T extends z.ZodType>(value: T) =>
  z.object({
    accepted: value,
    discarded: value,
    quarantined: value,
    rejected: value,
    deferred: value,
    abandoned: value,
    broken: value,
  });

const line: Of<DialogueLine> = z.object({
  number: count,
  at: time,
  from: z.enum(["client", "server", "note"]),
  text,
  took: milliseconds.optional(),
});

const sessionShape = {
  id: text,
  startedAt: time,
  listener: text,
  client: text.describe("IP address."),
  name: text.optional(),
  hello: text,
  tls: text.optional(),
  login: text.optional(),
  doing: text.describe("The last verb."),
  activeAt: time,
  transactions: count,
  transaction: text.optional(),
};

const session: Of<SessionView> = z.object(sessionShape);

/** One session. */
export const sessionDetail: Of<SessionDetail> = z
  .object({ ...sessionShape, dialogue: z.array(line) }).openapi("Session");

/** Open sessions. */
export const sessions: Of<SessionsView> = z
  .object({ sessions: z.array(session), total: count }).openapi("Sessions");

/** What has been said. */
export const dialogue: Of<DialogueView> = z
  .object({ lines: z.array(line), ended: z.boolean() }).openapi("Dialogue");

const recipient = z.object({ address: text, reply: text.optional() });

const transactionShape = {
  number: count,
  id: text,
  session: text,
  startedAt: time,
  took: milliseconds,
  listener: text,
  client: text,
  name: text.optional(),
  hello: text,
  tls: text.optional(),
  login: text.optional(),
  from: text,
  to: z.array(recipient),
  octets: count,
  outcome,
  refusedAt: z.enum(["mail", "rcpt", "data", "message"]).optional(),
  keptAs: text.optional(),
  reply: text.optional(),
  rule: text.optional(),
  upstream: text.optional(),
};

const transaction: Of<TransactionView> = z.object(transactionShape);

const step: Of<StepView> = z.object({ check: text, verdict: text, took: milliseconds });

/** One transaction. */
export const transactionDetail: Of<TransactionDetail> = z.object({
  ...transactionShape,
  currentFrom: text,
  currentTo: z.array(recipient),
  phases: z.array(z.object({
    kind: z.enum(["policy", "upstream"]),
    name: text,
    at: milliseconds,
    took: milliseconds,
    result: text,
    steps: z.array(step),
  })),
  dialogue: z.array(line),
}).openapi("Transaction");

/** Ended transactions. */
export const transactions: Of<TransactionsView> = z
  .object({ transactions: z.array(transaction), next: count.optional() }).openapi("Transactions");

/** New ones. */
export const transactionBatch: Of<TransactionBatchView> = z
  .object({ transactions: z.array(transaction), skipped: count }).openapi("TransactionBatch");

const latency = z.object({ p50: milliseconds, p99: milliseconds, count });

const hitters = z.array(z.object({
  key: text.describe("An address or a domain; empty for none."),
  count: z.number().describe("Of transactions, halved each hour; never below the true number."),
  error: z.number().describe("By how much `count` may be too high."),
}));

/** All at a glance. */
export const stats: Of<StatsView> = z.object({
  at: time,
  startedAt: time,
  draining: z.boolean(),
  sessions: z.object({ open: count, total: count }),
  transactions: byOutcome(count),
  octets: count,
  rates: z.object({ sessions: z.number(), transactions: z.number(), octets: z.number() }),
  latencies: z.object({ command: latency, policy: latency, upstream: latency }),
  top: z.object({ clients: hitters, senderDomains: hitters, recipientDomains: hitters })
    .describe("The most frequent of the last hours. All counts are halved each hour: no totals."),
  viewers: z.object({ open: count, dropped: count }),
}).openapi("Stats");

const series = z.array(z.number());

/** The past. */
export const history: Of<HistoryView> = z.object({
  from: time,
  step: milliseconds,
  series: z.object({
    transactions: byOutcome(series),
    octets: series,
    sessions: series,
    upstreamP99: series,
    policyP99: series,
  }),
}).openapi("History");

const rule: Of<RuleView> = z.object({
  name: text,
  phases: z.array(text),
  asked: count,
  hits: count,
  spent: milliseconds,
});

/** Rules and what can be done with them. */
export const policy: Of<PolicyView> = z
  .object({ rules: z.array(rule), explainable: z.boolean(), reloadable: z.boolean() })
  .openapi("Policy");

/** A message that might come. */
export const explainRequest: Of<ExplainRequest> = z.strictObject({
  client: z.union([z.ipv4(), z.ipv6()], { error: "an IP address" }),
  name: text.max(255).optional(),
  hello: text.max(1000).optional(),
  tls: z.enum(["1.2", "1.3"]).optional(),
  login: text.max(255).optional(),
  listener: text.max(255).optional(),
  from: text.max(1000),
  to: z.array(text.max(1000)).min(1).max(100),
  size: count.optional(),
  message: text.max(1_000_000).optional(),
}).openapi("ExplainRequest");

/** What the policy would do. */
export const explanation: Of<ExplanationView> = z.object({
  outcome: z.enum(["accepted", "discarded", "quarantined", "refused"]),
  phases: z.array(z.object({
    phase: text,
    about: text,
    result: text,
    reply: text.optional(),
    steps: z.array(step),
    failures: z.array(text),
  })),
  envelope: z.object({ from: text, to: z.array(text) }),
  upstream: text.optional(),
}).openapi("Explanation");

const upstream: Of<UpstreamView> = z.object({
  name: text,
  url: text,
  health: z.enum(["up", "down", "unknown"]),
  offers: z.array(text).optional(),
  connections: z.number().int(),
  connected: count,
  failed: count,
  connecting: latency,
  answering: latency,
  lastError: z.object({ at: time, text }).optional(),
});

/** All upstreams. */
export const upstreams: Of<UpstreamsView> = z
  .object({ upstreams: z.array(upstream) }).openapi("Upstreams");

/** What the viewer may do. */
export const access: Of<AccessView> = z
  .object({ role: z.enum(["reader", "operator"]).nullable(), tokens: z.boolean() })
  .openapi("Access");

/** It is alive. */
export const health: Of<HealthView> = z.object({ alive: z.literal(true) }).openapi("Health");

const found = z.object({ good: z.boolean(), found: text });

/** Whether it is ready, and why not. */
export const readiness: Of<ReadinessView> = z.object({
  ready: z.boolean(),
  checks: z.object({ listening: found, accepting: found, upstream: found }),
}).openapi("Readiness");

/** All sessions have ended. */
export const drained: Of<DrainView> = z
  .object({ drained: z.literal(true), took: milliseconds }).openapi("Drained");

/** The body of `POST api/drain`. */
export const drainRequest = z.strictObject({
  deadline: count.max(3_600_000).optional()
    .describe("Milliseconds after which what is left is cut off. Default 30000."),
}).openapi("DrainRequest");

/** The session is being ended. */
export const disconnected = z.object({ disconnected: z.literal(true) }).openapi("Disconnected");

/** The configuration has been replaced. */
export const reloaded = z.object({ reloaded: z.literal(true) }).openapi("Reloaded");

/** Every answer of 400 and above. */
export const failure = z.object({
  error: z.object({
    code: text,
    message: text,
    mistakes: z.array(text).optional().describe("Of a configuration, one each."),
  }),
}).openapi("Error");

const part = text.min(1).max(255).optional();

/** Which transactions. */
export const filter = z.strictObject({
  address: part.describe("Stands in the sender or a recipient."),
  client: part.describe("Stands in the client's address, names or login."),
  outcome: outcome.optional(),
  rule: part.describe("A rule or check that has said something."),
  reply: part.describe("Stands in a reply."),
});

/** A number in a query: digits and nothing else. */
const whole = (min: number, max: number) =>
  z.string().regex(/^[0-9]{1,15}$/, "a whole number")
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .openapi({ type: "integer", minimum: min, maximum: max });

const limit = (standard: number) => whole(1, 1000).default(standard).openapi({ default: standard });

/** Which page of them. */
export const page = filter.extend({
  before: whole(1, Number.MAX_SAFE_INTEGER).optional()
    .describe("Only those with a lower number."),
  limit: limit(50),
});

/** How many sessions. */
export const sessionsQuery = z.strictObject({ limit: limit(100) });

/** Which past. */
export const historyQuery = z.strictObject({ span: z.enum(["5m", "1h", "1d"]).default("5m") });

/** Which session or transaction. */
export const byId = z.object({ id: text.min(1).max(100) });
