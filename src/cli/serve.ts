/**
 * `sluice serve`: the proxy on Deno.
 *
 * @module
 */

import { toStandardOutput } from "./standard_output.ts";
import { systemClock, within } from "../clock.ts";
import type { Configuration } from "../config/configuration.ts";
import { defaultConfiguration } from "../config/defaults.ts";
import { OptionError } from "../errors.ts";
import { defaultLimits } from "../options.ts";
import { defaultPool } from "../upstream/smtp/pool.ts";
import { parseDuration } from "./address.ts";
import { type Announce, announcer } from "./announcement.ts";
import type { CommandSpec, Given } from "./command_line.ts";
import { complain } from "./complain.ts";
import { FileWatch } from "./file_watch.ts";
import { Follower } from "./follower.ts";
import { type Log, openLog } from "./log.ts";
import { override } from "./override.ts";
import { outliveFaults } from "./outlive_faults.ts";
import { Service } from "./service.ts";
import { surroundingsOf } from "./surroundings.ts";
import type { Supervisor } from "./workers/supervisor.ts";

/** Milliseconds for whoever reads the log to take what is left of it. */
const LAST_LINES = 5_000;

/** See the module. */
export const serve: CommandSpec = {
  name: "serve",
  operands: "",
  maxOperands: 0,
  summary: "Puts a filtering SMTP proxy in front of a mail server.",
  options: {
    "config": {
      argument: "file",
      short: "c",
      help:
        "Read a configuration file (TOML), again on SIGHUP and when it changes. Whatever else is " +
        "given here takes the place of what the file says; --accept is for every listener.",
    },
    "listen": {
      argument: "host:port",
      short: "l",
      repeatable: true,
      help: "Listen for SMTP here; unix:/path?mode=0660 for a Unix socket, " +
        "ws://host:port/path?token=file (or wss, with --cert) for WebSockets. " +
        "Default 127.0.0.1:2525.",
    },
    "tls-listen": {
      argument: "host:port",
      repeatable: true,
      help: "Listen for SMTP under TLS from the first octet (port 465); needs --cert.",
    },
    "lmtp-listen": {
      argument: "host:port",
      repeatable: true,
      help: "Listen for LMTP here, not on port 25; unix:/path for a Unix socket.",
    },
    "upstream": {
      argument: "url",
      short: "u",
      repeatable: true,
      help: "The next hop: smtp://host:port, smtps://host:port, smtp+mx://domain, " +
        "smtp+srv://_service._tcp.domain, unix:/path, lmtp://host:port, lmtp+unix:/path or " +
        "ws://host/path (wss with ca=file only), with token=file for WebSockets, and " +
        "?tls=none|opportunistic|required|verify, ca=file, name=host, pin=sha256:hex, " +
        "chunking=small|as-received|always|never; https://host/path takes them as " +
        "requests; capture: keeps them in memory, capture:directory as a Maildir. Several take turns. Default capture:.",
    },
    "cert": {
      argument: "file",
      repeatable: true,
      help:
        "Certificate chain in PEM, with its --key. Several are chosen by server name; a changed " +
        "file is read again.",
    },
    "key": {
      argument: "file",
      repeatable: true,
      help: "Private key in PEM, in the order of --cert.",
    },
    "client-ca": {
      argument: "file",
      help: "Ask clients for a certificate and verify it by these authorities.",
    },
    "require-tls": { help: "Refuse MAIL in the clear." },
    "auth": {
      argument: "mode",
      help: "relay: offer the upstream's AUTH; require: and insist on it; off. Default relay.",
    },
    "insecure-auth": { help: "Offer AUTH in the clear too." },
    "trusted": {
      argument: "network",
      repeatable: true,
      help: "Address or CIDR of trusted peers: AUTH= and priorities of theirs are believed, and " +
        "what --accept names is taken from them.",
    },
    "accept": {
      argument: "what",
      repeatable: true,
      help:
        "xclient, xforward, proxy (comma-separated), from trusted peers; proxy makes the PROXY " +
        "header mandatory.",
    },
    "identify": {
      argument: "how",
      help: "Tell the upstream who the client is: none, xforward, xclient, proxy (v2), proxy-v1. " +
        "Default none.",
    },
    "hostname": {
      argument: "name",
      help: "Our name in greeting, EHLO and Received. Default: the listener's address.",
    },
    "lookup-names": { help: "Look up the names of clients, for rules, log and Received." },
    "max-size": {
      argument: "octets",
      help: `Largest message, as 1000, 64k or 50m. Default ${defaultLimits.messageSize}.`,
    },
    "max-recipients": {
      argument: "number",
      help: `Recipients of one message. Default ${defaultLimits.recipients}.`,
    },
    "idle-timeout": { argument: "time", help: "Wait for a client's command. Default 5m." },
    "upstream-timeout": {
      argument: "time",
      help: "Wait for each reply of the upstream. Default as RFC 5321 §4.5.3.2.",
    },
    "upstream-secret": {
      argument: "where",
      help: "Sign the requests to an upstream https://… with the secret of a file, or of env:NAME.",
    },
    "upstream-connections": {
      argument: "number",
      help: "Connections to the upstream, which are kept from one message to the next; own: each " +
        `session has its own. Default ${defaultPool.connections}.`,
    },
    "bare-newline": {
      argument: "what",
      help: "A CR or LF by itself in a message: reject the message, or normalize. Default reject.",
    },
    "verify": {
      argument: "who",
      help: "Who answers VRFY, EXPN, HELP: local, upstream. Default local.",
    },
    "eager-mail": {
      help: "Send MAIL on as it comes; otherwise it travels with the first recipient, where the " +
        "upstream has PIPELINING.",
    },
    "keep-source-routes": { help: "Pass source routes on instead of dropping them." },
    "no-trace": { help: "Put no Received field on top of messages." },
    "drain": {
      argument: "time",
      help: "How long SIGTERM lets open transactions finish. Default 30s.",
    },
    "policy": {
      argument: "module",
      help: "Ask the policy that this TypeScript module exports by default, behind the rules of " +
        "--config; loaded again when it changes.",
    },
    "admin": {
      argument: "host:port",
      help: "Serve the dashboard, the API and metrics here. Without a token only on loopback. " +
        "Default: not at all.",
    },
    "admin-token": {
      argument: "where",
      help: "File with the token of operators, or env:NAME; who has it may also act.",
    },
    "admin-reader-token": {
      argument: "where",
      help: "The same of those who may only look.",
    },
    "admin-host": {
      argument: "name",
      repeatable: true,
      help: "A name by which browsers may address the admin, beside localhost and IP addresses.",
    },
    "workers": {
      argument: "number",
      help:
        "Threads that serve the same listeners, each with its part of what is limited for all. " +
        "SIGUSR2 restarts them, one after the other. Default 1.",
    },
    "log-format": {
      argument: "form",
      help: "Log lines, and those that say where it listens, as text or json. Default text.",
    },
    "log-level": {
      argument: "level",
      help:
        "error, warning, info (a line for each message) or debug (for each reply). Default info.",
    },
    "log-addresses": {
      argument: "form",
      help: "Addresses and logins in the log: plain, or redacted. Default plain.",
    },
    "quiet": { short: "q", help: "Write no line for each message: --log-level warning." },
    "help": { short: "h", help: "Show this." },
  },
  examples: [
    [
      "sluice serve --config sluice.toml",
      "Everything from a file; `sluice check sluice.toml` tells what is wrong with it.",
    ],
    [
      "sluice serve --listen :2525 --upstream smtp://127.0.0.1:25",
      "In front of a local Postfix.",
    ],
    [
      "sluice serve --cert mx.pem --key mx.key --tls-listen :465 " +
      "--upstream 'smtp://mail.example?tls=verify'",
      "TLS on both sides.",
    ],
    [
      "sluice serve --accept xforward --trusted 127.0.0.0/8 --identify xforward " +
      "--upstream smtp://127.0.0.1:10026",
      "As smtpd_proxy_filter between two Postfix instances.",
    ],
  ],
  run,
};

