/**
 * From the rules and tables of a configuration to a policy.
 *
 * @module
 */

import { denoDialer, denoResolver } from "../adapters/deno/mod.ts";
import type { Configuration, TableSource } from "../config/configuration.ts";
import type { FilterEnvironment } from "../config/filter_row.ts";
import { httpFeed } from "../config/http_feed.ts";
import { LiveTable } from "../config/live_table.ts";
import { ConfigurationError, shown } from "../config/mistake.ts";
import { policyOf, type PolicyOptions } from "../config/policy.ts";
import { OptionError } from "../errors.ts";
import { compose, type Policy, proceedAll } from "../policy/policy.ts";
import { Table } from "../policy/rules/table.ts";
import { policyModule } from "./policy_module.ts";
import { secretAt } from "./secret.ts";
import { fileFeed } from "./table_file.ts";
import { type Surroundings, Work } from "./work.ts";

/** Who remembers what rules do, from one configuration to the next. */
export type RuleKeepers = Pick<PolicyOptions, "counters" | "looked">;

/** A policy, and the tables that follow their sources while it is in use. */
export interface OpenedPolicy {
  readonly policy: Policy;
  readonly live: readonly LiveTable[];
}

/**
 * Makes the policy of a configuration, and nothing else of it. Its rules count nothing.
 *
 * @throws {ConfigurationError}
 */
export async function assemblePolicy(
  configuration: Configuration,
  surroundings: Surroundings,
): Promise<Policy> {
  const work = new Work(configuration);
  const { policy } = await openPolicy(work, surroundings);
  if (work.mistakes.length > 0) throw new ConfigurationError(work.mistakes);
  return policy;
}

/**
 * Makes tables and policy; what fails is noted in `work`.
 *
 * @param keepers Who remembers what rules do. Default: nobody.
 */
export async function openPolicy(
  work: Work,
  surroundings: Surroundings,
  keepers: RuleKeepers = {},
): Promise<OpenedPolicy> {
  const { clock } = surroundings;
  const opened = [...work.configuration.tables].map(async ([name, source]) =>
    [name, await openTable(work, name, source, surroundings)] as const
  );
  const live = await Promise.all(opened);
  // Rules that refer to a table that cannot be read are not wrong for that.
  const tables = new Map(live.map(([name, table]) => [name, table ?? new Table(name)]));
  const rules = await work.attempt(
    ["rule"],
    "rules",
    "rules",
    () => Promise.resolve(policyOf(work.configuration, { tables, clock, ...keepers })),
  );
  return {
    policy: compose(
      rules ?? proceedAll,
      ...await openFilters(work, surroundings),
      await openModule(work),
    ),
    live: live.flatMap(([, table]) => table ?? []),
  };
}

async function openFilters(
  work: Work,
  { clock }: Surroundings,
): Promise<readonly Policy[]> {
  const environment: FilterEnvironment = {
    clock,
    hostname: work.configuration.options.hostname ?? "",
    dialer: denoDialer,
    fetch,
    resolver: denoResolver,
    secret: secretAt,
    file: Deno.readTextFile,
    beside: (path) => path,
  };
  const made = work.configuration.filters.map(({ name, make }, nth) =>
    work.attempt(
      ["filter", nth],
      shown(name),
      "a filter that can be used",
      async () => keepable(await make(environment), work),
    )
  );
  return (await Promise.all(made)).map((policy) => policy ?? proceedAll);
}

async function openModule(work: Work): Promise<Policy> {
  const { module } = work.configuration;
  if (module === undefined) return proceedAll;
  return await work.attempt(
    ["policy", "module"],
    shown(module),
    "a module whose default export is a policy",
    async () => keepable(await policyModule(module), work),
  ) ?? proceedAll;
}

/** What a policy quarantines has to be kept somewhere. */
function keepable(policy: Policy, { configuration: { quarantine } }: Work): Policy {
  const needed = policy.definitions.some(({ needs = [] }) => needs.includes("quarantine"));
  if (quarantine !== undefined || !needed) return policy;
  throw new OptionError("", "quarantine", "it only together with quarantine.directory");
}

function openTable(
  work: Work,
  name: string,
  source: TableSource,
  { clock, trouble: failed }: Surroundings,
): Promise<LiveTable | undefined> {
  const { feed, found } = source.kind === "file"
    ? { feed: fileFeed(source.file), found: source.file }
    : { feed: httpFeed(source.url, source.refresh), found: source.url };
  return work.attempt(
    ["tables", name, source.kind],
    shown(found),
    "a table that can be read",
    () => LiveTable.open(feed, { clock, failed }),
  );
}
