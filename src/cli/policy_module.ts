/**
 * A policy in TypeScript, loaded from its module.
 *
 * @module
 */

import type { Policy } from "../policy/policy.ts";
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
  const policy: Partial<Policy> | undefined = (await import(url.href)).default;
  if (!Array.isArray(policy?.definitions)) {
    throw new TypeError("it has no policy as its default export");
  }
  return policy as Policy;
}
