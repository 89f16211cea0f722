/**
 * From a configuration to what the proxy is told: upstreams, certificates, tables, policy and
 * recording are made here, all of them or none.
 *
 * @module
 */

import { createTlsServer, denoResolver, fileCertificates } from "../adapters/deno/mod.ts";
import { MaildirStore } from "../adapters/deno/maildir.ts";
import type { TlsServer } from "../channel.ts";
import type { Configuration, UpstreamSource } from "../config/configuration.ts";
import { ConfigurationError, shown } from "../config/mistake.ts";
import type { ProxyOptions } from "../options.ts";
import { proceedAll } from "../policy/policy.ts";
import type { Upstream } from "../session/upstream.ts";
import { BalancedUpstream } from "../upstream/balanced.ts";
import type { OpenedPolicy, RuleKeepers } from "./assemble_policy.ts";
import { recordingFile, SharedRecording } from "./recording_file.ts";
import { makeUpstream } from "./upstream.ts";
import { isSecureWebSocket } from "./websockets.ts";
import { type Surroundings, Work } from "./work.ts";

/** What a configuration has become. */
export interface Assembly {
  readonly configuration: Configuration;
  readonly options: ProxyOptions;
  /** Where the policy's decisions are written down. */
  readonly recording: SharedRecording | undefined;
  /** Ends what is its own, once no session asks the policy any more. */
  close(): Promise<void>;
  /** Closes the upstreams too, of which no proxy has become the owner. */
  discard(): Promise<void>;
}

/**
 * Makes everything that a configuration names.
 *
 * @param last The one that is in effect: a recording into the same file goes on.
 * @throws {ConfigurationError} With all that could not be made; nothing is left open then.
 */
export async function assemble(
  configuration: Configuration,
  surroundings: Surroundings,
  last?: Assembly,
): Promise<Assembly> {
  const work = new Work(configuration);
  const { shadow } = configuration;
  const [upstream, upstreams, tls, { policy, live }, recording, quarantine] = await Promise.all([
    openUpstream(work, configuration.upstream, surroundings),
    openUpstreams(work, surroundings),
    openTls(work, surroundings),
    policyOfRules(work, surroundings, {
      counters: surroundings.counters?.live,
      looked: surroundings.stats?.looked,
    }),
    openRecording(work, surroundings, last?.recording),
    openQuarantine(work),
  ]);
  const second = shadow && new Work(shadow);
  const shadowed = second &&
    await policyOfRules(second, surroundings, { counters: surroundings.counters?.shadow });
  const close = async (): Promise<void> => {
    await Promise.all([...live, ...shadowed?.live ?? []].map((table) => table.settled()));
    await recording?.release();
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
      quarantine,
      resolver: configuration.lookupNames ? denoResolver : undefined,
      policy,
      shadow: shadowed?.policy,
      observers: recording === undefined ? observers : [...observers, recording.file.observer],
      clock,
    },
    recording,
    close,
    discard,
  };
}

/** One upstream of all servers of the source, or none where one of them could not be made. */
async function openUpstream(
  work: Work,
  { servers, balance: strategy, probe, identify, timeout, pool, secret }: UpstreamSource,
  { clock, dropped }: Surroundings,
): Promise<Upstream | undefined> {
  const { hostname, keepSourceRoutes } = work.configuration.options;
  const alone = servers.length === 1 &&
    (probe === undefined || servers[0].url.kind === "discovered");
  const balance = { strategy, clock, probeInterval: probe };
  const wishes = { identify, timeout, pool, secret, hostname, keepSourceRoutes, dropped };
  const opened = servers.map(async ({ name, url, path, weight, priority }) => {
    const upstream = await work.attempt(
      path,
      shown(name),
      "an upstream that can be used",
      () =>
        makeUpstream(name, url, { ...wishes, balance: alone ? balance : { strategy, clock } }, ""),
    );
    return upstream === undefined ? [] : [{ upstream, weight, priority }];
  });
  const members = (await Promise.all(opened)).flat();
  if (members.length < servers.length) {
    await Promise.all(members.map(({ upstream }) => upstream.close()));
    return undefined;
  }
  if (alone) return members[0].upstream;
  return new BalancedUpstream(servers.map(({ name }) => name).join(", "), members, balance);
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
  last: SharedRecording | undefined,
): Promise<SharedRecording | undefined> {
  const { record } = work.configuration;
  if (record === undefined) return undefined;
  if (last?.source.file === record.file && last.source.addresses === record.addresses) {
    return last.use();
  }
  return await work.attempt(
    ["record"],
    shown(record.file),
    "a file that can be written",
    async () => new SharedRecording(record, await recordingFile(record, clock, trouble)).use(),
  );
}

async function openQuarantine(work: Work): Promise<MaildirStore | undefined> {
  const { quarantine } = work.configuration;
  if (quarantine === undefined) return undefined;
  return await work.attempt(
    ["quarantine", "directory"],
    shown(quarantine),
    "a directory that can be written",
    () => MaildirStore.open(quarantine),
  );
}

async function openTls(
  work: Work,
  { clock, trouble }: Surroundings,
): Promise<TlsServer | undefined> {
  const { tls } = work.configuration;
  for (const { at, path, options } of work.configuration.listeners) {
    if (at.transport !== "websocket") continue;
    const wrong = (allowed: string): void =>
      void work.mistakes.push(work.configuration.mistake(path, shown(at.url), allowed));
    if (options.implicitTls) wrong("wss:// where TLS is wanted, and nothing else that says so");
    if (tls === undefined && isSecureWebSocket(at)) wrong("wss:// only together with certificates");
  }
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

/** Rules bring two libraries along, which most of those who have none should not have to load. */
async function policyOfRules(
  work: Work,
  surroundings: Surroundings,
  told: RuleKeepers,
): Promise<OpenedPolicy> {
  const { rules, filters, tables, module } = work.configuration;
  const lists = rules.length + filters.length + tables.size;
  if (lists === 0 && module === undefined) {
    return { policy: proceedAll, live: [] };
  }
  const { openPolicy } = await import("./assemble_policy.ts");
  return await openPolicy(work, surroundings, told);
}
