/**
 * Where the compiler of rules is: in which rule, at which of its keys, and what it may refer to.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import type { Phase } from "../../session/phases.ts";
import type { Counters } from "../../state/counters.ts";
import type { Policy } from "../policy.ts";
import { PatternError } from "./pattern_error.ts";
import { RuleError, type RulePath } from "./rule_error.ts";
import type { TableKey } from "./table.ts";

/** What rules need of a table; it may change its entries between two look-ups. */
export interface RuleTable {
  /** The value of a key, `""` where its entry has none; `undefined` where it is not in the table. */
  get(key: TableKey): string | undefined;
}

/** Makes the policy of a built-in check from the options that `with` gives. */
export type CheckFactory = (
  options: Readonly<Record<string, unknown>>,
  environment: RuleEnvironment,
) => Policy;

/**
 * Told that the conditions of a rule were looked at, whether they are met, and how many milliseconds
 * that took. A rule that cannot mean a client or an address is not looked at.
 */
export type RuleLook = (rule: string, met: boolean, took: number) => void;

/** What rules may refer to. */
export interface RuleEnvironment {
  /** By the name that `@name` refers to. */
  readonly tables: ReadonlyMap<string, RuleTable>;
  /** The names of the option `upstreams`. */
  readonly upstreams: ReadonlySet<string>;
  /** By the name that `use` refers to. */
  readonly checks: ReadonlyMap<string, CheckFactory>;
  /** Whether messages can be kept aside. Default: they can. */
  readonly quarantine?: boolean;
  /** For conditions on the time, and for delays. */
  readonly clock: Clock;
  /** For conditions on the rate. Default: nothing is counted, and none of them is met. */
  readonly counters?: Counters;
  /** Told of every rule that was looked at. Default: nobody is told. */
  readonly looked?: RuleLook;
}

const tableReference = /^@([A-Za-z0-9_-]+)$/;

/** Whether a text refers to a table: `@name`, without a dot, so that `@dom.example` is a pattern. */
export function isTableReference(text: string): boolean {
  return tableReference.test(text);
}

/** See the module. */
export class Scope {
  /**
   * @param rule Name of the rule.
   * @param number Its place in the list, from 1.
   * @param phase When it is asked.
   * @param environment What it may refer to.
   * @param path Where in the rule we are.
   */
  constructor(
    readonly rule: string,
    readonly number: number,
    readonly phase: Phase,
    readonly environment: RuleEnvironment,
    readonly path: RulePath = [],
  ) {}

  /** The same rule, further down. */
  at(...keys: RulePath): Scope {
    const { rule, number, phase, environment, path } = this;
    return new Scope(rule, number, phase, environment, [...path, ...keys]);
  }

  /** The same rule, at another key of the same table. */
  beside(key: string): Scope {
    const { rule, number, phase, environment, path } = this;
    return new Scope(rule, number, phase, environment, [...path.slice(0, -1), key]);
  }

  /** What is wrong here. */
  error(found: string, allowed: string, cause?: unknown): RuleError {
    const options = cause === undefined ? undefined : { cause };
    return new RuleError(this.rule, this.number, this.path, found, allowed, options);
  }

  /**
   * The result of `read`, whose errors become those of this place.
   *
   * @param found What it reads.
   * @param allowed What it can read; a {@link PatternError} knows better.
   * @throws {RuleError}
   */
  read<T>(found: unknown, allowed: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof RuleError) throw error;
      if (error instanceof PatternError) {
        const place = `${error.found} at column ${error.column} of ${
          JSON.stringify(error.pattern)
        }`;
        throw this.error(place, error.allowed, error);
      }
      throw this.error(JSON.stringify(found), allowed, error);
    }
  }

  /**
   * The table that a text refers to; `undefined` where it is no reference.
   *
   * @throws {RuleError} If there is no such table.
   */
  table(text: string): RuleTable | undefined {
    const name = tableReference.exec(text)?.[1];
    if (name === undefined) return undefined;
    const table = this.environment.tables.get(name);
    if (table !== undefined) return table;
    const allowed = nameList(this.environment.tables.keys(), "a table that [tables] defines");
    throw this.error(JSON.stringify(text), allowed);
  }

  /**
   * A name that upstreams are routed to by.
   *
   * @throws {RuleError} If there is no such upstream.
   */
  upstream(name: string): string {
    const { upstreams } = this.environment;
    if (name === "default" || upstreams.has(name)) return name;
    throw this.error(JSON.stringify(name), nameList(["default", ...upstreams], "an upstream"));
  }
}

/**
 * Refuses a condition that asks for what its phase does not know.
 *
 * @param phases Those that know it.
 * @throws {RuleError} If the rule's phase is none of them.
 */
export function requirePhase(phases: readonly Phase[], scope: Scope): void {
  if (phases.includes(scope.phase)) return;
  throw scope.error(`a condition at ${scope.phase}`, `it at ${phases.join(", ")}`);
}

/** `an upstream: a, b`; what may be there, for errors. */
export function nameList(names: Iterable<string>, what: string): string {
  const list = [...names].join(", ");
  return list === "" ? `${what}, of which there is none` : `${what}: ${list}`;
}

/** Texts that may stand alone or in a list, each with its place. */
export function eachOf(
  texts: string | readonly string[],
  scope: Scope,
): readonly (readonly [text: string, place: Scope])[] {
  if (typeof texts === "string") return [[texts, scope]];
  return texts.map((text, nth) => [text, scope.at(nth)]);
}
