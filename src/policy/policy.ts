/**
 * A policy: what an operator or developer decides about mail, phase by phase.
 *
 * @module
 */

import type { TransactionFacts } from "../session/facts.ts";
import type { Phase, PhaseFacts, SealFacts, Verdict } from "../session/phases.ts";
import type { MessageTransform } from "../session/transforming.ts";
import { type Need, refuseUnknownNeeds } from "./needs.ts";

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
export type TransactionPhase = "mail" | "rcpt" | "data" | "headers" | "filter" | "content";

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

/** How a filter reads messages. */
export interface Reading {
  /** Octets of one message; `larger` says what becomes of one that has more. @default any number */
  readonly octets?: number;
  /** Messages that it reads at a time, in all sessions; others wait. @default any number */
  readonly concurrency?: number;
  /** What becomes of a message that is too large for it. @default what `onFailure` says */
  readonly larger?: OnFailure;
}

/** A policy as its author writes it. */
export interface PolicyDefinition<S = undefined, T = undefined> extends Checks<S, T> {
  /** Shows up in logs, statistics and `explain`. @default "policy" */
  readonly name?: string;
  /**
   * What it cannot do without: phases that must be asked, verdicts that must be honoured. A host that
   * does not give one of them refuses the policy when it is loaded.
   *
   * @default nothing: a phase that the host does not have is not asked
   */
  readonly needs?: readonly Need[];
  /** What it consists of, where its verdicts bear other names than its own. @default nothing */
  readonly parts?: readonly PolicyPart[];
  /**
   * Milliseconds for one check. For `filter` it counts from the end of the message, and it is the time
   * for which it may keep the message waiting.
   *
   * @default The option `policyTimeLimit`
   */
  readonly timeLimit?: number;
  /** How `filter` reads. @default without limits of its own */
  readonly reading?: Reading;
  /**
   * Makes a stream through which a message goes on its way to the upstream, with the trace header on top
   * and all edits made; nothing where it is to stay as it is. Whatever it changes breaks the signatures
   * that the message bears (DKIM, RFC 6376). A stream that fails, or makes a bare CR or LF, is a
   * temporary failure of the message, whatever `onFailure` says: half of it may be on its way.
   *
   * @default messages stay as they are
   */
  readonly transform?: (
    facts: TransactionFacts,
    own: Own<"data", S, T>,
  ) => MessageTransform | undefined;
  /**
   * Asked last, when all edits are made: for what stands on top of a message and depends on all of it,
   * as a signature does. It sees the very octets that go to the upstream, where they are all in the
   * window; what several of them put on top does not depend on each other.
   *
   * @default nobody seals messages
   */
  readonly seal?: (
    facts: SealFacts,
    own: Own<"content", S, T>,
  ) => Answer<"content"> | Promise<Answer<"content">>;
  /**
   * Octets of each message that are held, so that its header section can be changed by what is found
   * behind it.
   *
   * @default The option `window`
   */
  readonly window?: number;
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
 *
 * @throws {RangeError} If `needs` names neither a phase nor a verdict.
 */
export function definePolicy<S = undefined, T = undefined>(
  definition: PolicyDefinition<S, T>,
): Policy {
  refuseUnknownNeeds(definition.name ?? "policy", definition.needs ?? []);
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
