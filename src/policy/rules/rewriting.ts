/**
 * What the action `rewrite` makes of an address: by templates, or by the entry of a table.
 *
 * @module
 */

import { Path } from "../../rfc5321/path.ts";
import type { Phase } from "../../session/phases.ts";
import type { When } from "./conditions.ts";
import { type AddressPattern, parsePattern } from "./pattern.ts";
import { parseTemplate, rewriteBy } from "./rewrite.ts";
import { eachOf, isTableReference, type RuleTable, type Scope } from "./scope.ts";
import { pathOf, type View } from "./view.ts";

/** Addresses in place of one; `undefined` to leave it. */
type Rewriting = (view: View) => readonly Path[] | undefined;

/**
 * What the stars of a template stand for where no pattern says it. The null reverse-path is no
 * mailbox: it becomes one only where the rule names `<>` (RFC 5321 §4.5.5 advises against it).
 */
const everyMailbox = parsePattern("*@*", "address");

// A comma in quotes separates nothing.
const listed = /(?:"(?:[^"\\]|\\[^])*"|[^,"])+/g;

/** The patterns of the rule's own condition on the address, not those of nested conditions. */
function patternsOf(phase: Phase, when: When = {}): readonly AddressPattern[] {
  const texts = (phase === "mail" ? when.sender : when.recipient) ?? [];
  const list = typeof texts === "string" ? [texts] : texts;
  const patterns = list.filter((text) => !isTableReference(text))
    .map((text) => parsePattern(text, "address"));
  return patterns.length === list.length && list.length > 0
    ? patterns
    : [...patterns, everyMailbox];
}

function byTemplates(texts: string | readonly string[], scope: Scope, when?: When): Rewriting {
  const { phase } = scope;
  const choices = patternsOf(phase, when).map((pattern) => ({
    pattern,
    templates: eachOf(texts, scope).map(([text, place]) =>
      place.read(text, "local-part@domain", () => parseTemplate(text, pattern))
    ),
  }));
  return (view) => {
    const path = pathOf(phase, view);
    const choice = choices.find(({ pattern }) => pattern.matches(path));
    return choice?.templates.map((template) => rewriteBy(choice.pattern, template, path)!);
  };
}

/** The addresses of a table's value; at `mail` there is one, perhaps `<>`. */
function readValue(value: string, phase: Phase): readonly Path[] {
  if (phase === "mail") return [value === "<>" ? Path.null : Path.from(value)];
  const paths = (value.match(listed) ?? []).map((text) => Path.from(text.trim()));
  if (paths.length > 0) return paths;
  throw new RangeError("Cannot read the value of a table: found nothing, allowed are addresses");
}

function byTable(table: RuleTable, phase: Phase): Rewriting {
  return (view) => {
    const value = table.get({ path: pathOf(phase, view) });
    return value === undefined ? undefined : readValue(value, phase);
  };
}

/**
 * Compiles the value of `rewrite`.
 *
 * @param when The rule's conditions: stars stand for what the pattern of its address took.
 * @returns Throws an `Error` with the rule's name where what comes out is no address.
 * @throws {RuleError} If the value cannot be used.
 */
export function compileRewriting(
  value: string | readonly string[],
  scope: Scope,
  when?: When,
): Rewriting {
  const { phase } = scope;
  const count = typeof value === "string" ? 1 : value.length;
  if (phase === "mail" && count !== 1) throw scope.error(`${count} addresses`, "one at mail");
  for (const [text, place] of eachOf(value, scope)) {
    if (phase !== "mail" && text === "<>") throw place.error('"<>"', "an address; <> at mail");
  }
  const table = typeof value === "string" ? scope.table(value) : undefined;
  const rewriting = table === undefined ? byTemplates(value, scope, when) : byTable(table, phase);
  return (view) => {
    try {
      return rewriting(view);
    } catch (cause) {
      const path = pathOf(phase, view);
      throw new Error(`The rule ${JSON.stringify(scope.rule)} cannot rewrite ${path}`, { cause });
    }
  };
}
