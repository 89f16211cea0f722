/**
 * `api/policy`: what the rules do, and what they would do.
 *
 * @module
 */

import { createRoute } from "@hono/zod-openapi";
import { OptionError } from "../../errors.ts";
import { codesOf, decisionOf, printDecision } from "../../policy/decision.ts";
import { describe } from "../../policy/described.ts";
import type { Explanation, PhaseReport } from "../../policy/explain.ts";
import { pens } from "../../stats/pen.ts";
import { replyText, stepOf } from "../../stats/transaction_record.ts";
import { needs } from "../access.ts";
import { type AdminContext, json, refusals, routes } from "../context.ts";
import { refuse } from "../errors.ts";
import { explainRequest, explanation, policy } from "../schema.ts";
import type { ExplanationView } from "../views.ts";

const list = createRoute({
  method: "get",
  path: "/api/policy",
  summary: "Rules and checks with their hits and the time that they take.",
  middleware: needs("reader"),
  responses: { ...refusals, 200: json(policy, "In the order in which they are asked.") },
});

const explain = createRoute({
  method: "post",
  path: "/api/policy/explain",
  summary: "What the policy would do with a message, phase by phase, without effect.",
  middleware: needs("operator"),
  request: {
    body: { content: { "application/json": { schema: explainRequest } }, required: true },
  },
  responses: { ...refusals, 200: json(explanation, "Who says what, and what comes of it.") },
});

/** Makes them. */
export function policyRoutes(admin: AdminContext) {
  const { proxy, stats: { rules } } = admin;
  return routes()
    .openapi(list, (c) => {
      const reloadable = admin.reload !== undefined;
      return c.json({ rules: rules.of(proxy.policy), explainable: true, reloadable }, 200);
    })
    .openapi(explain, async (c) => {
      try {
        return c.json(viewOf(await admin.explain(describe(c.req.valid("json")))), 200);
      } catch (error) {
        if (!(error instanceof OptionError)) throw error;
        return refuse(c, 422, "invalid", error.message);
      }
    });
}

function viewOf({ outcome, phases, envelope, upstream }: Explanation): ExplanationView {
  return {
    outcome,
    phases: phases.map(phaseOf),
    envelope: {
      from: envelope.reversePath.address,
      to: envelope.recipients.map(({ address }) => address),
    },
    ...upstream !== undefined && { upstream },
  };
}

function phaseOf({ phase, about, ruling, refusal, failures }: PhaseReport) {
  const own = refusal === undefined || ruling.refusal !== undefined;
  const decision = own ? decisionOf(ruling) : { refusal: codesOf(refusal) };
  return {
    phase,
    about,
    result: printDecision(decision),
    ...refusal !== undefined && { reply: replyText(refusal) },
    steps: ruling.steps.map((step) => stepOf(step, pens.plain)),
    failures: [...failures],
  };
}
