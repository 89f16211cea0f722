/**
 * A policy: what an operator or developer decides about mail, phase by phase.
 *
 * @module
 */

import type { Phase, PhaseFacts, Verdict } from "../session/phases.ts";

/**
 * What a check may answer in a phase: one of its verdicts, several that are taken one after the other,
 * or nothing to proceed.
 */
export type Answer<P extends Phase = Phase> =
  | Verdict<P>
  | readonly Verdict<P>[]
  | undefined
  | void;

/** Phases that belong to a mail transaction. */
export type TransactionPhase = "mail" | "rcpt" | "data" | "headers" | "content";

/** What a policy keeps of its own, where it has said how to begin it. */
export type Own<P extends Phase, S, T> = P extends TransactionPhase
  ? { readonly session: S; readonly transaction: T }
  : { readonly session: S };

/** A check for each phase that the author cares about; the others proceed and cost nothing. */
export type Checks<S = undefined, T = undefined> = {
  readonly [P in Phase]?: (
    facts: PhaseFacts[P],
    own: Own<P, S, T>,
  ) => Answer<P> | Promise<Answer<P>>;
};

/** What becomes of a command whose check fails or takes too long. */
export type OnFailure = "accept" | "defer" | "reject";

/** A rule in a policy of several. */
export interface PolicyPart {
  /** What its verdicts bear (`by`). */
  readonly name: string;
  /** When it is asked. */
  readonly phases: readonly Phase[];
}

/** A policy as its author writes it. */
export interface PolicyDefinition<S = undefined, T = undefined> extends Checks<S, T> {
  /** Shows up in logs, statistics and `explain`. @default "policy" */
  readonly name?: string;
  /** What it consists of, where its verdicts bear other names than its own. @default nothing */
  readonly parts?: readonly PolicyPart[];
  /** Milliseconds for one check. @default The option `policyTimeLimit`. */
  readonly timeLimit?: number;
  /** The answer where a check fails. @default The option `policyFailure`, a 451. */
  readonly onFailure?: OnFailure;
  /** Begins what the policy keeps for a session. @default nothing is kept */
  readonly session?: () => S;
  /** Begins what the policy keeps for a mail transaction. @default nothing is kept */
  readonly transaction?: () => T;
}

/** A policy, one or several composed. Made by {@linkcode definePolicy} or {@linkcode compose}. */
export interface Policy {
  /** In the order in which they are asked. */
  // deno-lint-ignore no-explicit-any -- each definition has state of its own type
  readonly definitions: readonly PolicyDefinition<any, any>[];
}

/**
 * Makes a policy. Every check knows what it is told and what it may decide: a verdict that is
 * impossible in a phase does not compile.
 *
 * @example Refusing a sender
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createProxy } from "@sluice/sluice";
 * import { definePolicy, reject } from "@sluice/sluice/policy";
 * import { memoryPair } from "@sluice/sluice/testing";
 *
 * const policy = definePolicy({
 *   mail: ({ reversePath }) =>
 *     reversePath.domain === "spam.example" ? reject("550 5.7.1 Not from there") : undefined,
 * });
 *
 * const [client, server] = memoryPair();
 * const session = createProxy({ policy }).handle(server);
 * const say = async (line: string) => {
 *   await client.write(new TextEncoder().encode(line));
 *   return new TextDecoder().decode(await client.read());
 * };
 * await client.read();
 * await say("HELO client.example\r\n");
 * assertEquals(await say("MAIL FROM:<a@spam.example>\r\n"), "550 5.7.1 Not from there\r\n");
 * assertEquals(await say("MAIL FROM:<a@ham.example>\r\n"), "250 2.0.0 Ok\r\n");
 * client.close();
 * await session;
 * ```
 *
 * @example Counting in a session
 * ```ts
 * import { defer, definePolicy } from "@sluice/sluice/policy";
 *
 * export default definePolicy({
 *   name: "ten a session",
 *   session: () => ({ messages: 0 }),
 *   mail: (_facts, own) => ++own.session.messages > 10 ? defer() : undefined,
 * });
 * ```
 */
export function definePolicy<S = undefined, T = undefined>(
  definition: PolicyDefinition<S, T>,
): Policy {
  return { definitions: [definition] };
}

/**
 * Makes one policy of several. They are asked in order: the first that refuses or discards decides;
 * a rewritten address is what the following ones see; the first route counts.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { compose, definePolicy, reject } from "@sluice/sluice/policy";
 *
 * const both = compose(
 *   definePolicy({ name: "closed", connect: () => reject("554 5.3.2 Closed") }),
 *   definePolicy({ name: "never asked" }),
 * );
 * assertEquals(both.definitions.length, 2);
 * ```
 */
export function compose(...policies: readonly Policy[]): Policy {
  return { definitions: policies.flatMap(({ definitions }) => definitions) };
}

/** The policy that lets everything pass: the default of the option `policy`. */
export const proceedAll: Policy = { definitions: [] };
