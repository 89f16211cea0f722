/**
 * A policy: what an operator or developer decides about mail, phase by phase.
 *
 * @module
 */

import { type Clock, within } from "../clock.ts";
import { Reply } from "../rfc5321/reply.ts";
import {
  type Judge,
  type Phase,
  type PhaseFacts,
  phases,
  type Verdict,
} from "../session/phases.ts";

/** What a check may answer: a verdict, or nothing to proceed. */
export type Answer = Verdict | undefined | void;

/**
 * A check for each phase that the author cares about; the others proceed. What is not checked costs
 * nothing.
 */
export type Policy = {
  readonly [P in Phase]?: (facts: PhaseFacts[P]) => Answer | Promise<Answer>;
};

/**
 * Gives a policy its type, so that every check knows what it is told. Returns it as it is.
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
 */
export function definePolicy(policy: Policy): Policy {
  return policy;
}

/** The policy that lets everything pass: the default of the option `policy`. */
export const proceedAll: Policy = {};

/** The reply of a verdict, checked where it is written and not where it is sent. */
function refusal(made: string, reply: string | Reply): Reply {
  const parsed = typeof reply === "string" ? Reply.parse(reply) : reply;
  if (parsed.transient || parsed.permanent) return parsed;
  throw new RangeError(`Cannot ${made} with ${parsed.code}: allowed are 4xx and 5xx replies`);
}

/**
 * Refuses the command; the session goes on. At `headers` and `content` it refuses the message, whose
 * end the upstream then never sees.
 *
 * @example A refusal is checked where it is written
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { reject } from "@sluice/sluice/policy";
 *
 * assertEquals(reject("550 5.7.1 No").reply.enhanced, { class: 5, subject: 7, detail: 1 });
 * assertThrows(() => reject("250 2.0.0 Yes"), RangeError, "allowed are 4xx and 5xx");
 * ```
 *
 * @param reply `550 5.7.1 Text`; 4xx or 5xx.
 * @throws {RangeError} If it is no such reply.
 */
export function reject(reply: string | Reply): Verdict {
  return { kind: "reject", reply: refusal("reject", reply) };
}

/**
 * Refuses the command and closes the connection after the reply. 421 is the code that tells a client
 * so (RFC 5321 §3.8); others may be used.
 *
 * @example A client that is not listened to
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createProxy } from "@sluice/sluice";
 * import { definePolicy, disconnect } from "@sluice/sluice/policy";
 * import { memoryPair } from "@sluice/sluice/testing";
 *
 * const policy = definePolicy({ connect: () => disconnect("554 5.7.1 Not welcome") });
 * const [client, server] = memoryPair();
 * const session = createProxy({ policy }).handle(server);
 * assertEquals(new TextDecoder().decode(await client.read()), "554 5.7.1 Not welcome\r\n");
 * assertEquals(await client.read(), undefined);
 * client.close();
 * await session;
 * ```
 *
 * @param reply Default `421 4.7.0 Closing`; 4xx or 5xx.
 * @throws {RangeError} If it is no such reply.
 */
export function disconnect(reply: string | Reply = "421 4.7.0 Closing"): Verdict {
  return { kind: "disconnect", reply: refusal("disconnect", reply) };
}

/** How a policy is run. */
export interface JudgeOptions {
  readonly clock: Clock;
  /** Milliseconds for one check. */
  readonly timeLimit: number;
  /** The answer to a check that fails or takes too long. */
  readonly onFailure: Reply;
  /** Told of such failures. */
  readonly failed: (phase: Phase, error: unknown) => void;
}

/** Makes a policy into what a session asks: never failing, never endless. */
export function judgeOf(policy: Policy, options: JudgeOptions): Judge {
  const asked = new Set(phases.filter((phase) => policy[phase] !== undefined));
  return {
    asks: (phase) => asked.has(phase),
    async judge<P extends Phase>(phase: P, facts: PhaseFacts[P]): Promise<Verdict | undefined> {
      const check = policy[phase] as ((facts: PhaseFacts[P]) => Answer | Promise<Answer>);
      try {
        const answer = check(facts);
        if (!(answer instanceof Promise)) return answer ?? undefined;
        const { clock, timeLimit } = options;
        return await within(clock, timeLimit, `the policy at ${phase}`, answer) ?? undefined;
      } catch (error) {
        options.failed(phase, error);
        return { kind: "reject", reply: options.onFailure };
      }
    },
  };
}
