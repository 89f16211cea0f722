/**
 * `sluice serve`: the proxy on Deno.
 *
 * @module
 */

import { createTlsServer, fileCertificates, listen } from "../adapters/deno/mod.ts";
import { encode } from "../bytes.ts";
import type { ChannelListener, Target, TlsServer } from "../channel.ts";
import { systemClock } from "../clock.ts";
import { OptionError } from "../errors.ts";
import { defaultLimits, type ListenerOptions, type ProxyOptions } from "../options.ts";
import { createProxy, type Proxy } from "../proxy.ts";
import {
  parseAddress,
  parseDuration,
  parseNumber,
  parseSize,
  printAddress,
  readFile,
} from "./address.ts";
import type { CommandSpec, Given } from "./command_line.ts";
import { lineLog } from "./log.ts";
import { makeUpstream } from "./upstream.ts";

const ACCEPTED = ["xclient", "xforward", "proxy"] as const;
type Accepted = typeof ACCEPTED[number];

/** See the module. */
export const serve: CommandSpec = {
  name: "serve",
  operands: "",
  maxOperands: 0,
  summary: "Puts a filtering SMTP proxy in front of a mail server.",
  options: {
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
    "quiet": { short: "q", help: "Write no line for each message." },
    "help": { short: "h", help: "Show this." },
  },
  examples: [
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
  const lines = new LineWriter();
  const options = await proxyOptions(given, given.has("quiet") ? () => {} : lines.write);
  const listeners = listenerOptions(given);
  const drain = parseDuration(given.value("drain") ?? "30", "--drain");
  const proxy = byFlags(() => createProxy(options));
  const opened: Promise<void>[] = [];
  try {
    for (const { at, own } of listeners) {
      const listener = await open(at, own.implicitTls ? "--tls-listen" : "--listen");
      opened.push(served(proxy, listener, own));
      const name = own.implicitTls ? "smtps" : "smtp";
      console.log(`listening ${name} ${printAddress(listener.address as Target)}`);
    }
  } catch (error) {
    await proxy.close(0);
    throw error;
  }
  await untilSignal(proxy, drain);
  await Promise.all(opened);
  lines.flush();
  return 0;
}

/** Options of the library that have other names here. */
const FLAGS: Readonly<Record<string, string>> = {
  hostname: "--hostname",
  auth: "--auth",
  trusted: "--trusted",
  bareNewline: "--bare-newline",
  verify: "--verify",
  tlsRequired: "--require-tls",
  implicitTls: "--tls-listen",
  "limits.messageSize": "--max-size",
  "limits.recipients": "--max-recipients",
  "timeouts.command": "--idle-timeout",
  "upstream.timeouts.connect": "--upstream-timeout",
};

/** An error names what stands on the command line. */
function byFlags<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new OptionError(FLAGS[error.option] ?? error.option, error.found, error.allowed);
  }
}

/** A listener that cannot be served does not stay open. */
function served(proxy: Proxy, listener: ChannelListener, own: ListenerOptions): Promise<void> {
  try {
    return byFlags(() => proxy.serve(listener, own));
  } catch (error) {
    listener.close();
    throw error;
  }
}

async function untilSignal(proxy: Proxy, drain: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const signals = ["SIGTERM", "SIGINT"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, resolve);
  await promise;
  for (const signal of signals) Deno.removeSignalListener(signal, resolve);
  console.log(`draining ${proxy.sessions} sessions`);
  await proxy.close(drain);
}

async function open(at: Target, option: string): Promise<ChannelListener> {
  try {
    return await listen(at);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new OptionError(option, printAddress(at), `an address that is free (${why})`);
  }
}

async function proxyOptions(given: Given, write: (line: string) => void): Promise<ProxyOptions> {
  const idle = given.value("idle-timeout");
  const size = given.value("max-size");
  const recipients = given.value("max-recipients");
  const timeout = given.value("upstream-timeout");
  const hostname = given.value("hostname") ?? "";
  const keepSourceRoutes = given.has("keep-source-routes");
  const log = lineLog(systemClock, write);
  return {
    upstream: await makeUpstream(given.value("upstream") ?? "capture:", {
      identify: given.value("identify"),
      hostname,
      keepSourceRoutes,
      dropped: log.upstreamDropped,
      timeout: timeout === undefined ? undefined : parseDuration(timeout, "--upstream-timeout"),
    }),
    hostname,
    tls: await tlsServer(given),
    tlsRequired: given.has("require-tls"),
    // Options are checked by the proxy, which knows what is allowed.
    auth: (given.value("auth") ?? "relay") as ProxyOptions["auth"],
    authWithoutTls: given.has("insecure-auth"),
    trusted: given.values("trusted"),
    bareNewline: (given.value("bare-newline") ?? "reject") as ProxyOptions["bareNewline"],
    verify: (given.value("verify") ?? "local") as ProxyOptions["verify"],
    trace: !given.has("no-trace"),
    keepSourceRoutes,
    limits: {
      ...(size === undefined ? {} : { messageSize: parseSize(size, "--max-size") }),
      ...(recipients === undefined ? {} : {
        recipients: parseNumber(recipients, "--max-recipients"),
      }),
    },
    timeouts: idle === undefined ? {} : { command: parseDuration(idle, "--idle-timeout") },
    observers: [log.observer],
  };
}

async function tlsServer(given: Given): Promise<TlsServer | undefined> {
  const certs = given.values("cert");
  const keys = given.values("key");
  if (certs.length !== keys.length) {
    throw new OptionError(
      "--key",
      `${keys.length} for ${certs.length} --cert`,
      "one for each --cert",
    );
  }
  if (certs.length === 0) return undefined;
  const authorities = given.value("client-ca");
  try {
    const pairs = certs.map((cert, nth) => ({ cert, key: keys[nth] }));
    const certificates = await fileCertificates(pairs, {
      onError: (error) => console.error(`sluice: ${error.message}`),
    });
    return createTlsServer({
      certificates,
      ...(authorities === undefined ? {} : {
        clientCertificates: {
          request: true,
          authorities: [await readFile(authorities, "--client-ca")],
        },
      }),
    });
  } catch (error) {
    if (error instanceof OptionError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new OptionError("--cert", certs.join(", "), `certificate files with their keys (${why})`);
  }
}

function listenerOptions(
  given: Given,
): { readonly at: Target; readonly own: ListenerOptions }[] {
  const accepted = given.values("accept").flatMap((list) => list.split(","));
  for (const what of accepted) {
    if (!ACCEPTED.includes(what as Accepted)) {
      throw new OptionError("--accept", what, ACCEPTED.join(", "));
    }
  }
  const trusted = given.values("trusted");
  if (accepted.length > 0 && trusted.length === 0) {
    throw new OptionError("--accept", accepted.join(","), "only together with --trusted");
  }
  const from = (what: Accepted): readonly string[] => accepted.includes(what) ? trusted : [];
  const own: ListenerOptions = {
    xclientFrom: from("xclient"),
    xforwardFrom: from("xforward"),
    ...(accepted.includes("proxy") ? { proxyFrom: trusted } : {}),
  };
  const secure = given.values("tls-listen");
  const plain = given.values("listen");
  const all = plain.length + secure.length === 0 ? ["127.0.0.1:2525"] : plain;
  return [
    ...all.map((text) => ({ at: parseAddress(text, "--listen"), own })),
    ...secure.map((text) => ({
      at: parseAddress(text, "--tls-listen"),
      own: { ...own, implicitTls: true },
    })),
  ];
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
