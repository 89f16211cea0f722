/**
 * The rules between two built-in checks, asked in their order: the first that decides ends it.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import type { Path } from "../../rfc5321/path.ts";
import type { Phase, Rewrite, Verdict } from "../../session/phases.ts";
import { maxDelay } from "./actions.ts";
import type { Predicate, When } from "./conditions.ts";
import type { RuleLook } from "./scope.ts";
import { RuleIndex } from "./rule_index.ts";
import { type View, withPath } from "./view.ts";

/** A rule after it was compiled. */
export interface CompiledRule {
  readonly name: string;
  readonly phase: Exclude<Phase, "close">;
  readonly when: When;
  readonly matches: Predicate;
  /** Milliseconds to wait before its verdicts. */
  readonly delay: number;
  readonly give: (view: View) => readonly Verdict[];
}

/** How far the rules have come with one question. */
interface Course {
  /** The next rule. */
  readonly next: number;
  /** The next rule has matched already, and waited. */
  readonly waited: boolean;
  /** What it sees. */
  readonly view: View;
  /** What those before have said. */
  readonly given: readonly Verdict[];
}

/** Milliseconds that are left for delays. */
interface Patience {
  left: number;
}

/** See the module. */
export class RuleList {
  readonly #rules: readonly CompiledRule[];
  readonly #index = new RuleIndex();
  readonly #clock: Clock;
  readonly #looked: RuleLook | undefined;

  /**
   * @param phase The phase of all of the rules.
   * @param rules In their order.
   * @param clock Times delays.
   * @param looked Told of each rule that is looked at.
   */
  constructor(
    readonly phase: Phase,
    rules: readonly CompiledRule[],
    clock: Clock,
    looked?: RuleLook,
  ) {
    this.#rules = rules;
    this.#clock = clock;
    this.#looked = looked;
    for (const [number, { when }] of rules.entries()) this.#index.add(number, when, phase);
  }

  /** What the rules say; a promise only where one of them waits. */
  ask(view: View): readonly Verdict[] | Promise<readonly Verdict[]> {
    return this.#ask({ next: 0, waited: false, view, given: [] }, { left: maxDelay });
  }

  #ask(
    { next, waited, view, given }: Course,
    patience: Patience,
  ): readonly Verdict[] | Promise<readonly Verdict[]> {
    const verdicts = [...given];
    let candidates = this.#index.candidates(view, next)[Symbol.iterator]();
    for (let one = candidates.next(); !one.done; one = candidates.next()) {
      const number = one.value;
      const rule = this.#rules[number];
      if (!waited || number !== next) {
        if (!this.#met(rule, view)) continue;
        if (rule.delay > 0 && patience.left > 0) {
          const course = { next: number, waited: true, view, given: verdicts };
          return this.#wait(rule.delay, patience).then(() => this.#ask(course, patience));
        }
      }
      const said = rule.give(view);
      verdicts.push(...said);
      const last = said.at(-1);
      switch (last?.kind) {
        case undefined:
        case "route":
        case "edit":
        case "score":
          break;
        case "rewrite":
          if (last.paths.length !== 1) {
            verdicts[verdicts.length - 1] = {
              ...last,
              next: this.#for(view, number + 1, patience) as Rewrite["next"],
            };
            return verdicts;
          }
          view = withPath(this.phase, view, last.paths[0]);
          candidates = this.#index.candidates(view, number + 1)[Symbol.iterator]();
          break;
        default:
          return verdicts;
      }
    }
    return verdicts;
  }

  #met(rule: CompiledRule, view: View): boolean {
    if (this.#looked === undefined) return rule.matches(view);
    const began = this.#clock.monotonic();
    const met = rule.matches(view);
    this.#looked(rule.name, met, this.#clock.monotonic() - began);
    return met;
  }

  /** The same question for each of several recipients. */
  #for(view: View, next: number, patience: Patience) {
    return (path: Path): readonly Verdict[] | Promise<readonly Verdict[]> => {
      const course = { next, waited: false, view: withPath(this.phase, view, path), given: [] };
      return this.#ask(course, patience);
    };
  }

  #wait(delay: number, patience: Patience): Promise<void> {
    const milliseconds = Math.min(delay, patience.left);
    patience.left -= milliseconds;
    return new Promise((resolve) => void this.#clock.after(milliseconds, resolve));
  }
}
