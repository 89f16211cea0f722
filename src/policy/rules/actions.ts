/**
 * The actions of rules: a row for each key of `then`, and what may stand beside what.
 *
 * @module
 */

import { z } from "zod";
import { OptionError } from "../../errors.ts";
import { type Phase, phases, type Verdict } from "../../session/phases.ts";
import type { Policy } from "../policy.ts";
import {
  defer,
  discard,
  disconnect,
  proceed,
  quarantine,
  reject,
  rewrite,
  route,
  score,
} from "../verdicts.ts";
import type { When } from "./conditions.ts";
import { parseDuration } from "./duration.ts";
import {
  addSchema,
  compileAdd,
  compileRemove,
  compileReplace,
  removeSchema,
  replaceSchema,
} from "./editing.ts";
import { compileRewriting } from "./rewriting.ts";
import { nameList, type Scope } from "./scope.ts";
import { phasesFrom, rulePhases, type View } from "./view.ts";

/** Longest delay in milliseconds, of a rule and of all that are met by one command. */
export const maxDelay = 60_000;

/** What a rule does. */
export interface Effect {
  /** Milliseconds to wait before. */
  readonly delay?: number;
  /** Its verdicts, in their order. */
  readonly give: (view: View) => readonly Verdict[];
  /** The check that is asked instead. */
  readonly policy?: Policy;
}

/** The parts of a rule that an action may depend on. */
interface RuleBody {
  readonly when?: When;
  readonly then: {
    readonly use?: string;
    readonly with?: Readonly<Record<string, unknown>>;
  };
}

/** A row: what stands behind the key, where its verdict is possible, and what it does. */
interface Action<T> {
  readonly schema: z.ZodType<T>;
  readonly phases: readonly Phase[];
  /** Which keys may stand beside it. Where neither of two names the other, it is one or the other. */
  readonly beside: readonly string[];
  /** @throws {RuleError} If the value cannot be used. */
  readonly compile: (value: T, scope: Scope, rule: RuleBody) => Partial<Effect>;
}

function action<T>(row: Action<T>): Action<T> {
  return row;
}

/** An effect whose verdicts are always the same. */
function always(...verdicts: readonly Verdict[]): Partial<Effect> {
  return { give: () => verdicts };
}

const companions = ["route", "delay"];
const onlyTrue = (): z.ZodType<true> => z.literal(true, { error: "true" });
const replyOrTrue = (allowed: string): z.ZodType<true | string> =>
  z.union([z.literal(true), z.string()], { error: allowed }).describe(allowed);
const text = (allowed: string): z.ZodType<string> => z.string({ error: allowed }).describe(allowed);

const envelopePhases: readonly Phase[] = ["mail", "rcpt"];
const messagePhases: readonly Phase[] = phasesFrom("headers");

const edits = ["add-header", "remove-header", "replace-header"];
const besideEdits = [...edits, "score", "proceed", "quarantine", "delay"];

const quarantineForm =
  "at mail and rcpt the name of an upstream that keeps messages; at headers and content true";

