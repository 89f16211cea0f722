/**
 * Rules: what an operator decides about mail without writing a program. Each is asked in one phase,
 * in the order in which they stand; the first whose conditions are met and that decides ends it.
 *
 * @module
 */

import type { Phase, PhaseFacts } from "../../session/phases.ts";
import type { Need } from "../needs.ts";
import type { Answer, Own, Policy, PolicyDefinition } from "../policy.ts";
import { compileThen, type Effect, maxDelay, type Then } from "./actions.ts";
import { compileWhen, type Predicate, type When } from "./conditions.ts";
import { RuleError } from "./rule_error.ts";
import { type CompiledRule, RuleList } from "./rule_list.ts";
import { type RuleEnvironment, type RuleLook, Scope } from "./scope.ts";
import { RecipientCount, rulePhases, type View, views } from "./view.ts";

export { RuleError } from "./rule_error.ts";
export type { CheckFactory, RuleEnvironment, RuleLook, RuleTable } from "./scope.ts";

/** Phases in which there can be rules. */
export type RulePhase = (typeof rulePhases)[number];

/** A rule as it stands in the configuration. */
export interface RuleSource {
  /** Stands in logs, statistics and `explain`; no two rules have the same. */
  readonly name: string;
  /** When it is asked; a built-in check in several phases keeps one state for all of them. */
  readonly at: RulePhase | readonly RulePhase[];
  /** Its conditions. Default: it always applies. */
  readonly when?: When;
  /** What it does then. */
  readonly then: Then;
}

/** A rule with its conditions and its actions ready, for one phase. */
interface Compiled {
  readonly phase: RulePhase;
  readonly matches: Predicate;
  readonly effect: Effect;
}

/** The same for all of its phases. */
interface CompiledSource {
  readonly source: RuleSource;
  readonly parts: readonly Compiled[];
}

// deno-lint-ignore no-explicit-any -- each check has state of its own type
type Check = PolicyDefinition<any, any>;

/** What a check's definition keeps beside its own. */
interface Counted<T> {
  readonly count: RecipientCount;
  readonly own: T;
}

function compileOne(
  source: RuleSource,
  number: number,
  environment: RuleEnvironment,
): CompiledSource {
  const phases = new Set(typeof source.at === "string" ? [source.at] : source.at);
  const parts = [...phases].map((phase) => {
    const scope = new Scope(source.name, number, phase, environment);
    return {
      phase,
      matches: compileWhen(source.when ?? {}, scope.at("when")),
      effect: compileThen(source, scope.at("then")),
    };
  });
  return { source, parts };
}

/** Compiles all rules, or finds what is wrong with them: one mistake for each that has any. */
function compileAll(
  sources: readonly RuleSource[],
  environment: RuleEnvironment,
): { readonly compiled: readonly CompiledSource[]; readonly mistakes: readonly RuleError[] } {
  const numbers = new Map<string, number>();
  const compiled: CompiledSource[] = [];
  const mistakes: RuleError[] = [];
  for (const [nth, source] of sources.entries()) {
    const number = nth + 1;
    try {
      const other = numbers.get(source.name);
      if (other !== undefined) {
        const found = `the name of rule number ${other}`;
        throw new RuleError(source.name, number, ["name"], found, "a name of its own");
      }
      numbers.set(source.name, number);
      compiled.push(compileOne(source, number, environment));
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      mistakes.push(error);
    }
  }
  return { compiled, mistakes };
}

function view(phase: RulePhase, facts: PhaseFacts[RulePhase], count: RecipientCount): View {
  const make = views[phase] as (facts: PhaseFacts[RulePhase], count: RecipientCount) => View;
  return make(facts, count);
}

/** The verdict that an action comes to; the others decide nothing by themselves. */
const verdictOf: Readonly<Partial<Record<keyof Then, Need>>> = {
  route: "route",
  "add-header": "edit",
  "remove-header": "edit",
  "replace-header": "edit",
  score: "score",
  reject: "reject",
  defer: "defer",
  disconnect: "disconnect",
  discard: "discard",
  rewrite: "rewrite",
  quarantine: "route",
};

/** A host that cannot ask a rule, or not obey it, must not seem to. */
function needsOf({ source: { then }, parts }: CompiledSource): readonly Need[] {
  const verdicts = (Object.keys(then) as (keyof Then)[]).map((action) =>
    action === "quarantine" && then.quarantine === true ? action : verdictOf[action]
  );
  return [
    ...parts.map(({ phase }) => phase),
    ...verdicts.filter((verdict) => verdict !== undefined),
  ];
}

