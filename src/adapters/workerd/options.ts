/**
 * What a proxy in workerd can be told, and the check of it: what the runtime lacks is refused by name.
 *
 * @module
 */

import type { Target, TlsFacts } from "../../channel.ts";
import { NameCache } from "../../dns/name_cache.ts";
import { OptionError } from "../../errors.ts";
import {
  listenerName,
  type ListenerOptions,
  type ProxyOptions,
  type ResolvedOptions,
  resolveListener,
  resolveOptions,
} from "../../options.ts";
import { everything, type PolicyHost, refuseUnmetNeeds } from "../../policy/needs.ts";
import type { ListenerSettings, Settings } from "../../session/settings.ts";
import type { Upstream } from "../../session/upstream.ts";
import { DEFAULT_UPSTREAM, Upstreams } from "../../session/upstreams.ts";
import { resolveUpstreamOptions, type SmtpUpstreamOptions } from "../../upstream/smtp/options.ts";
import { smtpUpstream } from "../../upstream/smtp/upstream.ts";
import { workerdDialer, workerdTlsClient } from "./dialer.ts";

/** Whether the upstream connection is encrypted: workerd verifies the name, or there is no TLS. */
export type WorkerdTls =
  | { readonly mode: "none" }
  /** STARTTLS or nothing, or TLS from the first octet (RFC 8314 §3). */
  | {
    readonly mode: "required" | "implicit";
    readonly verify: { readonly kind: "name"; readonly name: string };
  };

/** An SMTP server as upstream; each session has a connection of its own. */
export interface WorkerdSmtp
  extends Omit<SmtpUpstreamOptions, "dialer" | "tlsClient" | "pool" | "tls" | "target"> {
  /** The server: one address, no MX lookup. */
  readonly target: Extract<Target, { transport: "tcp" }>;
  /** workerd has no unverified TLS. Authorities beside its own stand in its `trustedCertificates`. */
  readonly tls: WorkerdTls;
  /** Our name in EHLO. @default The proxy's `hostname`. */
  readonly hostname?: string;
}

/** An SMTP server, or what makes an upstream for one session, which closes it at its end. */
export type WorkerdUpstream = WorkerdSmtp | (() => Upstream);

/** What {@linkcode sluice} can be told; what is not said here is as in `ProxyOptions`. */
export interface WorkerdOptions
  extends
    Omit<ProxyOptions, "hostname" | "upstream" | "upstreams" | "tls">,
    Omit<ListenerOptions, "implicitTls"> {
  /** Our domain name: workerd need not tell the address that would take its place. */
  readonly hostname: string;
  /** The next hop. */
  readonly upstream: WorkerdUpstream;
  /** Others by name, for the policy's `route`. @default {} */
  readonly upstreams?: Readonly<Record<string, WorkerdUpstream>>;
  /**
   * The sockets of this worker have `tlsOptions` in workerd's configuration: clients come under TLS
   * (RFC 8314 §3). workerd does not say so itself.
   *
   * @default false
   */
  readonly implicitTls?: boolean;
  /**
   * The scanner of mail data, compiled from the octets of `scannerOctets` (`./stages`) as a module of
   * the worker. Without it, and where workerd compiles none while it starts, plain TypeScript scans.
   *
   * @default none
   */
  readonly scanner?: WebAssembly.Module;
}

/** What a policy gets in workerd: all but STARTTLS. */
export const workerdHost: PolicyHost = {
  name: "workerd",
  gives: { ...everything, starttls: "it has no server side of STARTTLS" },
};

/** Options as they are used. */
export interface ResolvedWorkerd {
  /** All but the upstreams and the names of clients, of which each session has its own. */
  readonly common: ResolvedOptions;
  /** What the sockets of the worker are like. */
  readonly listener: ListenerSettings;
  /** What is known of their TLS; absent in the clear. */
  readonly tls: TlsFacts | undefined;
  /** What a session has of its own. */
  readonly own: () => Pick<Settings, "upstreams" | "names">;
}

/**
 * Checks options.
 *
 * @throws {OptionError} Naming the first that cannot be used, and workerd where another runtime could.
 */
export function resolveWorkerd(options: WorkerdOptions): ResolvedWorkerd {
  refuseForeign(options);
  const { upstream, upstreams = {}, scanner: _, ...rest } = options;
  const { hostname, implicitTls, resolver, policy, shadow } = rest;
  if (policy !== undefined) refuseUnmetNeeds(policy, workerdHost, "policy");
  if (shadow !== undefined) refuseUnmetNeeds(shadow, workerdHost, "shadow");
  if (DEFAULT_UPSTREAM in upstreams) {
    throw new OptionError("upstreams", DEFAULT_UPSTREAM, "any other name: this one is upstream's");
  }
  const standard = makerOf(upstream, hostname, "upstream");
  const makers = Object.entries(upstreams).map(([name, one]) =>
    [name, makerOf(one, hostname, `upstreams.${name}`)] as const
  );
  const common = resolveOptions(rest);
  const { settings } = common;
  const name = rest.name ?? listenerName(rest);
  return {
    common,
    listener: resolveListener({ ...rest, name, implicitTls: false }, settings),
    tls: implicitTls ? { version: "", cipher: "", serverName: "" } : undefined,
    own: () => ({
      upstreams: new Upstreams(
        standard(),
        Object.fromEntries(makers.map(([name, make]) => [name, make()])),
      ),
      names: resolver && new NameCache(resolver, settings.clock, settings.timeouts.lookup),
    }),
  };
}

/** What other runtimes have, and no compiler has seen. */
function refuseForeign(options: WorkerdOptions): void {
  const { tls } = options as { readonly tls?: unknown };
  if (tls !== undefined) {
    throw new OptionError(
      "tls",
      tls,
      "nothing in workerd, which has no server side of STARTTLS: its socket has tlsOptions for TLS " +
        "from the first octet, and there is implicitTls to say so",
    );
  }
  if (!options.hostname) {
    const allowed = "a domain name: workerd need not tell the address in its place";
    throw new OptionError("hostname", options.hostname, allowed);
  }
}

/** Makes what makes the upstream of a session. */
function makerOf(upstream: WorkerdUpstream, hostname: string, option: string): () => Upstream {
  if (typeof upstream === "function") return upstream;
  const { target, tls, pool } = (upstream ?? {}) as Partial<SmtpUpstreamOptions>;
  if (target === undefined) {
    const allowed = "an SMTP server, or a function: in workerd no two sessions share an upstream";
    throw new OptionError(option, upstream, allowed);
  }
  if (target.transport !== "tcp") {
    throw new OptionError(`${option}.target`, target.transport, "tcp: workerd has no other way");
  }
  const named = tls !== undefined && "verify" in tls && tls.verify.kind === "name" &&
    tls.verify.authorities === undefined;
  if (tls?.mode !== "none" && !named) {
    const allowed = "none, or required or implicit with a name, which workerd verifies by the " +
      "authorities of its own configuration";
    throw new OptionError(`${option}.tls`, tls?.mode, allowed);
  }
  if (pool !== undefined && pool !== false) {
    const allowed = "nothing: in workerd a connection ends with the session that has opened it";
    throw new OptionError(`${option}.pool`, pool, allowed);
  }
  // The session's own pool: the connection that has shown the upstream's offer carries its mail.
  const smtp = {
    hostname,
    ...upstream,
    dialer: workerdDialer,
    tlsClient: workerdTlsClient,
    pool: {},
  };
  // What it cannot use is refused now. An upstream can only be made while an event is handled.
  resolveUpstreamOptions(smtp);
  return () => smtpUpstream(smtp);
}