async function run(given: Given): Promise<number> {
  const drain = parseDuration(given.value("drain") ?? "30", "--drain");
  outliveFaults();
  const watch = new FileWatch(systemClock);
  const first = await byFlags(() => configurationOf(given, watch));
  const write = inTurn(toStandardOutput);
  const log = openLog({ ...first.log, clock: systemClock, write });
  const announce = announcer(first.log.format, systemClock, (line) => console.log(line));
  try {
    let read: Configuration | undefined = first;
    const load = async (): Promise<Configuration> => {
      const configuration = read ?? await configurationOf(given, watch);
      read = undefined;
      return configuration;
    };
    // Whoever reads that it listens may end it at once.
    using ended = untilSignal();
    const service = await byFlags(() => start({ first, load, log, announce, write, drain }));
    const follower = given.has("config") || given.has("policy")
      ? new Follower(watch, () => byFlags(() => service.reload()), announce)
      : undefined;
    await Promise.race([ended.came, service.drained]);
    await follower?.stop();
    announce({ event: "draining", sessions: await service.sessions });
    await service.close(drain);
  } finally {
    await within(systemClock, LAST_LINES, "the last lines of the log", log.close()).catch(complain);
  }
  return 0;
}

/** What there is before anybody serves. */
interface Begun {
  readonly first: Configuration;
  /** Reads the configuration: at first, the one that has been read. */
  readonly load: () => Promise<Configuration>;
  readonly log: Log;
  readonly announce: Announce;
  /** Writes whole lines. */
  readonly write: (text: string) => Promise<void>;
  /** Milliseconds for open transactions to finish. */
  readonly drain: number;
}

