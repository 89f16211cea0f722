/**
 * The filter stage: asks the checks of a policy in their order and makes one ruling of what they say.
 * The only asynchronous step between a command and its effect; bounded in time, and never failing.
 *
 * @module
 */

import { type Clock, within } from "../clock.ts";
import type { Path } from "../rfc5321/path.ts";
import { Reply } from "../rfc5321/reply.ts";
import {
  type Inquiry,
  type Judge,
  type Phase,
  type PhaseFacts,
  phases,
  type Rewrite,
  type Ruling,
  type SessionJudge,
  type Step,
  type Verdict,
} from "../session/phases.ts";
import type { Answer, OnFailure, Policy, PolicyDefinition } from "./policy.ts";
import { isVerdict } from "./verdicts.ts";

/** One recipient becomes at most so many: an alias map that refers to itself must end. */
const MAX_PATHS = 1000;

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
type Definition = PolicyDefinition<any, any>;

/** Makes a policy into what sessions ask. */
export function judgeOf(policy: Policy, options: JudgeOptions): Judge {
  const { definitions } = policy;
  const asked = new Set(
    phases.filter((phase) => definitions.some((definition) => definition[phase] !== undefined)),
  );
  return { open: () => new PolicySession(definitions, asked, options) };
}

const NOTHING: readonly Verdict[] = [];

/** What a definition keeps of its own. It begins with the first question: a fault is that check's. */
class Kept {
  readonly #definition: Definition;
  #session: { readonly value: unknown } | undefined;
  #transaction: { readonly value: unknown } | undefined;

  constructor(definition: Definition) {
    this.#definition = definition;
  }

  get session(): unknown {
    return (this.#session ??= { value: this.#definition.session?.() }).value;
  }

  get transaction(): unknown {
    return (this.#transaction ??= { value: this.#definition.transaction?.() }).value;
  }

  /** A new mail transaction. */
  forget(): void {
    this.#transaction = undefined;
  }
}

/** What has been decided so far in one phase. */
interface Draft {
  refusal?: Reply;
  close?: boolean;
  cut?: number;
  discard?: boolean;
  paths?: readonly Path[];
  upstream?: string;
}

class PolicySession implements SessionJudge {
  readonly kept: readonly Kept[];

  constructor(
    readonly definitions: readonly Definition[],
    readonly asked: ReadonlySet<Phase>,
    readonly options: JudgeOptions,
  ) {
    this.kept = definitions.map((definition) => new Kept(definition));
  }

  asks(phase: Phase): boolean {
    // A transaction begins with MAIL, whoever asks there.
    return this.asked.has(phase) || (phase === "mail" && this.asked.size > 0);
  }

  async judge<P extends Phase>(phase: P, facts: PhaseFacts[P]): Promise<Ruling> {
    if (phase === "mail") { for (const kept of this.kept) kept.forget(); }
    const question = new Question(this, phase);
    const { steps, inquiries: asked } = question;
    return { ...await question.put(0, facts), steps, asked };
  }
}

/** One question, put to one definition after the other. */
class Question<P extends Phase> {
  readonly steps: Step[] = [];
  readonly inquiries: Inquiry[] = [];

  constructor(readonly session: PolicySession, readonly phase: P) {}

  /** Takes the verdicts that have been given, then those of the definitions from `next` on. */
  async put(
    next: number,
    facts: PhaseFacts[P],
    given: readonly Verdict[] = NOTHING,
  ): Promise<Draft> {
    const draft: Draft = {};
    for (let verdicts = given;; verdicts = await this.#ask(next++, facts)) {
      for (const [at, verdict] of verdicts.entries()) {
        switch (verdict.kind) {
          case "proceed":
            return draft;
          case "reject":
            return { ...draft, refusal: verdict.reply };
          case "disconnect":
            return verdict.after !== undefined && this.phase === "data"
              ? { ...draft, cut: verdict.after }
              : { ...draft, refusal: verdict.reply, close: true };
          case "discard":
            return { ...draft, discard: true };
          case "route":
            draft.upstream ??= verdict.upstream;
            break;
          case "rewrite":
            if (verdict.paths.length !== 1) {
              return await this.#fork(next, facts, draft, verdict, verdicts.slice(at + 1));
            }
            draft.paths = verdict.paths;
            facts = this.#withPath(facts, verdict.paths[0]);
        }
      }
      if (next === this.session.definitions.length) return draft;
    }
  }

  /**
   * What follows sees each path by itself: the verdicts behind the rewriting one, what its own check
   * says of the path, and the definitions from `next` on. What is left stands in the envelope.
   */
  async #fork(
    next: number,
    facts: PhaseFacts[P],
    draft: Draft,
    rewriting: Rewrite,
    behind: readonly Verdict[],
  ): Promise<Draft> {
    const { failed, onFailure } = this.session.options;
    const left: Path[] = [];
    let refused: Draft | undefined;
    for (const path of rewriting.paths) {
      const said = [...behind, ...await this.#rest(next - 1, rewriting, path)];
      const one = await this.put(next, this.#withPath(facts, path), said);
      if (one.close) return one;
      draft.upstream ??= one.upstream;
      if (one.refusal !== undefined) refused ??= one;
      else if (!one.discard) left.push(...one.paths ?? [path]);
      if (left.length > MAX_PATHS) {
        failed(this.phase, "rewrite", new RangeError(`More than ${MAX_PATHS} recipients`));
        return { refusal: onFailure };
      }
    }
    return left.length === 0 && refused !== undefined ? refused : { ...draft, paths: left };
  }

  async #ask(nth: number, facts: PhaseFacts[P]): Promise<readonly Verdict[]> {
    const check = this.session.definitions[nth][this.phase] as
      | ((facts: PhaseFacts[P], own: Kept) => Answer | Promise<Answer>)
      | undefined;
    if (check === undefined) return NOTHING;
    return await this.#listen(nth, () => check(facts, this.session.kept[nth]));
  }

  /** What the check of one definition has to say of one path that it made. */
  async #rest(nth: number, { next }: Rewrite, path: Path): Promise<readonly Verdict[]> {
    return next === undefined ? NOTHING : await this.#listen(nth, () => next(path));
  }

  async #listen(
    nth: number,
    ask: () => Answer | Promise<Answer>,
  ): Promise<readonly Verdict[]> {
    const definition = this.session.definitions[nth];
    const { clock } = this.session.options;
    const { name = "policy" } = definition;
    const began = clock.monotonic();
    const answer = await this.#answer(definition, ask);
    const took = clock.monotonic() - began;
    this.inquiries.push({ check: name, took });
    if (answer === undefined) return NOTHING;
    for (const verdict of answer) {
      this.steps.push({ phase: this.phase, check: verdict.by ?? name, verdict, took });
    }
    return answer;
  }

