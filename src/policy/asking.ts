/**
 * Listens to checks: what each has said and how long it took, bounded in time, and never failing.
 *
 * @module
 */

import { type Clock, within } from "../clock.ts";
import { Reply } from "../rfc5321/reply.ts";
import type { Inquiry, Phase, Step, Verdict } from "../session/phases.ts";
import type { Soon } from "../soon.ts";
import type { Answer, OnFailure, PolicyDefinition } from "./policy.ts";
import { isVerdict } from "./verdicts.ts";

const DEFERRED = new Reply(451, "4.3.0 Temporary failure, try again later");
const REJECTED = new Reply(550, "5.7.0 Cannot be checked");

/** A check has failed or taken too long. */
export class CheckError extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "CheckError";
  /**
   * Is made where a check is asked.
   *
   * @param cause What it threw.
   */
  constructor(phase: Phase, check: string, cause: unknown) {
    super(`The check "${check}" failed at ${phase}`, { cause });
  }
}

/** How a policy is run. */
export interface JudgeOptions {
  /** Times the checks. */
  readonly clock: Clock;
  /** Milliseconds for one check that has no limit of its own. */
  readonly timeLimit: number;
  /** The answer to a check that fails or takes too long, and names no other. 4xx or 5xx. */
  readonly onFailure: Reply;
  /** Told of such failures, with the name of the check. */
  readonly failed: (phase: Phase, check: string, error: unknown) => void;
}

// deno-lint-ignore no-explicit-any -- each definition has state of its own type
export type Definition = PolicyDefinition<any, any>;

/** Nothing to say. */
export const NOTHING: readonly Verdict[] = [];

/** See the module. For one question. */
export class Asking {
  /** What was said. */
  readonly steps: Step[] = [];
  /** Who was asked. */
  readonly inquiries: Inquiry[] = [];

  constructor(readonly options: JudgeOptions, readonly phase: Phase) {}

  /** @param limited Whether the time limit of checks holds; otherwise `ask` has one of its own. */
  listen(
    { name = "policy", timeLimit, onFailure }: Definition,
    ask: () => Soon<Answer>,
    limited: boolean = true,
  ): Soon<readonly Verdict[]> {
    const { options, phase } = this;
    const began = options.clock.monotonic();
    const fail = (error: unknown): readonly Verdict[] => {
      options.failed(phase, name, error);
      return this.#note(name, began, failureOf(onFailure, options.onFailure));
    };
    const hear = (answer: Answer): readonly Verdict[] => {
      try {
        return this.#note(name, began, verdictsOf(answer));
      } catch (error) {
        return fail(error);
      }
    };
    let answer: Soon<Answer>;
    try {
      answer = ask();
    } catch (error) {
      return fail(error);
    }
    if (!(answer instanceof Promise)) return hear(answer);
    const limit = timeLimit ?? options.timeLimit;
    const timely = limited ? within(options.clock, limit, `${name} at ${phase}`, answer) : answer;
    return timely.then(hear, fail);
  }

  /** What a check has said, if anything, and since when it was asked. */
  #note(check: string, began: number, said: readonly Verdict[] | undefined): readonly Verdict[] {
    const took = this.options.clock.monotonic() - began;
    this.inquiries.push({ check, took });
    if (said === undefined) return NOTHING;
    for (const verdict of said) {
      this.steps.push({ phase: this.phase, check: verdict.by ?? check, verdict, took });
    }
    return said;
  }
}

/** @throws {TypeError} At what no compiler has seen: it must not pass for "proceed". */
function verdictsOf(answer: Answer): readonly Verdict[] | undefined {
  if (answer === undefined || answer === null) return undefined;
  const verdicts = Array.isArray(answer) ? answer : [answer];
  if (verdicts.every(isVerdict)) return verdicts;
  throw new TypeError("Cannot obey its answer: found no verdict, allowed are verdicts or nothing");
}

/**
 * What a failure comes to.
 *
 * @param wanted The definition's own word.
 * @param standard The answer where it has none.
 */
export function failureOf(
  wanted: OnFailure | undefined,
  standard: Reply,
): readonly Verdict[] | undefined {
  switch (wanted) {
    case "accept":
      return undefined;
    case "defer":
      return [{ kind: "reject", reply: standard.transient ? standard : DEFERRED }];
    case "reject":
      return [{ kind: "reject", reply: REJECTED }];
    default:
      return [{ kind: "reject", reply: standard }];
  }
}
