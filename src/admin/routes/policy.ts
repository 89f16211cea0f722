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
import type { Pen } from "../../stats/pen.ts";
import { stepOf } from "../../stats/transaction_record.ts";
import { needs } from "../access.ts";
import { type AdminContext, changes, json, operator, routes, strangers } from "../context.ts";
import { refuse } from "../errors.ts";
import { explainRequest, explanation, policy } from "../schema.ts";
import type { ExplanationView } from "../views.ts";

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
  const { proxy, stats: { rules } } = admin;
  return routes()
    .openapi(list, (c) => {
      const reloadable = admin.reload !== undefined;
      return c.json({ rules: rules.of(proxy.policy), explainable: true, reloadable }, 200);
    })
    .openapi(explain, async (c) => {
      try {
        return c.json(viewOf(await admin.explain(describe(c.req.valid("json"))), admin.pen), 200);
      } catch (error) {
        if (!(error instanceof OptionError)) throw error;
        return refuse(c, 422, "invalid", error.message);
      }
    });
}

function viewOf(
  { outcome, phases, envelope, upstream }: Explanation,
  pen: Pen,
): ExplanationView {
  return {
    outcome,
    phases: phases.map((report) => phaseOf(report, pen)),
    envelope: {
      from: pen.address(envelope.reversePath),
      to: envelope.recipients.map((path) => pen.address(path)),
    },
    ...upstream !== undefined && { upstream },
  };
}

function phaseOf({ phase, about, ruling, refusal, failures }: PhaseReport, pen: Pen) {
  const own = refusal === undefined || ruling.refusal !== undefined;
  const decision = own ? decisionOf(ruling) : { refusal: codesOf(refusal) };
  return {
    phase,
    about: pen.words(about),
    result: pen.words(printDecision(decision)),
    ...refusal !== undefined && { reply: pen.reply(refusal) },
    steps: ruling.steps.map((step) => stepOf(step, pen)),
    failures: failures.map((failure) => pen.words(failure)),
  };
}
