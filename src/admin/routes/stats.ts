/**
 * `api/stats`, `api/history`: what goes on as a whole.
 *
 * @module
 */

import { createRoute } from "@hono/zod-openapi";
import { needs } from "../access.ts";
import {
  type AdminContext,
  eventStream,
  json,
  live,
  refusals,
  routes,
  statsOf,
  strangers,
  tooMany,
} from "../context.ts";
import { history, historyQuery, stats } from "../schema.ts";
import { use } from "../source.ts";
import { LiveFeed } from "../sse.ts";

/** Milliseconds between two snapshots. */
const INTERVAL = 1_000;

const middleware = needs("reader");

const snapshot = createRoute({
  method: "get",
  path: "/api/stats",
  summary: "All at a glance.",
  middleware,
  responses: { ...strangers, 200: json(stats, "As it is now.") },
});

const stream = createRoute({
  method: "get",
  path: "/api/stats/stream",
  summary: "The same every second, as events `stats`.",
  middleware,
  responses: { ...strangers, ...tooMany, 200: eventStream(stats, "Events.") },
});

const past = createRoute({
  method: "get",
  path: "/api/history",
  summary: "The last five minutes, hour or day in equal steps.",
  middleware,
  request: { query: historyQuery },
  responses: { ...refusals, 200: json(history, "One number a step.") },
});

/** Makes them. */
export function statsRoutes(admin: AdminContext) {
  const { clock, viewers } = admin;
  const feed = new LiveFeed({
    clock,
    viewers,
    interval: INTERVAL,
    // A snapshot has no past: whoever comes again gets the present one. Its id is the same for all
    // who are told at the same time, so that it is made once for all of them.
    since: () =>
      use(statsOf(admin), (data) => ({
        id: Math.floor(clock.monotonic() / INTERVAL),
        event: "stats",
        data,
      })),
  });
  return routes()
    .openapi(snapshot, async (c) => c.json(await statsOf(admin), 200))
    .openapi(stream, (c) => live(c, () => feed.respond(c.req.header("last-event-id"))))
    .openapi(
      past,
      async (c) => c.json(await admin.source.history(c.req.valid("query").span), 200),
    );
}
