/**
 * What a policy needs of the host that runs it, and what a host can give: phases that are asked, and
 * verdicts that are honoured. A session over a channel gives all of it; a host without a dialogue, or
 * without some part of one, does not.
 *
 * @module
 */

import { OptionError } from "../errors.ts";
import { type Phase, phases, type Verdict } from "../session/phases.ts";
import type { Policy } from "./policy.ts";

/** A phase that must be asked, or a verdict that must be honoured; `defer` is a 4xx refusal. */
export type Need = Phase | Exclude<Verdict["kind"], "proceed"> | "defer";

const verdicts: Readonly<Record<Exclude<Need, Phase>, true>> = {
  reject: true,
  defer: true,
  disconnect: true,
  rewrite: true,
  route: true,
  discard: true,
  quarantine: true,
  edit: true,
  score: true,
};

/** All needs that there can be: the phases in their order, then the verdicts. */
export const needs: readonly Need[] = [
  ...phases,
  ...Object.keys(verdicts) as (keyof typeof verdicts)[],
];

/** What a host gives: `true`, or why it does not. */
export type Gives = Readonly<Record<Need, true | string>>;

/** What a session over a channel gives. */
export const everything: Readonly<Record<Need, true>> = Object.fromEntries(
  needs.map((need) => [need, true]),
) as Record<Need, true>;

/** A host of policies. */
export interface PolicyHost {
  /** As errors name it: `an Email Worker`. */
  readonly name: string;
  /** Each need, and whether it is met here. */
  readonly gives: Gives;
}

/**
 * Makes sure that a host gives what a policy needs. Called when options are resolved, so that nothing
 * is lost without a word later.
 *
 * @param option Where the policy stands, for the error.
 * @throws {OptionError} Naming the policy, the first need that is not met, and the host.
 *
 * @example A host that sees no connection
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { OptionError } from "@sluice/sluice";
 * import { definePolicy, everything, refuseUnmetNeeds } from "@sluice/sluice/policy";
 *
 * const host = {
 *   name: "a mailbox",
 *   gives: { ...everything, connect: "nobody connects to it" },
 * };
 * const policy = definePolicy({ name: "blocklist", needs: ["connect"] });
 * assertThrows(() => refuseUnmetNeeds(policy, host, "policy"), OptionError, "nobody connects to it");
 * ```
 */
export function refuseUnmetNeeds(policy: Policy, host: PolicyHost, option: string): void {
  for (const { name = "policy", needs: needed = [] } of policy.definitions) {
    for (const need of needed) {
      const given = host.gives[need];
      if (given === true) continue;
      const met = needs.filter((one) => host.gives[one] === true).join(", ");
      throw new OptionError(
        option,
        `${name}, which needs ${need}`,
        `a policy that needs what ${host.name} gives (${given}): ${met}`,
      );
    }
  }
}

/**
 * Makes sure that needs are such.
 *
 * @param policy Name of whoever needs them, for the error.
 * @throws {RangeError} Naming the first that is none.
 */
export function refuseUnknownNeeds(policy: string, needed: readonly string[]): void {
  for (const need of needed) {
    if (Object.hasOwn(everything, need)) continue;
    throw new RangeError(
      `Cannot define the policy "${policy}": found the need "${need}", ` +
        `allowed are ${needs.join(", ")}`,
    );
  }
}
