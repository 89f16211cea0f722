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
import type { Answer, Policy, PolicyDefinition } from "./policy.ts";

/** One recipient becomes at most so many: an alias map that refers to itself must end. */
const MAX_PATHS = 1000;

const DEFERRED = new Reply(451, "4.3.0 Temporary failure, try again later");
const REJECTED = new Reply(550, "5.7.0 Cannot be checked");

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
  readonly #kept: readonly Kept[];

  constructor(
    readonly definitions: readonly Definition[],
    readonly asked: ReadonlySet<Phase>,
    readonly options: JudgeOptions,
  ) {
    this.#kept = definitions.map((definition) => new Kept(definition));
  }

  asks(phase: Phase): boolean {
    // A transaction begins with MAIL, whoever asks there.
    return this.asked.has(phase) || (phase === "mail" && this.asked.size > 0);
  }

  async judge<P extends Phase>(phase: P, facts: PhaseFacts[P]): Promise<Ruling> {
    if (phase === "mail") { for (const kept of this.#kept) kept.forget(); }
    const steps: Step[] = [];
    return { ...await this.#from(0, phase, facts, steps), steps };
  }

  /** Takes the verdicts that have been given, then those of the definitions from `next` on. */
  async #from<P extends Phase>(
    next: number,
    phase: P,
    facts: PhaseFacts[P],
    steps: Step[],
    given: readonly Verdict[] = NOTHING,
  ): Promise<Draft> {
    const draft: Draft = {};
    for (let verdicts = given;; verdicts = await this.#ask(next++, phase, facts, steps)) {
      for (const [at, verdict] of verdicts.entries()) {
        switch (verdict.kind) {
          case "proceed":
            return draft;
          case "reject":
            return { ...draft, refusal: verdict.reply };
          case "disconnect":
            if (verdict.after !== undefined && phase === "data") {
              return { ...draft, cut: verdict.after };
            }
            return { ...draft, refusal: verdict.reply, close: true };
          case "discard":
            return { ...draft, discard: true };
          case "route":
            draft.upstream ??= verdict.upstream;
            break;
          case "rewrite": {
            const { paths } = verdict;
            if (paths.length !== 1) {
              const rest = (path: Path) => this.#rest(next - 1, phase, verdict, path, steps);
              const given = verdicts.slice(at + 1);
              return await this.#fork(next, phase, facts, paths, steps, draft, given, rest);
            }
            draft.paths = paths;
            facts = withPath(phase, facts, paths[0]);
          }
        }
      }
      if (next === this.definitions.length) return draft;
    }
  }

  /** What follows sees each path by itself; what is left of them stands in the envelope. */
  async #fork<P extends Phase>(
    next: number,
    phase: P,
    facts: PhaseFacts[P],
    paths: readonly Path[],
    steps: Step[],
    draft: Draft,
    given: readonly Verdict[],
    rest: (path: Path) => Promise<readonly Verdict[]>,
  ): Promise<Draft> {
    const left: Path[] = [];
    let refused: Draft | undefined;
    for (const path of paths) {
      const said = [...given, ...await rest(path)];
      const one = await this.#from(next, phase, withPath(phase, facts, path), steps, said);
      if (one.close) return one;
      draft.upstream ??= one.upstream;
      if (one.refusal !== undefined) refused ??= one;
      else if (!one.discard) left.push(...one.paths ?? [path]);
      if (left.length > MAX_PATHS) {
        this.options.failed(phase, "rewrite", new RangeError(`More than ${MAX_PATHS} recipients`));
        return { refusal: this.options.onFailure };
      }
    }
    return left.length === 0 && refused !== undefined ? refused : { ...draft, paths: left };
  }

  async #ask<P extends Phase>(
    nth: number,
    phase: P,
    facts: PhaseFacts[P],
    steps: Step[],
  ): Promise<readonly Verdict[]> {
    const definition = this.definitions[nth];
    const check = definition[phase] as
      | ((facts: PhaseFacts[P], own: Kept) => Answer | Promise<Answer>)
      | undefined;
    if (check === undefined) return NOTHING;
    return await this.#listen(definition, phase, () => check(facts, this.#kept[nth]), steps);
  }

  /** What the check of one definition has to say of one path that it made. */
  async #rest(
    nth: number,
    phase: Phase,
    { next }: Rewrite,
    path: Path,
    steps: Step[],
  ): Promise<readonly Verdict[]> {
    if (next === undefined) return NOTHING;
    return await this.#listen(this.definitions[nth], phase, () => next(path), steps);
  }

  async #listen(
    definition: Definition,
    phase: Phase,
    ask: () => Answer | Promise<Answer>,
    steps: Step[],
  ): Promise<readonly Verdict[]> {
    const { clock } = this.options;
    const began = clock.now();
    const answer = await this.#answer(definition, phase, ask);
    if (answer === undefined) return NOTHING;
    const verdicts = Array.isArray(answer) ? answer : [answer as Verdict];
    const took = clock.now() - began;
    for (const verdict of verdicts) {
      steps.push({ phase, check: verdict.by ?? definition.name ?? "policy", verdict, took });
    }
    return verdicts;
  }

  async #answer(
    definition: Definition,
    phase: Phase,
    ask: () => Answer | Promise<Answer>,
  ): Promise<Verdict | readonly Verdict[] | undefined> {
    const { clock, failed, onFailure } = this.options;
    const { name = "policy", timeLimit = this.options.timeLimit } = definition;
    try {
      const answer = ask();
      if (!(answer instanceof Promise)) return answer ?? undefined;
      return await within(clock, timeLimit, `${name} at ${phase}`, answer) ?? undefined;
    } catch (error) {
      failed(phase, name, error);
      const kinds = {
        accept: undefined,
        defer: { kind: "reject", reply: onFailure.transient ? onFailure : DEFERRED },
        reject: { kind: "reject", reply: REJECTED },
      } as const;
      return definition.onFailure === undefined
        ? { kind: "reject", reply: onFailure }
        : kinds[definition.onFailure];
    }
  }
}

function withPath<P extends Phase>(phase: P, facts: PhaseFacts[P], path: Path): PhaseFacts[P] {
  return phase === "mail" ? { ...facts, reversePath: path } : { ...facts, forwardPath: path };
}
