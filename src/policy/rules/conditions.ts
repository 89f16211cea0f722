/**
 * The conditions of rules: a row for each key of `when`, and what it takes to meet all of them. A list
 * is met by any of its elements. `@name` is a table, `@dom.example`, with a dot, a pattern.
 *
 * @module
 */

import { z } from "zod";
import type { TlsFacts } from "../../channel.ts";
import { CidrSet } from "../../cidr_set.ts";
import type { Path } from "../../rfc5321/path.ts";
import type { Phase } from "../../session/phases.ts";
import { comparisonForm, parseComparison } from "./comparison.ts";
import { compileHeader, headerSchema } from "./header_condition.ts";
import { parsePattern } from "./pattern.ts";
import { compileRate, rateSchema } from "./rate.ts";
import { eachOf, requirePhase, type Scope } from "./scope.ts";
import type { TableKey } from "./table.ts";
import { parseTimeWindow, timeWindowForm } from "./time_window.ts";
import { phasesFrom, rulePhases, type View } from "./view.ts";

/** Whether a condition is met. */
export type Predicate = (view: View) => boolean;

/** A row: what stands behind the key, when that is known, and what it asks for. */
interface Condition<T> {
  readonly schema: z.ZodType<T>;
  /** Where it is known what the condition asks for. */
  readonly phases: readonly Phase[];
  /** @throws {RuleError} If the value cannot be used. */
  readonly compile: (value: T, scope: Scope) => Predicate;
}

/** One text or several, any of which will do. */
type Texts = string | readonly string[];

const texts = (allowed: string): z.ZodType<Texts> =>
  z.union([z.string(), z.array(z.string()).min(1, allowed)], { error: allowed }).describe(allowed);

const fromHello = phasesFrom("ehlo");
const fromMail = phasesFrom("mail");
const fromRcpt = phasesFrom("rcpt");

function anyOf<T>(tests: readonly ((value: T) => boolean)[]): (value: T) => boolean {
  return tests.length === 1 ? tests[0] : (value) => tests.some((test) => test(value));
}

/** Any of several texts: a table's name, or what `read` makes of it. */
function matcher<T>(
  value: Texts,
  scope: Scope,
  key: (value: T) => TableKey,
  read: (text: string, place: Scope) => (value: T) => boolean,
): (value: T) => boolean {
  return anyOf(
    eachOf(value, scope).map(([text, place]) => {
      const table = place.table(text);
      return table === undefined
        ? read(text, place)
        : (value: T) => table.get(key(value)) !== undefined;
    }),
  );
}

function paths(value: Texts, scope: Scope): (path: Path) => boolean {
  return matcher<Path>(value, scope, (path) => ({ path }), (text, place) => {
    const pattern = place.read(text, "a pattern", () => parsePattern(text, "address"));
    return (path) => pattern.matches(path);
  });
}

function domains(value: Texts, scope: Scope): (name: string) => boolean {
  return matcher<string>(value, scope, (domain) => ({ domain }), (text, place) => {
    const pattern = place.read(text, "a pattern", () => parsePattern(text, "domain"));
    return (name) => pattern.matches(name);
  });
}

function names(value: Texts, scope: Scope): (name: string) => boolean {
  return anyOf(
    eachOf(value, scope).map(([text, place]) => {
      const pattern = place.read(text, "a pattern", () => parsePattern(text, "name"));
      return (name: string) => pattern.matches(name);
    }),
  );
}

function networks(value: Texts, scope: Scope): (address: string) => boolean {
  const allowed = "an IP address, address/bits, or @table";
  return matcher<string>(value, scope, (address) => ({ address }), (text, place) => {
    const network = new CidrSet<true>();
    place.read(text, allowed, () => network.add(text, true));
    return (address) => network.has(address);
  });
}

function each<T>(
  value: Texts,
  scope: Scope,
  allowed: string,
  parse: (text: string) => (value: T) => boolean,
): (value: T) => boolean {
  return anyOf(
    eachOf(value, scope).map(([text, place]) => place.read(text, allowed, () => parse(text))),
  );
}

