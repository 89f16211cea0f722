/**
 * `api/upstreams`, `api/reload`, `api/drain`.
 *
 * @module
 */

import { createRoute } from "@hono/zod-openapi";
import { needs } from "../access.ts";
import {
  type AdminContext,
  changes,
  errors,
  json,
  operator,
  routes,
  strangers,
} from "../context.ts";
import { refuse } from "../../http/errors.ts";
import { ReloadError } from "../options.ts";
import { drained, drainRequest, reloaded, upstreams } from "../schema.ts";

/** Milliseconds that transactions have to end. */
const DEADLINE = 30_000;

const list = createRoute({
  method: "get",
  path: "/api/upstreams",
  summary: "Upstreams: health, what they offer, connections, times, the last failure.",
  middleware: needs("reader"),
  responses: { ...strangers, 200: json(upstreams, "By name.") },
});

const reload = createRoute({
  method: "post",
  path: "/api/reload",
  summary: "Reads the configuration again and puts it in place: all of it or nothing.",
  middleware: operator,
  responses: {
    ...changes,
    ...errors([409, "There is no configuration to read, or no session to come."]),
    200: json(reloaded, "The next session has the new one."),
  },
});

const drain = createRoute({
  method: "post",
  path: "/api/drain",
  summary: "Takes no new sessions, lets transactions end, and answers when all is done.",
  middleware: operator,
  request: { body: { content: { "application/json": { schema: drainRequest } } } },
  responses: { ...changes, 200: json(drained, "No session is left.") },
});

/** Makes them. */
export function operationRoutes(admin: AdminContext) {
  const { source, clock } = admin;
  return routes()
    .openapi(list, async (c) => c.json({ upstreams: await source.upstreams() }, 200))
    .openapi(reload, async (c) => {
      if (admin.reload === undefined) {
        return refuse(c, 409, "not-reloadable", "Cannot reload: there is no configuration file");
      }
      if (source.closing) {
        return refuse(c, 409, "draining", "Cannot reload: no new sessions are taken");
      }
      admin.deeds.note({ action: "reload", role: c.get("role") });
      try {
        await admin.reload();
        return c.json({ reloaded: true as const }, 200);
      } catch (error) {
        if (!(error instanceof ReloadError)) throw error;
        const { message, mistakes } = error;
        return c.json({ error: { code: "configuration", message, mistakes: [...mistakes] } }, 422);
      }
    })
    .openapi(drain, async (c) => {
      const { deadline = DEADLINE } = c.req.valid("json") ?? {};
      const began = clock.monotonic();
      admin.deeds.note({ action: "drain", role: c.get("role") });
      await admin.drain(deadline);
      return c.json({ drained: true as const, took: clock.monotonic() - began }, 200);
    });
}
