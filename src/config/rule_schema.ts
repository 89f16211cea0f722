/**
 * What a `[[rule]]` of the configuration file looks like: the rows of conditions and actions, put
 * together. What their texts mean is for the compiler of rules to say.
 *
 * @module
 */

import { z } from "zod";
import { actions } from "../policy/rules/actions.ts";
import { conditions, type When } from "../policy/rules/conditions.ts";
import type { RuleSource } from "../policy/rules/rule.ts";
import { rulePhases } from "../policy/rules/view.ts";

/** The same rows, each of whose keys may be left out. */
function optional<Rows extends Readonly<Record<string, { readonly schema: z.ZodType }>>>(
  rows: Rows,
): { readonly [K in keyof Rows]: z.ZodOptional<Rows[K]["schema"]> } {
  const entries = Object.entries(rows).map(([key, { schema }]) => [key, schema.optional()]);
  return Object.fromEntries(entries);
}

/** Conditions, at any depth. */
export const whenSchema: z.ZodType<When> = z.strictObject({
  ...optional(conditions),
  get and() {
    return z.array(whenSchema).min(1, "at least one condition").optional().describe("all of these");
  },
  get or() {
    return z.array(whenSchema).min(1, "at least one condition").optional().describe("any of these");
  },
  get not() {
    return whenSchema.optional().describe("not all of this");
  },
}).describe("conditions, all of which must be met");

const phaseForm = `one of ${rulePhases.join(", ")}`;
const phase = z.enum(rulePhases, { error: phaseForm });

/** One rule. Neither the file's tables nor its upstreams are known here. */
export const ruleSchema: z.ZodType<RuleSource> = z.strictObject({
  name: z.string({ error: "a name" }).min(1, "a name").max(200, "a name of at most 200 characters")
    .describe("stands in logs, statistics and explain; no two rules have the same"),
  at: z.union([phase, z.array(phase).min(1, "a phase or several")], { error: phaseForm })
    .describe("the phase in which the rule is asked, or several"),
  when: whenSchema.optional(),
  then: z.strictObject(optional(actions)).describe("what the rule does"),
}).describe("a rule: what is done, at which phase, under which conditions");
