/**
 * How often each rule and check of the policy was asked and had something to say, and the time that
 * it took.
 *
 * @module
 */

import type { Policy } from "../policy/policy.ts";
import { phases } from "../session/phases.ts";
import type { Observer } from "../session/observer.ts";
import type { Phase, PhaseFacts, Ruling } from "../session/phases.ts";
import type { RuleView } from "./views.ts";

interface Tally {
  asked: number;
  hits: number;
  spent: number;
}

/** Names beyond these are not remembered: a policy that makes up names must not fill the memory. */
const MOST = 20_000;

/** See the module. */
export class RuleLog implements Observer {
  readonly #tallies = new Map<string, Tally>();
  /** Checks whose hits are told by `looked`, because they are rules. */
  readonly #looked = new Set<string>();

  /** The conditions of a rule were looked at; `took` in milliseconds, 0 where a check's time has it. */
  looked(rule: string, met: boolean, took: number): void {
    const tally = this.#tally(rule);
    if (tally === undefined) return;
    this.#looked.add(rule);
    tally.asked++;
    tally.spent += took;
    if (met) tally.hits++;
  }

  ruling<P extends Phase>(_phase: P, _facts: PhaseFacts[P], { asked = [], steps }: Ruling): void {
    for (const { check, took } of asked) {
      const tally = this.#tally(check);
      if (tally === undefined) continue;
      tally.spent += took;
      if (!this.#looked.has(check)) tally.asked++;
    }
    if (steps.length === 0) return;
    // A check that says several things has had something to say once.
    for (const check of new Set(steps.map(({ check }) => check))) {
      if (!this.#looked.has(check)) this.#count(check);
    }
  }

  /** The rules and checks of a policy, in the order in which they are asked. */
  of(policy: Policy): RuleView[] {
    return policy.definitions.flatMap((definition) => {
      const { name = "policy", parts } = definition;
      if (parts !== undefined) return parts.map((part) => this.#view(part.name, part.phases));
      return [this.#view(name, phases.filter((phase) => definition[phase] !== undefined))];
    });
  }

  #view(name: string, phases: readonly Phase[]): RuleView {
    const { asked = 0, hits = 0, spent = 0 } = this.#tallies.get(name) ?? {};
    return { name, phases, asked, hits, spent };
  }

  #count(check: string): void {
    const tally = this.#tally(check);
    if (tally !== undefined) tally.hits++;
  }

  #tally(name: string): Tally | undefined {
    const known = this.#tallies.get(name);
    if (known !== undefined || this.#tallies.size >= MOST) return known;
    const tally = { asked: 0, hits: 0, spent: 0 };
    this.#tallies.set(name, tally);
    return tally;
  }
}
