/**
 * The policy that a command line names: the one of a configuration file, or a module's default
 * export.
 *
 * @module
 */

import { systemClock } from "../clock.ts";
import { loadConfiguration } from "../config/load.ts";
import { messageOf, OptionError } from "../errors.ts";
import type { Policy } from "../policy/policy.ts";
import { Reply } from "../rfc5321/reply.ts";
import { replyTexts } from "../session/replies.ts";
import { assemblePolicy } from "./assemble_policy.ts";
import { type Given, type OptionRow, UsageError } from "./command_line.ts";
import { policyModule } from "./policy_module.ts";

/** A policy with what the configuration says of its failures. */
export interface NamedPolicy {
  readonly policy: Policy;
  /** Milliseconds for one check. */
  readonly timeLimit: number;
  readonly onFailure: Reply;
}

/** Milliseconds for one check where no configuration says otherwise. */
const TIME_LIMIT = 30_000;

/** The options of a command that needs a policy. */
export const policyOptions: Readonly<Record<string, OptionRow>> = {
  "config": { argument: "file", short: "c", help: "Take the policy of this configuration." },
  "policy": { argument: "module", help: "Take the policy that this module exports by default." },
};

/**
 * Loads the policy.
 *
 * @throws {UsageError} If not exactly one is named.
 * @throws {ConfigurationError} If the configuration cannot be used.
 * @throws {OptionError} If the module has no policy.
 */
export async function namedPolicy(given: Given, command: string): Promise<NamedPolicy> {
  const config = given.value("config");
  const module = given.value("policy");
  if ((config === undefined) === (module === undefined)) {
    const found = config === undefined ? "none" : "both";
    throw new UsageError(`${command}: found ${found} of --config and --policy, needed is one`);
  }
  return config === undefined ? await ofModule(module!) : await ofConfiguration(config);
}

async function ofConfiguration(file: string): Promise<NamedPolicy> {
  const configuration = await loadConfiguration(file, Deno.readTextFile);
  const { policyTimeLimit, policyFailure = replyTexts.temporary } = configuration.options;
  const policy = await assemblePolicy(configuration, {
    clock: systemClock,
    observers: [],
    trouble: (error) => console.error(`sluice: ${error.message}`),
  });
  return {
    policy,
    timeLimit: policyTimeLimit ?? TIME_LIMIT,
    onFailure: Reply.parse(policyFailure),
  };
}

async function ofModule(path: string): Promise<NamedPolicy> {
  const onFailure = Reply.parse(replyTexts.temporary);
  try {
    return { policy: await policyModule(path), timeLimit: TIME_LIMIT, onFailure };
  } catch (error) {
    const why = messageOf(error);
    throw new OptionError("--policy", path, `a module whose default export is a policy (${why})`);
  }
}
