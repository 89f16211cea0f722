/**
 * `sluice check`: whether a configuration can be used, and all that is wrong with it, before it is.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { checkedCertificate } from "../adapters/node_certificates.ts";
import { systemClock, within } from "../clock.ts";
import type { Configuration } from "../config/configuration.ts";
import { loadConfiguration } from "../config/load.ts";
import { ConfigurationError, type Mistake, printMistake, shown } from "../config/mistake.ts";
import type { KeyPath } from "../config/places.ts";
import { DEFAULT_UPSTREAM } from "../session/upstreams.ts";
import type { Upstream } from "../session/upstream.ts";
import { assemble, type Assembly } from "./assemble.ts";
import { type CommandSpec, type Given, UsageError } from "./command_line.ts";

const DAY = 86_400_000;
/** Days before a certificate runs out when that is worth a warning. */
const WARNING = 14;
/** Milliseconds for an upstream to answer. */
const PATIENCE = 15_000;

/** See the module. */
export const check: CommandSpec = {
  name: "check",
  operands: "file",
  maxOperands: 1,
  summary: "Tells what is wrong with a configuration file, or that nothing is.",
  options: {
    "offline": { help: "Do not ask whether the upstreams can be reached." },
    "help": { short: "h", help: "Show this." },
  },
  examples: [
    [
      "sluice check sluice.toml",
      "Prints each mistake with line and column. The exit status is 1 if there is any.",
    ],
  ],
  run,
};

async function run(given: Given): Promise<number> {
  const [file] = given.operands;
  if (file === undefined) {
    throw new UsageError("check: found no operand, needed is a configuration file");
  }
  try {
    const configuration = await loadConfiguration(file, Deno.readTextFile);
    const assembly = await assemble(configuration, {
      clock: systemClock,
      observers: [],
      trouble: (error) => console.log(error.message),
    });
    const mistakes = await remaining(assembly, given.has("offline"));
    await assembly.discard();
    if (mistakes.length > 0) throw new ConfigurationError(mistakes);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    for (const mistake of error.mistakes) console.log(printMistake(mistake));
    return 1;
  }
  console.log(`${file}: ok`);
  return 0;
}

/** What only shows once everything could be made. */
async function remaining(
  { configuration, options }: Assembly,
  offline: boolean,
): Promise<readonly Mistake[]> {
  const found = [
    ...await certificateMistakes(configuration),
    ...await adminMistakes(configuration),
  ];
  if (offline) return found;
  const upstreams = new Map(Object.entries(options.upstreams ?? {}));
  if (options.upstream !== undefined) upstreams.set(DEFAULT_UPSTREAM, options.upstream);
  const asked = [...upstreams].map(([name, upstream]) =>
    upstreamMistakes(configuration, name, upstream)
  );
  return [...found, ...(await Promise.all(asked)).flat()];
}

/** A certificate that runs out soon is a warning, one that has is a mistake. */
async function certificateMistakes(configuration: Configuration): Promise<Mistake[]> {
  const mistakes: Mistake[] = [];
  for (const [nth, files] of (configuration.tls?.certificates ?? []).entries()) {
    const pair = {
      cert: await Deno.readTextFile(files.cert),
      key: await Deno.readTextFile(files.key),
    };
    const { validTo } = checkedCertificate(pair);
    const left = Date.parse(validTo) - systemClock.now();
    if (left > WARNING * DAY) continue;
    const path: KeyPath = ["tls", "certificates", nth];
    const found = `${shown(files.cert)}, valid to ${validTo}`;
    const mistake = configuration.mistake(path, found, "one that is valid");
    if (left <= 0) mistakes.push(mistake);
    else console.log(`${mistake.where}: warning: ${mistake.key}: found ${found}`);
  }
  return mistakes;
}

/** What `serve` would find before it listens. */
async function adminMistakes(configuration: Configuration): Promise<readonly Mistake[]> {
  const { admin } = configuration;
  if (admin === undefined) return [];
  const { adminOptionsOf } = await import("./admin_options.ts");
  try {
    await adminOptionsOf(configuration, admin);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.mistakes;
  }
}

async function upstreamMistakes(
  configuration: Configuration,
  name: string,
  upstream: Upstream,
): Promise<readonly Mistake[]> {
  try {
    await within(systemClock, PATIENCE, upstream.name, upstream.offer());
    return [];
  } catch (error) {
    const why = messageOf(error);
    const { path } = configuration.upstreams.get(name) ?? configuration.upstream;
    const allowed = `an upstream that answers (${why})`;
    return [configuration.mistake(path, shown(upstream.name), allowed)];
  }
}