/** What may be asked of TLS besides whether there is any. */
interface TlsCondition {
  readonly version?: Texts;
  readonly verified?: boolean | Texts;
  readonly fingerprint?: Texts;
}

const tlsVersion = /^(?:TLSv)?(1\.[0-3])$/i;
const fingerprint = /^(?:[0-9a-f]{2}:?){32}$/i;

/** A row for each key of `tls`. */
const tlsConditions: {
  readonly [K in keyof TlsCondition]-?: (
    value: NonNullable<TlsCondition[K]>,
    scope: Scope,
  ) => (tls: TlsFacts) => boolean;
} = {
  version: (value, scope) =>
    each(value, scope, "1.0, 1.1, 1.2 or 1.3", (text) => {
      const version = tlsVersion.exec(text)?.[1];
      if (version === undefined) throw new RangeError("No version of TLS");
      return (tls: TlsFacts) => tls.version === `TLSv${version}`;
    }),
  verified: (value, scope) => {
    if (typeof value === "boolean") return ({ peer }) => (peer?.verified ?? false) === value;
    const subject = names(value, scope);
    return ({ peer }) => peer !== undefined && peer.verified && subject(peer.subject);
  },
  fingerprint: (value, scope) =>
    each(value, scope, "the 64 hexadecimal digits of a SHA-256, perhaps with colons", (text) => {
      if (!fingerprint.test(text)) throw new RangeError("No SHA-256");
      const digits = text.replaceAll(":", "").toLowerCase();
      return ({ peer }: TlsFacts) => peer?.fingerprint === digits;
    }),
};

const addressPatterns = 'patterns as user@dom.example, *@dom.example, .dom.example or "<>", @table';
const domainPatterns = "patterns as dom.example or .dom.example, @table";
const namePatterns = "texts, with * and ? as wildcards, or /expression/";

const scoreForm = "a table of above and below, with points that filters have given";
const points = (meaning: string): z.ZodType<number> =>
  z.number({ error: "a number" }).describe(meaning);

function condition<T>(row: Condition<T>): Condition<T> {
  return row;
}

