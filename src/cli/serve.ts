/**
 * `sluice serve`: the proxy on Deno.
 *
 * @module
 */

import { encode } from "../bytes.ts";
import { systemClock } from "../clock.ts";
import type { Configuration } from "../config/configuration.ts";
import { defaultConfiguration } from "../config/defaults.ts";
import { OptionError } from "../errors.ts";
import { defaultLimits } from "../options.ts";
import { MemoryCounters } from "../state/counters.ts";
import { parseDuration } from "./address.ts";
import type { Surroundings } from "./work.ts";
import type { CommandSpec, Given } from "./command_line.ts";
import { complain } from "./complain.ts";
import { FileWatch } from "./file_watch.ts";
import { Follower } from "./follower.ts";
import { lineLog } from "./log.ts";
import { override } from "./override.ts";
import { Service } from "./service.ts";

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
      help: "Listen for SMTP here; unix:/path for a Unix socket. Default 127.0.0.1:2525.",
    },
    "tls-listen": {
      argument: "host:port",
      repeatable: true,
      help: "Listen for SMTP under TLS from the first octet (port 465); needs --cert.",
    },
    "upstream": {
      argument: "url",
      short: "u",
      help: "The next hop: smtp://host:port, smtps://host:port or unix:/path, with " +
        "?tls=none|opportunistic|required|verify, ca=file, name=host, pin=sha256:hex, " +
        "chunking=as-received|always|never; capture: keeps messages in memory, " +
        "capture:directory as a Maildir. Default capture:.",
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
    "bare-newline": {
      argument: "what",
      help: "A CR or LF by itself in a message: reject the message, or normalize. Default reject.",
    },
    "verify": {
      argument: "who",
      help: "Who answers VRFY, EXPN, HELP: local, upstream. Default local.",
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
    "quiet": { short: "q", help: "Write no line for each message." },
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
  const lines = new LineWriter();
  outliveFaults();
  const watch = new FileWatch(systemClock);
  const service = await byFlags(() =>
    Service.start({
      surroundings: surroundingsOf(given.has("quiet") ? () => {} : lines.write),
      load: () => configurationOf(given, watch),
      say: (line) => console.log(line),
    })
  );
  const follower = given.has("config") || given.has("policy")
    ? new Follower(watch, () => byFlags(() => service.reload()))
    : undefined;
  await untilSignal();
  await follower?.stop();
  console.log(`draining ${service.sessions} sessions`);
  await service.close(drain);
  lines.flush();
  return 0;
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

function surroundingsOf(write: (line: string) => void): Surroundings {
  const log = lineLog(systemClock, write);
  return {
    clock: systemClock,
    observers: [log.observer],
    counters: { live: new MemoryCounters(systemClock), shadow: new MemoryCounters(systemClock) },
    dropped: log.upstreamDropped,
    trouble: (error) => console.error(`sluice: ${error.message}`),
  };
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
async function byFlags<T>(make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new OptionError(FLAGS[error.option] ?? error.option, error.found, error.allowed);
  }
}

/** A promise or timer that a policy has left behind must not end everybody's sessions. */
function outliveFaults(): void {
  const outlive = (event: Event, fault: unknown): void => {
    event.preventDefault();
    complain(fault);
  };
  addEventListener("unhandledrejection", (event) => outlive(event, event.reason));
  addEventListener("error", (event) => outlive(event, event.error));
}

async function untilSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const signals = ["SIGTERM", "SIGINT"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, resolve);
  await promise;
  for (const signal of signals) Deno.removeSignalListener(signal, resolve);
}

/** Gathers lines: at thousands of messages a second a write for each would cost more than they. */
class LineWriter {
  #pending = "";

  readonly write = (line: string): void => {
    if (this.#pending === "") setTimeout(() => this.flush(), 50);
    this.#pending += `${line}\n`;
  };

  flush(): void {
    const octets = encode(this.#pending);
    this.#pending = "";
    for (let at = 0; at < octets.length;) at += Deno.stdout.writeSync(octets.subarray(at));
  }
}
