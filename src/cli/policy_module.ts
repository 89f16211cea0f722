/**
 * A policy in TypeScript, loaded from its module.
 *
 * @module
 */

import type { Policy } from "../policy/policy.ts";
import { phases } from "../session/phases.ts";
import { stampOf } from "./table_file.ts";

/**
 * Loads the policy that a module exports by default. A module that has changed since is loaded again;
 * what it imports itself is not, and what was loaded before stays in memory.
 *
 * @throws {Error} If it cannot be loaded, or exports no policy.
 */
export async function policyModule(path: string): Promise<Policy> {
  const file = await Deno.realPath(path);
  const url = new URL(`file://${encodeURI(file)}`);
  // A module is known by its address for ever: another version needs another one.
  url.search = await stampOf(file);
  const policy: unknown = (await import(url.href)).default;
  if (isPolicy(policy)) return policy;
  throw new TypeError("it has no policy as its default export");
}

/** Whether somebody's module, which no compiler need have seen, exports what it should. */
function isPolicy(value: unknown): value is Policy {
  const { definitions } = Object(value) as Partial<Policy>;
  return Array.isArray(definitions) &&
    definitions.every((definition) =>
      typeof definition === "object" && definition !== null &&
      phases.every((phase) => ["function", "undefined"].includes(typeof definition[phase]))
    );
}