/** A row for each key of `when`. */
export const conditions = {
  client: condition({
    schema: texts("IP addresses, networks as 192.0.2.0/24, @table"),
    phases: rulePhases,
    compile: (value, scope) => {
      const has = networks(value, scope);
      return ({ client }) => has(client.address);
    },
  }),
  "client-name": condition({
    schema: texts(domainPatterns),
    phases: rulePhases,
    compile: (value, scope) => {
      const matches = domains(value, scope);
      return ({ client: { name } }) => name !== undefined && matches(name);
    },
  }),
  hello: condition({
    schema: texts(domainPatterns),
    phases: fromHello,
    compile: (value, scope) => {
      const matches = domains(value, scope);
      return ({ hello }) => matches(hello);
    },
  }),
  listener: condition({
    schema: texts(namePatterns),
    phases: rulePhases,
    compile: (value, scope) => {
      const matches = names(value, scope);
      return ({ listener }) => matches(listener);
    },
  }),
  tls: condition({
    schema: z.union([
      z.boolean(),
      z.strictObject({
        version: texts("1.2, 1.3").optional(),
        verified: z.union([z.boolean(), texts(namePatterns)]).optional(),
        fingerprint: texts("SHA-256 fingerprints of client certificates").optional(),
      }),
    ], { error: "true, false, or a table of version, verified and fingerprint" }),
    phases: rulePhases,
    compile: (value: boolean | TlsCondition, scope) => {
      if (typeof value === "boolean") return ({ client }) => (client.tls !== undefined) === value;
      const { version, verified, fingerprint } = value;
      const tests = [
        version && tlsConditions.version(version, scope.at("version")),
        verified !== undefined && tlsConditions.verified(verified, scope.at("verified")),
        fingerprint && tlsConditions.fingerprint(fingerprint, scope.at("fingerprint")),
      ].filter((test) => typeof test === "function");
      return ({ client: { tls } }) => tls !== undefined && tests.every((test) => test(tls));
    },
  }),
  login: condition({
    schema: z.union([z.boolean(), texts(namePatterns)], {
      error: `true, false, or ${namePatterns}`,
    }),
    phases: fromMail,
    compile: (value: boolean | Texts, scope) => {
      if (typeof value === "boolean") return ({ client }) => (client.login !== undefined) === value;
      const matches = names(value, scope);
      return ({ client: { login } }) => login !== undefined && matches(login);
    },
  }),
  sender: condition({
    schema: texts(addressPatterns),
    phases: fromMail,
    compile: (value, scope) => {
      const matches = paths(value, scope);
      return ({ sender }) => matches(sender);
    },
  }),
  recipient: condition({
    schema: texts(addressPatterns),
    phases: fromRcpt,
    compile: (value, scope) => {
      const matches = paths(value, scope);
      return ({ recipients }) => recipients.some(matches);
    },
  }),
  size: condition({
    schema: texts('comparisons with octets, as ">10m"'),
    phases: fromMail,
    compile: (value, scope) => {
      const holds = each(value, scope, comparisonForm, parseComparison);
      return ({ size }) => size !== undefined && holds(size);
    },
  }),
  recipients: condition({
    schema: texts('comparisons with a number, as ">50"'),
    phases: fromRcpt,
    compile: (value, scope) => {
      const holds = each(value, scope, comparisonForm, parseComparison);
      return ({ count }) => holds(count);
    },
  }),
  header: condition({
    schema: headerSchema,
    phases: phasesFrom("headers"),
    compile: compileHeader,
  }),
  score: condition({
    schema: z.strictObject({
      above: points("more points than these").optional(),
      below: points("fewer points than these").optional(),
    }, { error: scoreForm })
      .refine(({ above, below }) => above !== undefined || below !== undefined, {
        error: "above, below or both",
      }).describe(scoreForm),
    phases: ["content"],
    compile: ({ above = -Infinity, below = Infinity }) => ({ score = 0 }) =>
      score > above && score < below,
  }),
  time: condition({
    schema: texts(timeWindowForm),
    phases: rulePhases,
    compile: (value, scope) => {
      const within = each(value, scope, timeWindowForm, parseTimeWindow);
      const { clock } = scope.environment;
      return () => within(clock.now());
    },
  }),
  rate: condition({ schema: rateSchema, phases: rulePhases, compile: compileRate }),
};

type Rows = typeof conditions;

/** What `when` says: every key must be met. */
export type When =
  & { readonly [K in keyof Rows]?: z.infer<Rows[K]["schema"]> }
  & {
    /** All of these. */
    readonly and?: readonly When[];
    /** Any of these. */
    readonly or?: readonly When[];
    /** Not all of this. */
    readonly not?: When;
  };

function compileOne(key: string, value: unknown, scope: Scope): Predicate {
  const row = conditions[key as keyof Rows] as Condition<unknown>;
  requirePhase(row.phases, scope);
  return row.compile(value, scope);
}

/** Everything but `rate`, which only stands outside. */
function compileAll({ and = [], or, not, ...keys }: When, scope: Scope): Predicate {
  if (keys.rate !== undefined) {
    throw scope.at("rate").error("a count within and, or, not", "it beside them in when");
  }
  const all = Object.entries(keys).map(([key, value]) => compileOne(key, value, scope.at(key)));
  all.push(...and.map((when, nth) => compileAll(when, scope.at("and", nth))));
  if (or !== undefined) {
    all.push(anyOf(or.map((when, nth) => compileAll(when, scope.at("or", nth)))));
  }
  if (not !== undefined) {
    const met = compileAll(not, scope.at("not"));
    all.push((view) => !met(view));
  }
  return all.length === 1 ? all[0] : (view) => all.every((met) => met(view));
}

/**
 * Compiles what `when` says.
 *
 * @throws {RuleError} At the first condition that cannot be used, or not in this phase.
 */
export function compileWhen({ rate, ...others }: When, scope: Scope): Predicate {
  const met = compileAll(others, scope);
  if (rate === undefined) return met;
  const exceeded = compileOne("rate", rate, scope.at("rate"));
  // Only what meets all the others is counted.
  return (view) => met(view) && exceeded(view);
}
