/**
 * `api/sessions`: who is connected, what is being said, and an end to it.
 *
 * @module
 */

import { createRoute } from "@hono/zod-openapi";
import { needs } from "../access.ts";
import {
  type AdminContext,
  changes,
  eventStream,
  json,
  live,
  notFound,
  operator,
  refusals,
  routes,
  tooMany,
} from "../context.ts";
import { quoted, refuse } from "../../http/errors.ts";
import { byId, dialogue, disconnected, sessionDetail, sessions, sessionsQuery } from "../schema.ts";
import { use } from "../source.ts";
import { LiveFeeds } from "../sse.ts";

/** Milliseconds between two looks at a dialogue. */
const INTERVAL = 250;

const reader = needs("reader");

const list = createRoute({
  method: "get",
  path: "/api/sessions",
  summary: "Open sessions, the newest first.",
  middleware: reader,
  request: { query: sessionsQuery },
  responses: { ...refusals, 200: json(sessions, "The newest, and how many there are.") },
});

const one = createRoute({
  method: "get",
  path: "/api/sessions/{id}",
  summary: "One session with its dialogue so far.",
  middleware: reader,
  request: { params: byId },
  responses: { ...refusals, ...notFound, 200: json(sessionDetail, "The session.") },
});

const stream = createRoute({
  method: "get",
  path: "/api/sessions/{id}/stream",
  summary: "The dialogue live, as events `dialogue`; the stream ends with the session.",
  middleware: reader,
  request: { params: byId },
  responses: { ...refusals, ...notFound, ...tooMany, 200: eventStream(dialogue, "Events.") },
});

const end = createRoute({
  method: "delete",
  path: "/api/sessions/{id}",
  summary: "Disconnects the client with 421.",
  middleware: operator,
  request: { params: byId },
  responses: { ...changes, ...notFound, 200: json(disconnected, "It is being told.") },
});

/** Makes them. */
export function sessionRoutes(admin: AdminContext) {
  const { source, clock, viewers } = admin;
  const feeds = new LiveFeeds({ clock, viewers, interval: INTERVAL });
  const none = (id: string) =>
    ["not-found", `Cannot find an open session with the id ${quoted(id)}`] as const;
  return routes()
    .openapi(list, async (c) => c.json(await source.sessions(c.req.valid("query").limit), 200))
    .openapi(one, async (c) => {
      const { id } = c.req.valid("param");
      const session = await source.session(id);
      return session === undefined ? refuse(c, 404, ...none(id)) : c.json(session, 200);
    })
    .openapi(stream, async (c) => {
      const { id } = c.req.valid("param");
      const saidAfter = await source.follow(id);
      if (saidAfter === undefined) return refuse(c, 404, ...none(id));
      const since = (last = 0) =>
        use(saidAfter(last), (data) => {
          const { lines, ended } = data;
          if (lines.length === 0 && !ended) return { id: last };
          return { id: lines.at(-1)?.number ?? last, event: "dialogue", data, last: ended };
        });
      return live(c, () => feeds.respond(id, since, c.req.header("last-event-id")));
    })
    .openapi(end, async (c) => {
      const { id } = c.req.valid("param");
      if (!await source.disconnect(id)) return refuse(c, 404, ...none(id));
      admin.deeds.note({ action: "disconnect", id, role: c.get("role") });
      return c.json({ disconnected: true as const }, 200);
    });
}