/** A row for each key of `then`, in the order in which they are obeyed. */
export const actions = {
  route: action({
    schema: text("the name of an upstream"),
    phases: envelopePhases,
    beside: ["delay"],
    compile: (name, scope) => always(route(scope.upstream(name))),
  }),
  "add-header": action({
    schema: addSchema,
    phases: messagePhases,
    beside: besideEdits,
    compile: (value, scope) => always(...compileAdd(value, scope)),
  }),
  "remove-header": action({
    schema: removeSchema,
    phases: messagePhases,
    beside: besideEdits,
    compile: (value, scope) => always(...compileRemove(value, scope)),
  }),
  "replace-header": action({
    schema: replaceSchema,
    phases: messagePhases,
    beside: besideEdits,
    compile: (value, scope) => always(...compileReplace(value, scope)),
  }),
  score: action({
    schema: z.number({ error: "a number" }).describe("points, added to what others have given"),
    phases: ["headers"],
    beside: ["proceed", "delay"],
    compile: (points) => always(score(points)),
  }),
  reject: action({
    schema: text('a reply, as "550 5.7.1 Not welcome"'),
    phases: rulePhases,
    beside: companions,
    compile: (value, scope) => {
      const allowed = 'a 4xx or 5xx reply of one line, as "550 5.7.1 Not welcome"';
      return always(scope.read(value, allowed, () => reject(value)));
    },
  }),
  defer: action({
    schema: replyOrTrue('true, or a reply, as "451 4.7.1 Try again later"'),
    phases: rulePhases,
    beside: companions,
    compile: (value, scope) => {
      const allowed = 'a 4xx reply of one line, as "451 4.7.1 Try again later"';
      return always(scope.read(value, allowed, () => value === true ? defer() : defer(value)));
    },
  }),
  disconnect: action({
    schema: replyOrTrue('true, or a reply, as "421 4.7.0 Closing"'),
    phases: rulePhases,
    beside: companions,
    compile: (value, scope) => {
      const allowed = 'a 4xx or 5xx reply of one line, as "421 4.7.0 Closing"';
      const made = () => value === true ? disconnect() : disconnect(value);
      return always(scope.read(value, allowed, made));
    },
  }),
  proceed: action({
    schema: onlyTrue(),
    phases: rulePhases,
    beside: companions,
    compile: () => always(proceed()),
  }),
  discard: action({
    schema: onlyTrue(),
    phases: phases.slice(phases.indexOf("mail"), phases.indexOf("close")),
    beside: companions,
    compile: () => always(discard()),
  }),
  rewrite: action({
    schema: z.union([z.string(), z.array(z.string()).max(1000)], {
      error: "an address, perhaps with * for what the pattern's * took, addresses, or @table",
    }),
    phases: envelopePhases,
    beside: companions,
    compile: (value, scope, { when }) => {
      const rewritten = compileRewriting(value, scope, when);
      return {
        give: (view) => {
          const paths = rewritten(view);
          return paths === undefined ? [] : [rewrite(paths)];
        },
      };
    },
  }),
  quarantine: action({
    schema: z.union([z.literal(true), z.string()], { error: quarantineForm })
      .describe(quarantineForm),
    phases: [...envelopePhases, ...messagePhases],
    beside: ["delay"],
    compile: (value, scope) => {
      const routes = envelopePhases.includes(scope.phase);
      if (routes !== (typeof value === "string")) {
        const allowed = routes ? "the name of an upstream that keeps messages" : "true";
        throw scope.error(`${JSON.stringify(value)} at ${scope.phase}`, allowed);
      }
      if (typeof value === "string") return always(route(scope.upstream(value)), proceed());
      if (scope.environment.quarantine ?? true) return always(quarantine());
      throw scope.error("true and no directory", "it only together with quarantine.directory");
    },
  }),
  use: action({
    schema: text("the name of a built-in check"),
    phases: rulePhases,
    beside: ["with"],
    compile: (name, scope, { then }) => ({ policy: policyOf(name, scope, then.with ?? {}) }),
  }),
  with: action({
    schema: z.record(z.string(), z.unknown(), { error: "a table of options of the check" }),
    phases: rulePhases,
    beside: [],
    compile: (_options, scope, { then }) => {
      if (then.use !== undefined) return {};
      throw scope.error("options of no check", 'a table beside "use"');
    },
  }),
  delay: action({
    schema: text('a time of at most 60 seconds, as "5s" or "500ms"'),
    phases: rulePhases,
    beside: [],
    compile: (value, scope) => {
      const delay = parseDuration(value);
      if (delay >= 1 && delay <= maxDelay) return { delay };
      throw scope.error(JSON.stringify(value), "1ms to 60s, as 5s or 500ms");
    },
  }),
};

type Rows = typeof actions;

/** What `then` says. */
export type Then = { readonly [K in keyof Rows]?: z.infer<Rows[K]["schema"]> };

/** A check says itself what is wrong with its options. */
function created(create: () => Policy, scope: Scope): Policy {
  try {
    return create();
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    const found = JSON.stringify(error.found) ?? String(error.found);
    throw scope.beside("with").at(error.option).error(found, error.allowed, error);
  }
}

function policyOf(name: string, scope: Scope, options: Readonly<Record<string, unknown>>): Policy {
  const { environment, phase } = scope;
  const create = environment.checks.get(name);
  if (create === undefined) {
    const allowed = nameList(environment.checks.keys(), "a built-in check");
    throw scope.error(JSON.stringify(name), allowed);
  }
  const policy = created(() => create(options, environment), scope);
  const known = phases.filter((one) => policy.definitions.some((check) => check[one]));
  if (known.includes(phase)) return policy;
  throw scope.error(`${JSON.stringify(name)} at ${phase}`, `it at ${known.join(", ")}`);
}

function refuseNeighbours(keys: readonly (keyof Rows)[], scope: Scope): void {
  for (const [nth, key] of keys.entries()) {
    for (const other of keys.slice(nth + 1)) {
      if (actions[key].beside.includes(other) || actions[other].beside.includes(key)) continue;
      throw scope.error(`${key} and ${other}`, "one of the two");
    }
  }
}

/**
 * Compiles what a rule's `then` says. Its verdicts bear the rule's name.
 *
 * @param scope At `then`.
 * @throws {RuleError} At the first action that cannot be used, not in this phase, or not beside another.
 */
export function compileThen(
  rule: { readonly when?: When; readonly then: Then },
  scope: Scope,
): Effect {
  const keys = (Object.keys(actions) as (keyof Rows)[]).filter((key) => key in rule.then);
  if (keys.length === 0) throw scope.error("nothing", nameList(Object.keys(actions), "an action"));
  refuseNeighbours(keys, scope);
  const effects = keys.map((key) => {
    const row = actions[key] as Action<unknown>;
    const place = scope.at(key);
    if (row.phases.includes(scope.phase)) return row.compile(rule.then[key], place, rule);
    throw place.error(`an action at ${scope.phase}`, `it at ${row.phases.join(", ")}`);
  });
  const by = scope.rule;
  return {
    delay: effects.find(({ delay }) => delay !== undefined)?.delay,
    policy: effects.find(({ policy }) => policy !== undefined)?.policy,
    give: (view) =>
      effects.flatMap(({ give }) => give?.(view) ?? []).map((verdict) => ({ ...verdict, by })),
  };
}
