/**
 * Upstreams from their URLs.
 *
 * @module
 */

import { createTlsClient, denoDialer, denoResolver } from "../adapters/deno/mod.ts";
import { MaildirStore } from "../adapters/deno/maildir.ts";
import type { Target } from "../channel.ts";
import { messageOf, OptionError } from "../errors.ts";
import type { Upstream } from "../session/upstream.ts";
import type { BalancedOptions } from "../upstream/balanced.ts";
import { CaptureUpstream, MemoryStore } from "../upstream/capture.ts";
import { discoveredUpstream } from "../upstream/discovered.ts";
import { httpUpstream } from "../upstream/http/upstream.ts";
import type { ConnectOptions, Identify, UpstreamTls } from "../upstream/smtp/connect.ts";
import {
  resolvePool,
  resolveUpstreamOptions,
  type SmtpUpstreamOptions,
} from "../upstream/smtp/options.ts";
import { defaultTimeouts } from "../upstream/smtp/timeouts.ts";
import { SmtpUpstream } from "../upstream/smtp/upstream.ts";
import { tlsAt, type UpstreamUrl } from "../upstream/url.ts";
import { readFile } from "./address.ts";
import { secretAt } from "./secret.ts";
import { webSocketDialerOf } from "./websockets.ts";

/** What else decides about an upstream. */
export interface UpstreamWishes {
  /** Which of several servers is next, and when they are asked anew. */
  readonly balance?: Pick<BalancedOptions, "strategy" | "probeInterval" | "clock">;
  readonly identify?: Identify;
  readonly hostname?: string;
  /** Milliseconds for each reply, where it is not the default. */
  readonly timeout?: number;
  readonly keepSourceRoutes?: boolean;
  /** Path of a file, or `env:NAME`, with the secret that signs requests over HTTP. */
  readonly secret?: string;
  /** How connections are kept. Default: as a library's. */
  readonly pool?: SmtpUpstreamOptions["pool"];
  readonly dropped?: (octets: number) => void;
}

/** Everything that a connection to the SMTP server of that URL needs. @throws {OptionError} */
export async function connectOptions(
  url: UpstreamUrl & { readonly kind: "smtp" },
  wishes: UpstreamWishes,
  option: string,
): Promise<ConnectOptions> {
  const { timeout } = wishes;
  const { target, token, authorities } = url;
  // TLS below a WebSocket is the runtime's; `none` is left for what is above it.
  const ownTls = target.transport === "websocket" && target.url.startsWith("wss:");
  return resolveUpstreamOptions({
    target,
    protocol: url.protocol,
    tls: ownTls ? url.tls : await withAuthorities(url.tls, authorities, option),
    identify: wishes.identify,
    hostname: wishes.hostname,
    dialer: target.transport === "websocket"
      ? await webSocketDialerOf({ token, ...ownTls && { authorities } }, option)
      : denoDialer,
    tlsClient: createTlsClient(),
    chunking: url.chunking,
    keepSourceRoutes: wishes.keepSourceRoutes,
    timeouts: timeout === undefined ? {} : {
      connect: Math.min(defaultTimeouts.connect, timeout),
      greeting: timeout,
      mail: timeout,
      rcpt: timeout,
      dataInitiation: timeout,
      dataBlock: timeout,
      dataTermination: timeout,
    },
    dropped: wishes.dropped,
  });
}

/**
 * Makes an upstream.
 *
 * @param name Its URL as written.
 * @param option Where that stood, for the error.
 * @throws {OptionError}
 */
export async function makeUpstream(
  name: string,
  url: UpstreamUrl,
  wishes: UpstreamWishes,
  option: string,
): Promise<Upstream> {
  if (url.kind === "http") return await httpAt(url.url, wishes, option);
  if (wishes.secret !== undefined) {
    throw new OptionError(option, name, "https://host/path where there is a secret");
  }
  if (url.kind === "smtp") {
    const pool = resolvePool(wishes.pool);
    return new SmtpUpstream(name, await connectOptions(url, wishes, option), pool);
  }
  if (url.kind === "discovered") return await discover(name, url, wishes, option);
  const { directory } = url;
  if (directory === undefined) return new CaptureUpstream(name, new MemoryStore());
  try {
    return new CaptureUpstream(name, await MaildirStore.open(directory));
  } catch (error) {
    const why = messageOf(error);
    throw new OptionError(option, name, `a directory that can be written (${why})`);
  }
}

async function httpAt(
  url: string,
  { secret: where, timeout }: UpstreamWishes,
  option: string,
): Promise<Upstream> {
  const timeouts = timeout === undefined ? {} : { dataBlock: timeout, dataTermination: timeout };
  let secret: string | undefined;
  try {
    secret = where === undefined ? undefined : await secretAt(where);
  } catch (error) {
    const allowed = `a file that can be read, or env:NAME (${messageOf(error)})`;
    throw new OptionError(option, `the secret ${where}`, allowed);
  }
  return httpUpstream({ url, secret, timeouts });
}

async function discover(
  name: string,
  url: UpstreamUrl & { readonly kind: "discovered" },
  wishes: UpstreamWishes,
  option: string,
): Promise<Upstream> {
  const { by, domain, port, tls, authorities, chunking } = url;
  const at = (host: string, port: number): Target => ({ transport: "tcp", host, port });
  const server = {
    ...{ kind: "smtp", protocol: "smtp", target: at(domain, port) } as const,
    ...{ tls, authorities, chunking },
  };
  const options = await connectOptions(server, wishes, option);
  const pool = resolvePool(wishes.pool);
  return discoveredUpstream(name, {
    ...wishes.balance,
    ...{ by, domain, port, hostname: wishes.hostname, resolver: denoResolver },
    connect: ({ host, address, port }) => {
      const target = at(host, port);
      const dialer = {
        connect: (_: Target, signal: AbortSignal) => denoDialer.connect(at(address, port), signal),
      };
      const own = { ...options, target, dialer, tls: tlsAt(options.tls, host) };
      return new SmtpUpstream(address, own, pool);
    },
  });
}

async function withAuthorities(
  tls: UpstreamTls,
  path: string | undefined,
  option: string,
): Promise<UpstreamTls> {
  if (path === undefined) return tls;
  if (!("verify" in tls) || tls.verify.kind !== "name") {
    throw new OptionError(option, `ca=${path}`, "only together with tls=verify");
  }
  return { ...tls, verify: { ...tls.verify, authorities: [await readFile(path, option)] } };
}
