/**
 * `healthz`, `readyz`, `metrics`, `api/access`: what machines ask.
 *
 * @module
 */

import { createRoute, z } from "@hono/zod-openapi";
import { contentTypeOf, expose, negotiate } from "../../stats/exposition.ts";
import { needs } from "../access.ts";
import { type AdminContext, json, routes, strangers } from "../context.ts";
import { access, health, readiness } from "../schema.ts";

const healthz = createRoute({
  method: "get",
  path: "/healthz",
  summary: "Whether the process lives.",
  responses: { ...strangers, 200: json(health, "It does.") },
});

const readyz = createRoute({
  method: "get",
  path: "/readyz",
  summary: "Whether mail can pass: it listens, is not draining, and an upstream can be reached.",
  middleware: needs("reader"),
  responses: {
    ...strangers,
    200: json(readiness, "It can."),
    503: json(readiness, "It cannot, and why."),
  },
});

const accessRoute = createRoute({
  method: "get",
  path: "/api/access",
  summary: "What may be done with the token that came along.",
  responses: { ...strangers, 200: json(access, "The role.") },
});

const metricsRoute = createRoute({
  method: "get",
  path: "/metrics",
  summary: "Everything that is counted, for Prometheus.",
  middleware: needs("reader"),
  responses: {
    ...strangers,
    200: {
      description: "OpenMetrics, if that is accepted, or the text format of Prometheus.",
      content: { "text/plain": { schema: z.string() } },
    },
  },
});

/** Makes them. */
export function healthRoutes(admin: AdminContext) {
  let told = 0;
  return routes()
    .openapi(healthz, (c) => c.json({ alive: true as const }, 200))
    .openapi(readyz, async (c) => {
      const found = await admin.source.readiness();
      return c.json(found, found.ready ? 200 : 503);
    })
    .openapi(
      accessRoute,
      (c) => c.json({ role: c.get("role") ?? null, tokens: admin.tokens }, 200),
    )
    .openapi(metricsRoute, async (c) => {
      const { open, dropped } = admin.viewers;
      const asked = admin.source.metrics({
        open,
        dropped: dropped - told,
        deeds: admin.deeds.take(),
      });
      told = dropped;
      const format = negotiate(c.req.header("accept") ?? null);
      return c.text(expose(await asked, format), 200, {
        "content-type": contentTypeOf(format),
      });
    });
}
