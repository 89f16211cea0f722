/**
 * A client of the admin's API, for programs: one method for each path, with the shapes that the admin
 * answers in.
 *
 * @module
 */

import type { TransactionFilter } from "../stats/transaction_log.ts";
import type {
  HistoryView,
  SessionDetail,
  StatsView,
  TransactionDetail,
  UpstreamView,
} from "../stats/views.ts";
import {
  type AdminClientOptions,
  type CallOptions,
  type Query,
  type Question,
  Requests,
  type StreamOptions,
} from "./client_requests.ts";
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
} from "./views.ts";

export type { AdminClientOptions, CallOptions, StreamOptions, TransactionFilter };

/** Which page of the last transactions. */
export interface TransactionQuery extends TransactionFilter {
  /** Only those with a lower number: `next` of the page before. @default all */
  readonly before?: number;
  /** How many, 1 to 1000. @default 50 */
  readonly limit?: number;
}

/**
 * An admin elsewhere. Every call throws {@linkcode AdminError} where it gets no answer that it could
 * use, and the reason of its signal where it is given up.
 *
 * A live stream opens when the first value is asked for. A connection that is lost is opened again,
 * from where it stopped; the stream throws {@linkcode AdminError} where that would mend nothing.
 */
export interface AdminClient {
  /** What may be done with the token: `GET api/access`. */
  access(options?: CallOptions): Promise<AccessView>;
  /** Whether the process lives: `GET healthz`. */
  health(options?: CallOptions): Promise<HealthView>;
  /** Whether mail can pass, and why not: `GET readyz`. */
  readiness(options?: CallOptions): Promise<ReadinessView>;
  /** All metrics in the text format of Prometheus: `GET metrics`. */
  metrics(options?: CallOptions): Promise<string>;
  /** The description of the API in OpenAPI 3.1: `GET openapi.json`. */
  description(options?: CallOptions): Promise<Readonly<Record<string, unknown>>>;
  /** All at a glance: `GET api/stats`. */
  stats(options?: CallOptions): Promise<StatsView>;
  /** The same every second: `GET api/stats/stream`. */
  followStats(options?: StreamOptions): AsyncGenerator<StatsView>;
  /** The last five minutes, hour or day: `GET api/history`. @param span Default `5m`. */
  history(span?: "5m" | "1h" | "1d", options?: CallOptions): Promise<HistoryView>;
  /**
   * Open sessions, the newest first: `GET api/sessions`.
   *
   * @param limit How many, 1 to 1000. Default 100.
   */
  sessions(limit?: number, options?: CallOptions): Promise<SessionsView>;
  /** One session with its dialogue so far: `GET api/sessions/{id}`. */
  session(id: string, options?: CallOptions): Promise<SessionDetail>;
  /**
   * What has been said in a session and is being said, to its end: `GET api/sessions/{id}/stream`.
   *
   * The last value has `ended`; if the connection is lost just before it, the stream throws
   * {@linkcode AdminError} with the code `not-found`.
   */
  followSession(id: string, options?: StreamOptions): AsyncGenerator<DialogueView>;
  /** Disconnects the client with 421: `DELETE api/sessions/{id}`. */
  disconnect(id: string, options?: CallOptions): Promise<void>;
  /** The last transactions, the newest first: `GET api/transactions`. @param query Default all. */
  transactions(query?: TransactionQuery, options?: CallOptions): Promise<TransactionsView>;
  /** One transaction with all that is known: `GET api/transactions/{id}`. */
  transaction(id: string, options?: CallOptions): Promise<TransactionDetail>;
  /** New transactions as they end: `GET api/transactions/stream`. @param filter Default all. */
  followTransactions(
    filter?: TransactionFilter,
    options?: StreamOptions,
  ): AsyncGenerator<TransactionBatchView>;
  /** Rules and checks with their hits: `GET api/policy`. */
  policy(options?: CallOptions): Promise<PolicyView>;
  /** What the policy would do with a message, without effect: `POST api/policy/explain`. */
  explain(message: ExplainRequest, options?: CallOptions): Promise<ExplanationView>;
  /** Upstreams by name, and how they do: `GET api/upstreams`. */
  upstreams(options?: CallOptions): Promise<readonly UpstreamView[]>;
  /** Reads the configuration again, all of it or nothing: `POST api/reload`. */
  reload(options?: CallOptions): Promise<void>;
  /**
   * Takes no new sessions, and answers when the last one has ended: `POST api/drain`.
   *
   * @param deadline Milliseconds after which what is left is cut off. Default 30,000.
   */
  drain(deadline?: number, options?: CallOptions): Promise<DrainView>;
}

