/**
 * `healthz`, `readyz`, `metrics`, `api/access`: what machines ask.
 *
 * @module
 */

import { createRoute, z } from "@hono/zod-openapi";
import { within } from "../../clock.ts";
import { contentTypeOf, expose, negotiate } from "../../stats/exposition.ts";
import { needs } from "../access.ts";
import { type AdminContext, json, routes, strangers } from "../context.ts";
import { access, health, readiness } from "../schema.ts";
import type { ReadinessView } from "../views.ts";

/** Milliseconds for an upstream to say what it offers. */
const PATIENCE = 5_000;
/** Milliseconds for which its answer is believed. */
const FRESH = 10_000;

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
      const found = await readinessOf(admin);
      return c.json(found, found.ready ? 200 : 503);
    })
    .openapi(
      accessRoute,
      (c) => c.json({ role: c.get("role") ?? null, tokens: admin.tokens }, 200),
    )
    .openapi(metricsRoute, (c) => {
      const { stats: { metrics }, viewers } = admin;
      // Other admins may have been made over the same statistics: before this one, or in vain.
      metrics.viewers.read(() => viewers.open);
      metrics.viewersDropped.add(viewers.dropped - told);
      told = viewers.dropped;
      const format = negotiate(c.req.header("accept") ?? null);
      return c.text(expose(metrics.meters.collect(), format), 200, {
        "content-type": contentTypeOf(format),
      });
    });
}

async function readinessOf({ proxy, clock }: AdminContext): Promise<ReadinessView> {
  const addresses = proxy.listening.length;
  const asked = [...proxy.upstreams].map(async ([name, upstream]) => {
    try {
      await within(clock, PATIENCE, `the upstream "${name}"`, upstream.offer(FRESH));
      return { good: true, found: `"${name}" answers` };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { good: false, found: `"${name}": ${why}` };
    }
  });
  const upstreams = await Promise.all(asked);
  const checks = {
    listening: { good: addresses > 0, found: `${addresses} listeners` },
    accepting: { good: !proxy.closing, found: proxy.closing ? "draining" : "taking sessions" },
    upstream: {
      good: upstreams.some(({ good }) => good),
      found: upstreams.map(({ found }) => found).join("; "),
    },
  };
  return { ready: Object.values(checks).every(({ good }) => good), checks };
}