/** One definition of rules that no check stands between. */
function definitionOf(rules: readonly CompiledSource[], { clock, looked }: RuleEnvironment): Check {
  const compiled = rules.flatMap(({ source: { name, when = {} }, parts }) =>
    parts.map(({ phase, matches, effect: { delay = 0, give } }): CompiledRule => {
      return { name, phase, when, matches, delay, give };
    })
  );
  const asked = rulePhases.flatMap((phase) => {
    const those = compiled.filter((rule) => rule.phase === phase);
    if (those.length === 0) return [];
    const list = new RuleList(phase, those, clock, looked);
    const check = (facts: PhaseFacts[RulePhase], own: { readonly transaction: RecipientCount }) =>
      list.ask(view(phase, facts, own.transaction));
    return [[phase, check] as const];
  });
  return {
    name: "rules",
    needs: [...new Set(rules.flatMap(needsOf))],
    parts: rules.map(({ source: { name }, parts }) => ({
      name,
      phases: parts.map(({ phase }) => phase),
    })),
    // Nothing else takes time: a delay is no failure.
    ...(compiled.some(({ delay }) => delay > 0) ? { timeLimit: maxDelay + 1_000 } : {}),
    transaction: () => new RecipientCount(),
    ...Object.fromEntries(asked),
  };
}

/** A check that is asked only in the rule's phases, and where its conditions are met. */
function guarded(
  check: Check,
  rule: CompiledSource,
  looked: RuleLook | undefined,
): Check {
  const { source: { name }, parts } = rule;
  type Asked = (facts: PhaseFacts[RulePhase], own: Own<Phase, unknown, unknown>) => Answer;
  const asked = parts.filter(({ phase }) => check[phase]).map(({ phase, matches }) => {
    const ask = check[phase] as Asked;
    const askIfMet = (
      facts: PhaseFacts[RulePhase],
      { session, transaction: { count, own } }: Own<"rcpt", unknown, Counted<unknown>>,
    ) => {
      const met = matches(view(phase, facts, count));
      // The time is the check's, of which this is a part.
      looked?.(name, met, 0);
      if (!met) return undefined;
      return ask(facts, { session, transaction: own });
    };
    return [phase, askIfMet] as const;
  });
  return {
    name,
    needs: [...new Set([...needsOf(rule), ...check.needs ?? []])],
    timeLimit: check.timeLimit,
    onFailure: check.onFailure,
    session: check.session,
    transaction: () => ({ count: new RecipientCount(), own: check.transaction?.() }),
    ...Object.fromEntries(asked),
  };
}

/**
 * What is wrong with rules.
 *
 * @returns One mistake for each rule that has any, in their order.
 */
export function ruleMistakes(
  rules: readonly RuleSource[],
  environment: RuleEnvironment,
): readonly RuleError[] {
  return compileAll(rules, environment).mistakes;
}

/**
 * Makes a policy of rules. Verdicts bear the name of their rule. The conditions of a rule see the
 * addresses as the rules before have left them; of several recipients in place of one, each goes on by
 * itself.
 *
 * Rules that ask for one mailbox, domain or network, alone or in a list, cost nothing until somebody
 * comes along whom they mean.
 *
 * @param rules In the order in which they are asked.
 * @param environment What they may refer to.
 * @throws {RuleError} At the first that cannot be used.
 */
export function compileRules(
  rules: readonly RuleSource[],
  environment: RuleEnvironment,
): Policy {
  const { compiled, mistakes } = compileAll(rules, environment);
  if (mistakes.length > 0) throw mistakes[0];
  const definitions: Check[] = [];
  let run: CompiledSource[] = [];
  const end = (): void => {
    if (run.length > 0) definitions.push(definitionOf(run, environment));
    run = [];
  };
  for (const rule of compiled) {
    const policy = rule.parts[0].effect.policy;
    if (policy === undefined) {
      run.push(rule);
      continue;
    }
    // A check has a time limit, an answer to its failure and a state of its own.
    end();
    definitions.push(
      ...policy.definitions.map((check) => guarded(check, rule, environment.looked)),
    );
  }
  end();
  return { definitions };
}