  async #answer(
    { name = "policy", timeLimit, onFailure }: Definition,
    ask: () => Answer | Promise<Answer>,
  ): Promise<readonly Verdict[] | undefined> {
    const { options } = this.session;
    try {
      const answer = ask();
      if (!(answer instanceof Promise)) return verdictsOf(answer);
      const limit = timeLimit ?? options.timeLimit;
      return verdictsOf(await within(options.clock, limit, `${name} at ${this.phase}`, answer));
    } catch (error) {
      options.failed(this.phase, name, error);
      return onFailure === undefined
        ? [{ kind: "reject", reply: options.onFailure }]
        : failures(options.onFailure)[onFailure];
    }
  }

  #withPath(facts: PhaseFacts[P], path: Path): PhaseFacts[P] {
    return this.phase === "mail"
      ? { ...facts, reversePath: path }
      : { ...facts, forwardPath: path };
  }
}

/** @throws {TypeError} At what no compiler has seen: it must not pass for "proceed". */
function verdictsOf(answer: Answer): readonly Verdict[] | undefined {
  if (answer === undefined || answer === null) return undefined;
  const verdicts = Array.isArray(answer) ? answer : [answer];
  if (verdicts.every(isVerdict)) return verdicts;
  throw new TypeError("Cannot obey its answer: found no verdict, allowed are verdicts or nothing");
}

/** What a definition's own answer to its failure means. */
function failures(standard: Reply): Readonly<Record<OnFailure, readonly Verdict[] | undefined>> {
  return {
    accept: undefined,
    defer: [{ kind: "reject", reply: standard.transient ? standard : DEFERRED }],
    reject: [{ kind: "reject", reply: REJECTED }],
  };
}
