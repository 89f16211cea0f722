/**
 * The policy that a configuration's rules make.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { builtInChecks } from "../policy/checks/mod.ts";
import type { Policy } from "../policy/policy.ts";
import { compileRules, type RuleLook, ruleMistakes, type RuleTable } from "../policy/rules/rule.ts";
import type { Counters } from "../state/counters.ts";
import type { Configuration } from "./configuration.ts";
import { ConfigurationError } from "./mistake.ts";

/** What rules need beside the configuration. */
export interface PolicyOptions {
  /** Those of the configuration, by name. */
  readonly tables: ReadonlyMap<string, RuleTable>;
  readonly clock: Clock;
  /** Of conditions on the rate. Default: nothing is counted, and none of them is met. */
  readonly counters?: Counters;
  /** Told of every rule that was looked at. Default: nobody is told. */
  readonly looked?: RuleLook;
}

/**
 * Compiles the rules of a configuration.
 *
 * @throws {ConfigurationError} With one mistake for each rule that has any.
 */
export function policyOf(
  configuration: Configuration,
  { tables, clock, counters, looked }: PolicyOptions,
): Policy {
  const environment = {
    tables,
    upstreams: new Set(configuration.upstreams.keys()),
    checks: new Map([...builtInChecks].map(([name, { create }]) => [name, create])),
    quarantine: configuration.quarantine !== undefined,
    clock,
    counters,
    looked,
  };
  const { rules } = configuration;
  const mistakes = ruleMistakes(rules, environment).map(({ number, path, found, allowed }) =>
    configuration.mistake(["rule", number - 1, ...path], found, allowed)
  );
  if (mistakes.length > 0) throw new ConfigurationError(mistakes);
  return compileRules(rules, environment);
}
