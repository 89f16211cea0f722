/**
 * `api/upstreams`, `api/reload`, `api/drain`.
 *
 * @module
 */

import { createRoute } from "@hono/zod-openapi";
import { within } from "../../clock.ts";
import type { Upstream } from "../../session/upstream.ts";
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
import { refuse } from "../errors.ts";
import { ReloadError } from "../options.ts";
import { drained, drainRequest, reloaded, upstreams } from "../schema.ts";

/** Milliseconds for an upstream to say what it offers, if that is not known. */
const PATIENCE = 2_000;
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
  const { proxy, stats, clock } = admin;
  return routes()
    .openapi(list, async (c) => {
      const offers = await offersOf(proxy.upstreams, admin);
      return c.json({ upstreams: stats.upstreams.of(proxy.upstreams, offers) }, 200);
    })
    .openapi(reload, async (c) => {
      if (admin.reload === undefined) {
        return refuse(c, 409, "not-reloadable", "Cannot reload: there is no configuration file");
      }
      if (proxy.closing) {
        return refuse(c, 409, "draining", "Cannot reload: no new sessions are taken");
      }
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
      await admin.drain(deadline);
      return c.json({ drained: true as const, took: clock.monotonic() - began }, 200);
    });
}

/** What is known or can be found out at once. */
async function offersOf(
  upstreams: ReadonlyMap<string, Upstream>,
  { clock }: AdminContext,
): Promise<Map<string, readonly string[]>> {
  const asked = [...upstreams].map(async ([name, upstream]) => {
    try {
      const offer = upstream.offer();
      const { extensions } = await within(clock, PATIENCE, name, offer);
      return [[name, extensions.toLines()] as const];
    } catch {
      // Its health tells.
      return [];
    }
  });
  return new Map((await Promise.all(asked)).flat());
}
