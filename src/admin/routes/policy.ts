/**
 * `api/policy`: what the rules do, and what they would do.
 *
 * @module
 */

import { createRoute } from "@hono/zod-openapi";
import { OptionError } from "../../errors.ts";
import { needs } from "../access.ts";
import { type AdminContext, changes, json, operator, routes, strangers } from "../context.ts";
import { refuse } from "../../http/errors.ts";
import { explainRequest, explanation, policy } from "../schema.ts";

const list = createRoute({
  method: "get",
  path: "/api/policy",
  summary: "Rules and checks with their hits and the time that they take.",
  middleware: needs("reader"),
  responses: { ...strangers, 200: json(policy, "In the order in which they are asked.") },
});

const explain = createRoute({
  method: "post",
  path: "/api/policy/explain",
  summary: "What the policy would do with a message, phase by phase, without effect.",
  middleware: operator,
  request: {
    body: { content: { "application/json": { schema: explainRequest } }, required: true },
  },
  responses: { ...changes, 200: json(explanation, "Who says what, and what comes of it.") },
});

/** Makes them. */
export function policyRoutes(admin: AdminContext) {
  const { source } = admin;
  return routes()
    .openapi(list, async (c) => {
      const reloadable = admin.reload !== undefined;
      return c.json({ rules: await source.rules(), explainable: true, reloadable }, 200);
    })
    .openapi(explain, async (c) => {
      try {
        return c.json(await source.explain(c.req.valid("json")), 200);
      } catch (error) {
        if (!(error instanceof OptionError)) throw error;
        return refuse(c, 422, "invalid", error.message);
      }
    });
}
