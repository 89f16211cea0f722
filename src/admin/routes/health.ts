/**
 * `healthz`, `readyz`, `metrics`, `api/access`: what machines ask.
 *
 * @module
 */

import { createRoute } from "@hono/zod-openapi";
import { within } from "../../clock.ts";
import { contentTypeOf, expose, negotiate } from "../../stats/exposition.ts";
import { needs } from "../access.ts";
import { type AdminContext, json, refusals, routes } from "../context.ts";
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
  responses: { 200: json(health, "It does.") },
});

const readyz = createRoute({
  method: "get",
  path: "/readyz",
  summary: "Whether mail can pass: it listens, is not draining, and an upstream can be reached.",
  middleware: needs("reader"),
  responses: {
    ...refusals,
    200: json(readiness, "It can."),
    503: json(readiness, "It cannot, and why."),
  },
});

const accessRoute = createRoute({
  method: "get",
  path: "/api/access",
  summary: "What may be done with the token that came along.",
  responses: { 200: json(access, "The role.") },
});

/** Makes them. */
export function healthRoutes(admin: AdminContext) {
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
    .get("/metrics", needs("reader"), (c) => {
      const { stats: { metrics }, viewers } = admin;
      metrics.viewersDropped.add(viewers.dropped - metrics.viewersDropped.value);
      const format = negotiate(c.req.header("accept") ?? null);
      c.header("content-type", contentTypeOf(format));
      return c.body(expose(metrics.meters.collect(), format));
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
