/**
 * `sluice stdio`: one session on standard input and output, for inetd and whatever else starts a
 * program for each connection.
 *
 * Everything that is not the dialogue goes to standard error.
 *
 * @module
 */

import { channelOfStreams } from "../adapters/deno/mod.ts";
import { encode } from "../bytes.ts";
import type { Address } from "../channel.ts";
import { systemClock } from "../clock.ts";
import type { Configuration } from "../config/configuration.ts";
import { defaultConfiguration } from "../config/defaults.ts";
import { OptionError } from "../errors.ts";
import { Networks } from "../networks.ts";
import { createProxy } from "../proxy.ts";
import type { SessionEnd } from "../session/observer.ts";
import { assemble } from "./assemble.ts";
import { parseAddress } from "./address.ts";
import type { CommandSpec, Given } from "./command_line.ts";
import { openLog } from "./log.ts";
import { override } from "./override.ts";
import { outliveFaults } from "./outlive_faults.ts";
import { byFlags, inTurn, serve, untilSignal } from "./serve.ts";
import { surroundingsOf } from "./surroundings.ts";

/** Options of `serve` that need more than one session. */
const OF_MANY = [
  ...["listen", "tls-listen", "lmtp-listen", "drain", "workers", "upstream-connections"],
  ...["admin", "admin-token", "admin-reader-token", "admin-host"],
];

/** What writes to standard output, of all that a console can do. */
const PRINTING = [
  ...["log", "info", "debug", "dir", "dirxml", "table", "group", "groupCollapsed"],
  ...["count", "timeLog", "timeEnd", "clear"],
];

/** Milliseconds that a signal leaves to an open transaction. */
const DRAIN = 30_000;

/** See the module. */
export const stdio: CommandSpec = {
  name: "stdio",
  operands: "",
  maxOperands: 0,
  summary: "Serves one session on standard input and output, as inetd starts it.",
  options: {
    "client-address": {
      argument: "address",
      help: "IP address of the client, or host:port; whoever starts the program has to tell. " +
        "Default: unknown.",
    },
    "server-address": {
      argument: "address",
      help: "The same of the end that the client has reached, for --identify proxy.",
    },
    "implicit-tls": { help: "TLS from the first octet; needs --cert." },
    ...Object.fromEntries(
      Object.entries(serve.options).filter(([name]) => !OF_MANY.includes(name)),
    ),
  },
  examples: [
    [
      "sluice stdio --upstream smtp://127.0.0.1:25",
      "As a line of inetd.conf, or behind `socat TCP-LISTEN:2525,fork EXEC:…`.",
    ],
    [
      "sluice stdio --config sluice.toml --client-address $TCPREMOTEIP",
      "Under tcpserver, with the policy of a file; its listeners and its admin are not used.",
    ],
  ],
  run,
};

async function run(given: Given): Promise<number> {
  const remoteAddress = endOf(given, "client-address");
  const localAddress = endOf(given, "server-address");
  outliveFaults();
  // What a policy's module prints must not become part of the dialogue.
  Object.assign(console, Object.fromEntries(PRINTING.map((name) => [name, console.error])));
  const configuration = await byFlags(() => configurationOf(given));
  const log = openLog({ ...configuration.log, clock: systemClock, write: inTurn(toStandardError) });
  let ended: SessionEnd | undefined;
  try {
    const surroundings = await surroundingsOf(configuration, log);
    const assembly = await byFlags(() => assemble(configuration, surroundings));
    const proxy = createProxy(assembly.options);
    proxy.observe({ sessionClosed: (_, end) => ended = end });
    const { readable } = Deno.stdin;
    const { writable } = Deno.stdout;
    const channel = channelOfStreams({ readable, writable }, { localAddress, remoteAddress });
    const [{ options }] = configuration.listeners;
    using signal = untilSignal();
    await Promise.race([proxy.handle(channel, options), signal.came]);
    await proxy.close(DRAIN);
    await assembly.close();
  } finally {
    await log.close();
  }
  return ended === "quit" || ended === "dismissed" ? 0 : 1;
}

/** One listener, which stands for the two streams, in the place of those of the file. */
async function configurationOf(given: Given): Promise<Configuration> {
  const file = given.value("config");
  const written = file === undefined ? defaultConfiguration() : await readFrom(file);
  const options = { name: "stdio", implicitTls: given.has("implicit-tls") };
  const at = { transport: "unix", path: "" } as const;
  const listeners = [{ at, options, path: ["--implicit-tls"] }];
  // Connections are not kept for a session that never comes.
  const upstream = { ...written.upstream, pool: false as const };
  const configuration = override({ ...written, listeners, upstream, admin: undefined }, given);
  if (options.implicitTls && configuration.tls === undefined) {
    throw new OptionError("--implicit-tls", "no certificate", "only together with --cert");
  }
  for (const { servers } of [configuration.upstream, ...configuration.upstreams.values()]) {
    // RFC 5321 §6.1: what is only in memory is lost with the process.
    const lost = servers.find(({ url }) => url.kind === "capture" && url.directory === undefined);
    if (lost !== undefined) {
      throw new OptionError("--upstream", lost.name, "a server, or capture:directory");
    }
  }
  return configuration;
}

async function readFrom(file: string): Promise<Configuration> {
  const { loadConfiguration } = await import("../config/load.ts");
  return await loadConfiguration(file, Deno.readTextFile);
}

/** Who is at one end of the streams. @throws {OptionError} */
function endOf(given: Given, name: string): Address {
  const text = given.value(name);
  if (text === undefined) return { transport: "memory", name: "stdio" };
  const option = `--${name}`;
  const wrong = (): OptionError =>
    new OptionError(option, text, "an IP address, or one with its port as host:port");
  if (isAddress(text)) return { transport: "tcp", host: text, port: 0 };
  const address = parseAddress(text, option);
  if (address.transport !== "tcp" || !isAddress(address.host)) throw wrong();
  return address;
}

function isAddress(text: string): boolean {
  try {
    new Networks([text]);
    return !text.includes("/");
  } catch {
    return false;
  }
}

async function toStandardError(text: string): Promise<void> {
  const octets = encode(text);
  for (let at = 0; at < octets.length;) at += await Deno.stderr.write(octets.subarray(at));
}
