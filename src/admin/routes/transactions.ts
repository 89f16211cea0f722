/**
 * `api/transactions`: the last ones, one of them with all that is known, and new ones live.
 *
 * @module
 */

import { createRoute } from "@hono/zod-openapi";
import type { TransactionFilter } from "../../stats/transaction_log.ts";
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
import { quoted, refuse } from "../../http/errors.ts";
import {
  byId,
  filter,
  page,
  transactionBatch,
  transactionDetail,
  transactions,
} from "../schema.ts";
import { use } from "../source.ts";
import { LiveFeeds } from "../sse.ts";
import type { TransactionBatchView } from "../views.ts";

/** Milliseconds between two batches. */
const INTERVAL = 500;
/** Transactions of one batch: nobody reads more in that time. */
const BATCH = 20;

const middleware = needs("reader");

/** See `TransactionLog`. */
const description =
  "Of a burst only a part is remembered: 200 a second (a fifth of the room for the last ones), a " +
  "quarter of them at once, with all that was said in them, and as many more of those that were not " +
  "accepted, without dialogue and phases. Statistics and metrics count all.";

const list = createRoute({
  method: "get",
  path: "/api/transactions",
  summary: "The last mail transactions, the newest first, those that every filter lets through.",
  description,
  middleware,
  request: { query: page },
  responses: { ...refusals, 200: json(transactions, "A page of them.") },
});

const stream = createRoute({
  method: "get",
  path: "/api/transactions/stream",
  summary: "New ones live, as events `transactions`; Last-Event-ID goes on where it stopped.",
  description,
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
  const { source, clock, viewers } = admin;
  const feeds = new LiveFeeds({ clock, viewers, interval: INTERVAL });
  const since = (filter: TransactionFilter) => (after: number | undefined) =>
    use(source.news({ after, filter, limit: BATCH }), ({ last, transactions, skipped }) => {
      // Whoever comes new wants what happens from now on, and has to be told from where.
      const silent = after !== undefined && transactions.length === 0 && skipped === 0;
      const data: TransactionBatchView = { transactions, skipped };
      return silent ? { id: last } : { id: last, event: "transactions", data };
    });
  return routes()
    .openapi(list, async (c) => {
      const { before, limit, ...filter } = c.req.valid("query");
      const found = await source.transactions({ filter, limit: limit + 1, before });
      const page = found.slice(0, limit);
      const next = found.length > limit ? { next: page.at(-1)!.number } : {};
      return c.json({ transactions: page, ...next }, 200);
    })
    .openapi(stream, (c) => {
      const filter = c.req.valid("query");
      const key = JSON.stringify(Object.entries(filter).toSorted());
      return live(c, () => feeds.respond(key, since(filter), c.req.header("last-event-id")));
    })
    .openapi(one, async (c) => {
      const { id } = c.req.valid("param");
      const transaction = await source.transaction(id);
      if (transaction !== undefined) return c.json(transaction, 200);
      const why = `Cannot find a transaction with the id ${quoted(id)} among the last ones`;
      return refuse(c, 404, "not-found", why);
    });
}
