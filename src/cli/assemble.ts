/**
 * From a configuration to what the proxy is told: upstreams, certificates, tables and policy are made
 * here, all of them or none.
 *
 * @module
 */

import { createTlsServer, fileCertificates } from "../adapters/deno/mod.ts";
import type { TlsServer } from "../channel.ts";
import type { Clock } from "../clock.ts";
import type { Configuration, TableSource, UpstreamSource } from "../config/configuration.ts";
import { policyOf } from "../config/policy.ts";
import { httpFeed } from "../config/http_feed.ts";
import { LiveTable } from "../config/live_table.ts";
import { ConfigurationError, type Mistake, shown } from "../config/mistake.ts";
import type { KeyPath } from "../config/places.ts";
import { OptionError } from "../errors.ts";
import type { ProxyOptions } from "../options.ts";
import { type Policy, proceedAll } from "../policy/policy.ts";
import { Table } from "../policy/rules/table.ts";
import type { Observer } from "../session/observer.ts";
import type { Upstream } from "../session/upstream.ts";
import { type RecordingFile, recordingFile } from "./recording_file.ts";
import { fileFeed } from "./table_file.ts";
import { makeUpstream } from "./upstream.ts";

/** What a configuration does not say. */
export interface Surroundings {
  readonly clock: Clock;
  readonly observers: readonly Observer[];
  /** Octets that stood behind an upstream's reply to STARTTLS. */
  readonly dropped?: (octets: number) => void;
  /** Told of certificates and tables that could not be read again: what was read stays in use. */
  readonly trouble: (error: Error) => void;
}

/** What a configuration has become. */
export interface Assembly {
  readonly configuration: Configuration;
  readonly options: ProxyOptions;
  /** Waits for what is under way, once no session asks the policy any more. */
  close(): Promise<void>;
  /** Closes the upstreams too, of which no proxy has become the owner. */
  discard(): Promise<void>;
}

/**
 * Makes everything that a configuration names.
 *
 * @throws {ConfigurationError} With all that could not be made; nothing is left open then.
 */
export async function assemble(
  configuration: Configuration,
  surroundings: Surroundings,
): Promise<Assembly> {
  const work = new Work(configuration);
  const { shadow } = configuration;
  const [upstream, upstreams, tls, { policy, live }, recording] = await Promise.all([
    openUpstream(work, configuration.upstream, surroundings),
    openUpstreams(work, surroundings),
    openTls(work, surroundings),
    openPolicy(work, surroundings),
    openRecording(work, surroundings),
  ]);
  const second = shadow && new Work(shadow);
  const shadowed = second && await openPolicy(second, surroundings);
  const close = async (): Promise<void> => {
    await Promise.all([...live, ...shadowed?.live ?? []].map((table) => table.settled()));
    await recording?.close();
  };
  const discard = async (): Promise<void> => {
    await Promise.all([upstream, ...Object.values(upstreams)].map((one) => one?.close()));
    await close();
  };
  const mistakes = [...work.mistakes, ...second?.mistakes ?? []];
  if (mistakes.length > 0) {
    await discard();
    throw new ConfigurationError(mistakes);
  }
  const { clock, observers } = surroundings;
  return {
    configuration,
    options: {
      ...configuration.options,
      upstream,
      upstreams,
      tls,
      policy,
      shadow: shadowed?.policy,
      observers: recording === undefined ? observers : [...observers, recording.observer],
      clock,
    },
    close,
    discard,
  };
}

/**
 * Makes the policy of a configuration, and nothing else of it.
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

/** One attempt: what fails is noted, and the rest goes on. */
class Work {
  readonly mistakes: Mistake[] = [];

  constructor(readonly configuration: Configuration) {}

  /** The result of `make`; `undefined` where it has failed. */
  async attempt<T>(
    path: KeyPath,
    found: string,
    allowed: string,
    make: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await make();
    } catch (error) {
      this.mistakes.push(...this.#mistakesOf(error, path, found, allowed));
      return undefined;
    }
  }

  #mistakesOf(
    error: unknown,
    path: KeyPath,
    found: string,
    allowed: string,
  ): readonly Mistake[] {
    if (error instanceof ConfigurationError) return error.mistakes;
    if (error instanceof OptionError) {
      return [this.configuration.mistake(path, shown(error.found), error.allowed)];
    }
    const why = error instanceof Error ? error.message : String(error);
    return [this.configuration.mistake(path, found, `${allowed} (${why})`)];
  }
}

function openUpstream(
  work: Work,
  { name, url, identify, timeout, path }: UpstreamSource,
  { dropped }: Surroundings,
): Promise<Upstream | undefined> {
  const { hostname, keepSourceRoutes } = work.configuration.options;
  const wishes = { identify, timeout, hostname, keepSourceRoutes, dropped };
  return work.attempt(
    path,
    shown(name),
    "an upstream that can be used",
    () => makeUpstream(name, url, wishes, ""),
  );
}

async function openUpstreams(
  work: Work,
  surroundings: Surroundings,
): Promise<Record<string, Upstream>> {
  const opened = [...work.configuration.upstreams].map(async ([name, source]) => {
    const upstream = await openUpstream(work, source, surroundings);
    return upstream === undefined ? [] : [[name, upstream] as const];
  });
  return Object.fromEntries((await Promise.all(opened)).flat());
}

async function openRecording(
  work: Work,
  { clock, trouble }: Surroundings,
): Promise<RecordingFile | undefined> {
  const { record } = work.configuration;
  if (record === undefined) return undefined;
  return await work.attempt(
    ["record"],
    shown(record.file),
    "a file that can be written",
    () => recordingFile(record, clock, trouble),
  );
}

async function openTls(
  work: Work,
  { clock, trouble }: Surroundings,
): Promise<TlsServer | undefined> {
  const { tls } = work.configuration;
  if (tls === undefined) return undefined;
  const { certificates: files, authorities, paths } = tls;
  const certificates = await work.attempt(
    paths.certificates,
    files.map(({ cert }) => shown(cert)).join(", "),
    "certificate files with their keys",
    () => fileCertificates(files, { clock, onError: trouble }),
  );
  if (authorities === undefined) return certificates && createTlsServer({ certificates });
  return await work.attempt(
    paths.authorities,
    shown(authorities),
    "a file with certificates of authorities",
    async () => {
      const clientCertificates = {
        request: true,
        authorities: [await Deno.readTextFile(authorities)],
      };
      return certificates && createTlsServer({ certificates, clientCertificates });
    },
  );
}

async function openPolicy(
  work: Work,
  surroundings: Surroundings,
): Promise<{ readonly policy: Policy; readonly live: readonly LiveTable[] }> {
  const { clock } = surroundings;
  const opened = [...work.configuration.tables].map(async ([name, source]) =>
    [name, await openTable(work, name, source, surroundings)] as const
  );
  const live = await Promise.all(opened);
  // Rules that refer to a table that cannot be read are not wrong for that.
  const tables = new Map(live.map(([name, table]) => [name, table ?? new Table(name)]));
  return {
    policy: await work.attempt(
      ["rule"],
      "rules",
      "rules",
      () => Promise.resolve(policyOf(work.configuration, { tables, clock })),
    ) ?? proceedAll,
    live: live.flatMap(([, table]) => table ?? []),
  };
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
