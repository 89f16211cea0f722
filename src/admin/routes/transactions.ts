/**
 * `api/transactions`: the last ones, one of them with all that is known, and new ones live.
 *
 * @module
 */

import { createRoute } from "@hono/zod-openapi";
import { type TransactionFilter, viewsOf } from "../../stats/transaction_log.ts";
import { detailOf } from "../../stats/transaction_record.ts";
import { needs } from "../access.ts";
import {
  type AdminContext,
  eventStream,
  json,
  live,
  notFound,
  refusals,
  routes,
  tooMany,
} from "../context.ts";
import { quoted, refuse } from "../errors.ts";
import {
  byId,
  filter,
  page,
  transactionBatch,
  transactionDetail,
  transactions,
} from "../schema.ts";
import { LiveFeeds } from "../sse.ts";
import type { TransactionBatchView } from "../views.ts";

/** Milliseconds between two batches. */
const INTERVAL = 500;
/** Transactions of one batch: nobody reads more in that time. */
const BATCH = 20;

const middleware = needs("reader");

const list = createRoute({
  method: "get",
  path: "/api/transactions",
  summary: "The last mail transactions, the newest first, those that every filter lets through.",
  middleware,
  request: { query: page },
  responses: { ...refusals, 200: json(transactions, "A page of them.") },
});

const stream = createRoute({
  method: "get",
  path: "/api/transactions/stream",
  summary: "New ones live, as events `transactions`; Last-Event-ID goes on where it stopped.",
  middleware,
  request: { query: filter },
  responses: { ...refusals, ...tooMany, 200: eventStream(transactionBatch, "Events.") },
});

const one = createRoute({
  method: "get",
  path: "/api/transactions/{id}",
  summary: "One transaction with every phase, verdict, timing and the dialogue.",
  middleware,
  request: { params: byId },
  responses: { ...refusals, ...notFound, 200: json(transactionDetail, "The transaction.") },
});

/** Makes them. */
export function transactionRoutes(admin: AdminContext) {
  const { stats: { transactions: log }, pen, clock, viewers } = admin;
  const feeds = new LiveFeeds({ clock, viewers, interval: INTERVAL });
  const since = (filter: TransactionFilter) => (last: number | undefined) => {
    const event = "transactions";
    if (last === undefined) {
      // Whoever comes new wants what happens from now on, and has to be told from where.
      const data: TransactionBatchView = { transactions: [], skipped: 0 };
      return { id: log.last, event, data };
    }
    // A number that is still to come is one from before a restart: everything since then is new.
    const after = last > log.last ? 0 : last;
    const { records, skipped } = log.since(after, filter, BATCH);
    if (records.length === 0 && skipped === 0) return { id: log.last };
    const data: TransactionBatchView = { transactions: viewsOf(records, pen), skipped };
    return { id: log.last, event, data };
  };
  return routes()
    .openapi(list, (c) => {
      const { before, limit, ...filter } = c.req.valid("query");
      const records = log.find(filter, limit + 1, before);
      const more = records.length > limit;
      if (more) records.pop();
      const next = more ? { next: records.at(-1)!.number } : {};
      return c.json({ transactions: viewsOf(records, pen), ...next }, 200);
    })
    .openapi(stream, (c) => {
      const filter = c.req.valid("query");
      const key = JSON.stringify(Object.entries(filter).toSorted());
      return live(c, () => feeds.respond(key, since(filter), c.req.header("last-event-id")));
    })
    .openapi(one, (c) => {
      const { id } = c.req.valid("param");
      const record = log.get(id);
      if (record !== undefined) return c.json(detailOf(record, pen), 200);
      const why = `Cannot find a transaction with the id ${quoted(id)} among the last ones`;
      return refuse(c, 404, "not-found", why);
    });
}