/** What serves, in this thread or in several. */
async function start(
  { first, load, log, announce, write, drain }: Begun,
): Promise<Service | Supervisor> {
  const { workers } = first;
  if (workers === 1) {
    return await Service.start({ surroundings: await surroundingsOf(first, log), load, announce });
  }
  // Whoever has one thread need not load what it takes to have several.
  const { Supervisor } = await import("./workers/supervisor.ts");
  const { trouble, audit } = log;
  return await Supervisor.start({ workers, load, announce, trouble, audit, write, drain });
}

/** The configuration that holds: the file's, if there is one, with what is given in its place. */
async function configurationOf(given: Given, watch: FileWatch): Promise<Configuration> {
  watch.forget();
  const file = given.value("config");
  const written = file === undefined ? defaultConfiguration() : await readFrom(file, watch);
  const configuration = override(written, given);
  for (const { module } of [configuration, configuration.shadow ?? configuration]) {
    if (module !== undefined) await watch.note(module);
  }
  return configuration;
}

async function readFrom(file: string, watch: FileWatch): Promise<Configuration> {
  // Whoever has no file need not load what it takes to read one.
  const { loadConfiguration } = await import("../config/load.ts");
  return await loadConfiguration(file, async (path) => {
    await watch.note(path);
    return await Deno.readTextFile(path);
  });
}

/** Options of the library that have other names here. */
const FLAGS: Readonly<Record<string, string>> = {
  hostname: "--hostname",
  auth: "--auth",
  bareNewline: "--bare-newline",
  verify: "--verify",
  "limits.messageSize": "--max-size",
  "limits.recipients": "--max-recipients",
  "timeouts.command": "--idle-timeout",
};

/** An error names what stands on the command line. */
export async function byFlags<T>(make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new OptionError(FLAGS[error.option] ?? error.option, error.found, error.allowed);
  }
}

/** Listens for the signals that end a program, from now on until it is disposed of. */
export function untilSignal(): Disposable & { readonly came: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const signals = ["SIGTERM", "SIGINT"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, resolve);
  return {
    came: promise,
    [Symbol.dispose]() {
      for (const signal of signals) Deno.removeSignalListener(signal, resolve);
    },
  };
}

/** Each text behind the one before, as a whole: several may write. */
export function inTurn(write: (text: string) => Promise<void>): (text: string) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (text) => {
    const written = last.then(() => write(text));
    last = written.catch(() => {});
    return written;
  };
}
