/**
 * Where an admin has from what it shows: what a proxy and its statistics know, put into the shapes of
 * the API.
 *
 * It is what is asked of one proxy in this thread, of one in another, and of several as if they were
 * one; so whatever goes in and comes out can be sent between threads, and any answer may take time.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Span } from "../stats/history.ts";
import type { AdminAction } from "../stats/metrics.ts";
import type { Family } from "../stats/meters.ts";
import type { TransactionFilter } from "../stats/transaction_log.ts";
import type {
  HistoryView,
  RuleView,
  SessionDetail,
  StatsView,
  TransactionDetail,
  TransactionView,
  UpstreamView,
} from "../stats/views.ts";
import type {
  DialogueView,
  ExplainRequest,
  ExplanationView,
  ReadinessView,
  SessionsView,
} from "./views.ts";

/** At once or later. */
export type Awaitable<T> = T | Promise<T>;

/** What is made of an answer: at once where it is there at once. */
export function use<T, U>(answer: Awaitable<T>, make: (answer: T) => U): Awaitable<U> {
  return answer instanceof Promise ? answer.then(make) : make(answer);
}

/** What is asked of all transactions. */
export interface TransactionsQuestion {
  readonly filter: TransactionFilter;
  /** How many are wanted at most. */
  readonly limit: number;
  /** Only those with a lower number. @default all */
  readonly before?: number;
}

/** What is asked of those that are new. */
export interface NewsQuestion {
  /** The number of the last one that is known; `undefined`: only where the present is. */
  readonly after: number | undefined;
  readonly filter: TransactionFilter;
  /** How many are wanted at most. */
  readonly limit: number;
  /** Only those with no higher number. @default all */
  readonly upto?: number;
}

/** What is new. */
export interface TransactionNews {
  /** The number of the last one of all. */
  readonly last: number;
  /** The newest first. */
  readonly transactions: readonly TransactionView[];
  /** How many more there were. */
  readonly skipped: number;
}

/** See the module. */
export interface AdminSource {
  /** Times the admin. */
  readonly clock: Clock;
  /** No new sessions are taken. */
  readonly closing: boolean;
  /** What goes on as a whole; who watches is the admin's own knowledge. */
  stats(): Awaitable<Omit<StatsView, "viewers">>;
  history(span: Span): Awaitable<HistoryView>;
  /** Everything that is counted. */
  metrics(counts: AdminCounts): Awaitable<readonly Family[]>;
  readiness(): Awaitable<ReadinessView>;
  /** The newest sessions, at most so many. */
  sessions(limit: number): Awaitable<SessionsView>;
  /** One that is open. */
  session(id: string): Awaitable<SessionDetail | undefined>;
  /** Tells what is said in an open one after the line of a number, and of its end. */
  follow(id: string): Awaitable<((number: number) => Awaitable<DialogueView>) | undefined>;
  /** @returns False where there is no such session. */
  disconnect(id: string): Awaitable<boolean>;
  /** The newest transactions, the newest first. */
  transactions(question: TransactionsQuestion): Awaitable<readonly TransactionView[]>;
  /** Those that have ended since. */
  news(question: NewsQuestion): Awaitable<TransactionNews>;
  transaction(id: string): Awaitable<TransactionDetail | undefined>;
  /** In the order in which they are asked. */
  rules(): Awaitable<readonly RuleView[]>;
  /** @throws {OptionError} Where the message cannot be. */
  explain(request: ExplainRequest): Promise<ExplanationView>;
  upstreams(): Awaitable<readonly UpstreamView[]>;
}

/** What an admin knows of itself. */
export interface AdminCounts {
  /** Who watches. */
  readonly open: number;
  /** Those dropped since this was asked last. */
  readonly dropped: number;
  /** What was done since then. */
  readonly deeds: ReadonlyMap<AdminAction, number>;
}
