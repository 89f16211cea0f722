/**
 * The admin: what a proxy is doing, live, over HTTP, and what an operator can do about it. And its
 * client.
 *
 * @example A proxy, its admin, and a program that looks
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createProxy } from "@sluice/sluice";
 * import { adminClient, createAdmin } from "@sluice/sluice/admin";
 *
 * const token = "sixteen-characters-or-more";
 * const admin = createAdmin(createProxy(), { tokens: { reader: [token] } });
 * // Over a network: `Deno.serve({ port: 8025 }, admin.fetch)`, and no option `fetch`.
 * const client = adminClient("http://localhost:8025/", { token, fetch: admin.fetch });
 * assertEquals(await client.access(), { role: "reader", tokens: true });
 * admin.close();
 * ```
 *
 * @module
 */

export { type Admin, createAdmin } from "./admin.ts";
export type { AdminAction, AdminDeed } from "./deeds.ts";
export { type AdminOptions, ReloadError } from "./options.ts";
export type { Role, TokenOptions } from "./access.ts";
export { AdminError } from "./admin_error.ts";
export {
  type AdminClient,
  adminClient,
  type AdminClientOptions,
  type CallOptions,
  type StreamOptions,
  type TransactionFilter,
  type TransactionQuery,
} from "./client.ts";
export type {
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
export {
  type DialogueLine,
  type HistoryView,
  type HitterView,
  type LatencyView,
  type Outcome,
  outcomes,
  type PhaseView,
  type RecipientView,
  type RuleView,
  type SessionDetail,
  type SessionView,
  type StatsView,
  type StepView,
  type TransactionDetail,
  type TransactionView,
  type UpstreamView,
} from "../stats/views.ts";