/**
 * Makes a client of the admin at a URL. It connects when it is asked something.
 *
 * @example What an operator can do, a program can
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createProxy } from "@sluice/sluice";
 * import { adminClient, createAdmin } from "@sluice/sluice/admin";
 *
 * const admin = createAdmin(createProxy());
 * const client = adminClient("http://localhost:8025/", { fetch: admin.fetch });
 * const { draining, sessions } = await client.stats();
 * assertEquals([draining, sessions.open], [false, 0]);
 * admin.close();
 * ```
 *
 * @param url Where the admin is, as its dashboard in a browser.
 * @throws {OptionError} For a URL or a token that cannot be used.
 */
export function adminClient(url: string | URL, options: AdminClientOptions = {}): AdminClient {
  const requests = new Requests(url, options);
  const get = <Answer>(path: string, options?: CallOptions, query?: Query): Promise<Answer> =>
    requests.json({ method: "GET", path, query }, options);
  const change = <Answer>(
    method: Question["method"],
    path: string,
    body?: object,
    options?: CallOptions,
  ): Promise<Answer> => requests.json({ method, path, body }, options);
  return {
    access: (options) => get("api/access", options),
    health: (options) => get("healthz", options),
    readiness: (options) =>
      requests.json({ method: "GET", path: "readyz", answers: [200, 503] }, options),
    metrics: (options) => requests.text({ method: "GET", path: "metrics" }, options),
    description: (options) => get("openapi.json", options),
    stats: (options) => get("api/stats", options),
    followStats: (options = {}) => requests.follow("api/stats/stream", {}, "stats", options),
    history: (span, options) => get("api/history", options, { span }),
    sessions: (limit, options) => get("api/sessions", options, { limit }),
    session: (id, options) => get(`api/sessions/${encodeURIComponent(id)}`, options),
    followSession: (id, options) => dialogueOf(requests, id, options),
    disconnect: async (id, options) => {
      await change("DELETE", `api/sessions/${encodeURIComponent(id)}`, undefined, options);
    },
    transactions: (query, options) => get("api/transactions", options, { ...query }),
    transaction: (id, options) => get(`api/transactions/${encodeURIComponent(id)}`, options),
    followTransactions: (filter, options = {}) =>
      requests.follow("api/transactions/stream", { ...filter }, "transactions", options),
    policy: (options) => get("api/policy", options),
    explain: (message, options) => change("POST", "api/policy/explain", message, options),
    upstreams: async (options) =>
      (await get<{ upstreams: readonly UpstreamView[] }>("api/upstreams", options)).upstreams,
    reload: async (options) => {
      await change("POST", "api/reload", undefined, options);
    },
    drain: (deadline, options) => change("POST", "api/drain", { deadline }, options),
  };
}

/** The stream of a session ends with it, and is not to be opened again then. */
async function* dialogueOf(
  requests: Requests,
  id: string,
  options: StreamOptions = {},
): AsyncGenerator<DialogueView> {
  const path = `api/sessions/${encodeURIComponent(id)}/stream`;
  for await (const view of requests.follow<DialogueView>(path, {}, "dialogue", options)) {
    yield view;
    if (view.ended) return;
  }
}
