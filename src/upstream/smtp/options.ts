/**
 * What an SMTP upstream can be told, with its defaults.
 *
 * @module
 */

import type { Dialer, Target, TlsClient } from "../../channel.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { OptionError } from "../../errors.ts";
import type { MailProtocol } from "../../session/facts.ts";
import type { ConnectOptions, Identify, UpstreamTls } from "./connect.ts";
import type { Chunking } from "./link.ts";
import { defaultPool, type PoolOptions } from "./pool.ts";
import { defaultTimeouts, type UpstreamTimeouts } from "./timeouts.ts";

/** Options of {@linkcode smtpUpstream}; only `target` and `dialer` must be given. */
export interface SmtpUpstreamOptions {
  /** The server: one address, no MX lookup. */
  readonly target: Target;
  /**
   * What the server speaks: SMTP, or LMTP with a reply for each recipient (RFC 2033). A client that
   * speaks SMTP is told the first 4yz of them, else the first 5yz, else the first.
   *
   * @default "smtp"
   */
  readonly protocol?: MailProtocol;
  /** Opens the connections; of the runtime's adapter. */
  readonly dialer: Dialer;
  /** TLS of the runtime's adapter; needed for every `tls` but `none`. */
  readonly tlsClient?: TlsClient;
  /**
   * Whether the connections are encrypted, and what the certificate must prove.
   *
   * @default "opportunistic" where there is a `tlsClient`, otherwise "none"
   */
  readonly tls?: UpstreamTls;
  /**
   * How the upstream learns who the client is. With `xclient` and the PROXY protocol a connection
   * belongs to one client.
   *
   * @default "none"
   */
  readonly identify?: Identify;
  /** Our name in EHLO. @default "" The address literal of our end (RFC 5321 §4.1.3). */
  readonly hostname?: string;
  /** Waits in milliseconds; one that is left out keeps the default that stands with it. */
  readonly timeouts?: Partial<UpstreamTimeouts>;
  /** Whether BDAT is used where the upstream has it (RFC 3030). @default "small" */
  readonly chunking?: Chunking;
  /** Octets gathered for one BDAT chunk, and of a small message at most. @default 65536 */
  readonly chunkSize?: number;
  /**
   * Connections are kept and lent to one mail transaction after the other, unless each is told of its
   * client. `false`: every session has its own. What is left out keeps its default.
   *
   * @default {}
   */
  readonly pool?: Partial<PoolOptions> | false;
  /** Paths keep their source routes (RFC 5321 appendix C). @default false */
  readonly keepSourceRoutes?: boolean;
  /** Times the waits and the age of what EHLO has told. @default The runtime's clock. */
  readonly clock?: Clock;
  /** Told of octets that came behind the reply to STARTTLS and were dropped. @default nobody is */
  readonly dropped?: (octets: number) => void;
}

/** @throws {OptionError} */
export function resolvePool(options: SmtpUpstreamOptions["pool"] = {}): PoolOptions | undefined {
  if (options === false) return undefined;
  for (const [name, value] of Object.entries(options)) {
    if (!(name in defaultPool)) {
      const names = Object.keys(defaultPool).join(", ");
      throw new OptionError(`upstream.pool.${name}`, value, names);
    }
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new OptionError(`upstream.pool.${name}`, value, "a whole number of at least 1");
    }
  }
  return { ...defaultPool, ...options };
}

/** @throws {OptionError} */
export function resolveUpstreamOptions(options: SmtpUpstreamOptions): ConnectOptions {
  const { tlsClient } = options;
  const tls: UpstreamTls = options.tls ??
    { mode: tlsClient === undefined ? "none" : "opportunistic" };
  if (tls.mode !== "none" && tlsClient === undefined) {
    throw new OptionError("upstream.tls", tls.mode, "none, for want of a tlsClient");
  }
  const { target, protocol = "smtp" } = options;
  // RFC 2033 §5
  if (protocol === "lmtp" && target.transport === "tcp" && target.port === 25) {
    throw new OptionError("upstream.target.port", 25, "any port but that of SMTP, for LMTP");
  }
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  for (const [name, value] of Object.entries(timeouts)) {
    if (!(name in defaultTimeouts) || !Number.isSafeInteger(value) || value < 1) {
      const names = Object.keys(defaultTimeouts).join(", ");
      throw new OptionError(`upstream.timeouts.${name}`, value, `milliseconds for ${names}`);
    }
  }
  const { chunkSize = 65_536 } = options;
  if (!Number.isSafeInteger(chunkSize) || chunkSize < 1) {
    throw new OptionError("upstream.chunkSize", chunkSize, "a whole number of octets above 0");
  }
  const identify = options.identify ?? "none";
  return {
    target,
    protocol,
    dialer: options.dialer,
    tlsClient,
    tls,
    identify,
    xforward: identify === "xforward",
    hostname: options.hostname ?? "",
    timeouts,
    chunking: options.chunking ?? "small",
    chunkSize,
    keepSourceRoutes: options.keepSourceRoutes ?? false,
    clock: options.clock ?? systemClock,
    dropped: options.dropped ?? (() => {}),
  };
}
