/**
 * The options of a proxy, each default once, and the check at the door.
 *
 * @module
 */

import type { Address, TlsServer } from "./channel.ts";
import { type Clock, systemClock } from "./clock.ts";
import { NameCache } from "./dns/name_cache.ts";
import type { Resolver } from "./dns/resolver.ts";
import { OptionError } from "./errors.ts";
import { Networks } from "./networks.ts";
import { CheckError } from "./policy/asking.ts";
import { judgeOf } from "./policy/judge.ts";
import { everything, refuseUnmetNeeds } from "./policy/needs.ts";
import { type Policy, proceedAll } from "./policy/policy.ts";
import { shadowed } from "./policy/shadow.ts";
import { timeouts as rfcTimeouts } from "./rfc5321/limits.ts";
import { Reply } from "./rfc5321/reply.ts";
import type { MailProtocol } from "./session/facts.ts";
import { type Observer, observers } from "./session/observer.ts";
import type { Judge } from "./session/phases.ts";
import { type ReplyName, type ReplyTable, replyTable } from "./session/replies.ts";
import type { MessageStore } from "./session/message_store.ts";
import type { Limits, ListenerSettings, Settings, Timeouts } from "./session/settings.ts";
import type { Upstream } from "./session/upstream.ts";
import { DEFAULT_UPSTREAM, Upstreams } from "./session/upstreams.ts";
import { CaptureUpstream, MemoryStore } from "./upstream/capture.ts";

/** Sizes of the whole proxy and of one session. */
export interface ProxyLimits extends Limits {
  /** Sessions at a time; whoever comes then is told 421. @default 10000 */
  readonly sessions: number;
}

/** What a proxy can be told; everything has a default. */
export interface ProxyOptions {
  /**
   * The next hop.
   *
   * @default A capture that keeps the last 100 messages in memory.
   */
  readonly upstream?: Upstream;
  /**
   * Others by name, for the policy's `route`. EHLO then offers what all have in common, and MAIL is
   * sent on only with the first recipient, which decides where the message goes.
   *
   * @default {}
   */
  readonly upstreams?: Readonly<Record<string, Upstream>>;
  /**
   * Our domain name in greeting, EHLO and trace header.
   *
   * @default "" The address literal of the listener (RFC 5321 §4.1.3).
   */
  readonly hostname?: string;
  /**
   * Decides, phase by phase, what is refused; it may be asynchronous.
   *
   * @default A policy that lets everything pass.
   */
  readonly policy?: Policy;
  /**
   * A second policy, asked about the same facts without effect and without delay; observers are told
   * where it would have decided otherwise (`difference`).
   *
   * @default none
   */
  readonly shadow?: Policy;
  /** Milliseconds for one check of the policy. @default 30000 */
  readonly policyTimeLimit?: number;
  /**
   * Octets of a message that are held where the policy looks at it, so that its header section can be
   * changed; behind them it flows on. 0 holds nothing but the header section's first octets.
   *
   * @default 65536
   */
  readonly window?: number;
  /**
   * Where messages are kept that the policy quarantines.
   *
   * @default nowhere: a policy that needs it is refused
   */
  readonly quarantine?: MessageStore;
  /** The answer where a check fails or takes too long. @default "451 4.3.0 Temporary failure, try again later" */
  readonly policyFailure?: string;
  /**
   * Looks up the names of clients before they are greeted (`client.name`): a PTR record whose name has
   * the client's address. Answers are kept for a minute.
   *
   * @default none: only a trusted peer tells a name (XCLIENT)
   */
  readonly resolver?: Resolver;
  /** Certificates for STARTTLS and implicit TLS. @default none: TLS is not offered */
  readonly tls?: TlsServer;
  /** Refuse MAIL in the clear. Not for a public MX (RFC 3207 §4). @default false */
  readonly tlsRequired?: boolean;
  /**
   * `relay`: the upstream's AUTH is offered; `require`: and MAIL needs it, but for `trusted`
   * clients; `off`: it is not offered.
   *
   * @default "relay"
   */
  readonly auth?: "relay" | "off" | "require";
  /** Offer AUTH in the clear too (RFC 4954 §4 advises against it). @default false */
  readonly authWithoutTls?: boolean;
  /** Networks whose clients may name submitters and priorities, and need no AUTH. @default [] */
  readonly trusted?: readonly string[];
  /** A CR or LF by itself in mail data: refuse the message, or make it CRLF (a CR: a space). @default "reject" */
  readonly bareNewline?: "reject" | "normalize";
  /** Put a Received field on top (RFC 5321 §4.4). @default true */
  readonly trace?: boolean;
  /** Pass source routes on instead of dropping them (RFC 5321 appendix C). @default false */
  readonly keepSourceRoutes?: boolean;
  /**
   * Send MAIL on as it comes. Otherwise, where the upstream has PIPELINING, MAIL is answered here and
   * travels with the first recipient, which saves a turn; an upstream that refuses MAIL has then its
   * reply given to RCPT.
   *
   * @default false
   */
  readonly eagerMail?: boolean;
  /** Who answers VRFY, EXPN and HELP. @default "local" */
  readonly verify?: "local" | "upstream";
  /** Sizes and counts; one that is left out keeps its default. @default {@linkcode defaultLimits} */
  readonly limits?: Partial<ProxyLimits>;
  /** Waits in milliseconds; one that is left out keeps its default. @default {@linkcode defaultTimeouts} */
  readonly timeouts?: Partial<Timeouts>;
  /** Other words for own replies; the codes stay. @default {} */
  readonly replies?: Partial<Record<ReplyName, string>>;
  /** Told of what happens. @default [] */
  readonly observers?: readonly Observer[];
  /**
   * Times every wait and dates the trace header. Of many short sessions `sharedTimers` makes less
   * work.
   *
   * @default The runtime's clock.
   */
  readonly clock?: Clock;
}

/** What one listener can be told. */
export interface ListenerOptions {
  /** For logs. @default The protocol, with an "s" behind it under `implicitTls` */
  readonly name?: string;
  /**
   * What clients speak: SMTP, or LMTP with a reply to the message for each recipient (RFC 2033), which
   * is not for port 25.
   *
   * @default "smtp"
   */
  readonly protocol?: MailProtocol;
  /** TLS from the first octet (RFC 8314 §3). @default false */
  readonly implicitTls?: boolean;
  /** A PROXY header is mandatory, and only from these networks. @default none is expected */
  readonly proxyFrom?: readonly string[];
  /** Networks that may use XCLIENT. @default [] */
  readonly xclientFrom?: readonly string[];
  /** Networks that may use XFORWARD. @default [] */
  readonly xforwardFrom?: readonly string[];
  /**
   * Whose login each client has, as the channel's owner has found out otherwise: by a token, by the
   * mode of a Unix socket's file.
   *
   * @default none: a client has to use AUTH
   */
  readonly login?: string;
  /**
   * The link by which mail comes in where it is a gateway's, for the trace header (RFC 5321 §3.7.2):
   * an atom, such as `HTTP`.
   *
   * @default none
   */
  readonly via?: string;
}

/** What {@linkcode ProxyOptions.limits} leaves out; the members of `ProxyLimits` tell the numbers. */
export const defaultLimits: ProxyLimits = {
  messageSize: 52_428_800,
  recipients: 1000,
  errors: 3,
  // RFC 5321 §6.3: at least 100.
  hops: 100,
  sessions: 10_000,
};

/** What {@linkcode ProxyOptions.timeouts} leaves out; the members of `Timeouts` tell the numbers. */
export const defaultTimeouts: Timeouts = {
  command: rfcTimeouts.server,
  data: rfcTimeouts.dataBlock,
  transfer: 3_600_000,
  write: 60_000,
  handshake: 30_000,
  proxyHeader: 5_000,
  lookup: 5_000,
  linger: 2_000,
};

/** Options after the check, with every default in its place. */
export interface ResolvedOptions {
  readonly settings: Settings;
  readonly sessions: number;
  readonly policy: Policy;
}

/** Of RFC 5321 §4.4 Addtl-Link, what registered ones consist of. */
const ATOM = /^[A-Za-z0-9-]{1,32}$/;

/** RFC 5321 §4.1.2 Domain, or an address literal; our own name must be one. */
const HOSTNAME = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?|\[[A-Za-z0-9.:-]{1,100}\])?$/;

/**
 * Checks options and fills in defaults.
 *
 * @param others Observers beside those of the options; they may come and go.
 * @throws {OptionError} Naming the first option that cannot be used.
 */
export function resolveOptions(
  options: ProxyOptions,
  others: ReadonlySet<Observer> = new Set(),
): ResolvedOptions {
  const limits = numbers("limits", defaultLimits, options.limits);
  const timeouts = numbers("timeouts", defaultTimeouts, options.timeouts);
  const hostname = options.hostname ?? "";
  if (!HOSTNAME.test(hostname)) {
    throw new OptionError("hostname", hostname, "a domain name or an address literal");
  }
  const clock = options.clock ?? systemClock;
  const observer = observers([options.observers ?? [], others]);
  if (options.upstreams !== undefined && DEFAULT_UPSTREAM in options.upstreams) {
    throw new OptionError("upstreams", DEFAULT_UPSTREAM, "any other name: this one is upstream's");
  }
  const tls = options.tls;
  const tlsRequired = options.tlsRequired ?? false;
  if (tlsRequired && tls === undefined) {
    throw new OptionError("tlsRequired", tlsRequired, "true only together with tls");
  }
  const replies = attempt(
    "replies",
    "reply texts with their own codes",
    (): ReplyTable => replyTable(options.replies),
  );
  const onFailure = attempt("policyFailure", "a 4xx or 5xx reply", () => {
    const reply = options.policyFailure === undefined
      ? replies.temporary
      : Reply.parse(options.policyFailure);
    if (!reply.transient && !reply.permanent) throw new RangeError(`Found code ${reply.code}`);
    return reply;
  });
  const window = wholeNumber("window", options.window ?? 65_536);
  const timeLimit = wholeNumber("policyTimeLimit", options.policyTimeLimit ?? 30_000);
  const judging = (policy: Policy): Judge =>
    judgeOf(policy, {
      clock,
      timeLimit,
      onFailure,
      failed: (phase, check, error) =>
        observer.trouble(undefined, new CheckError(phase, check, error)),
    });
  const policy = options.policy ?? proceedAll;
  const { quarantine } = options;
  const noStore = "the option quarantine names no store";
  const gives = quarantine === undefined ? { ...everything, quarantine: noStore } : everything;
  refuseUnmetNeeds(policy, { name: "this proxy", gives }, "policy");
  const live = judging(policy);
  const judge = options.shadow === undefined ? live : shadowed(live, judging(options.shadow), {
    clock,
    patience: timeLimit,
    differs: (...difference) => observer.difference(...difference),
  });
  const settings: Settings = {
    hostname,
    upstreams: new Upstreams(
      options.upstream ?? new CaptureUpstream("capture:", new MemoryStore()),
      options.upstreams,
    ),
    judge,
    observer,
    clock,
    replies,
    replyNames: new Map(
      Object.entries(replies).map(([name, reply]) => [reply, name as ReplyName]),
    ),
    names: options.resolver && new NameCache(options.resolver, clock, timeouts.lookup),
    tls,
    tlsRequired,
    auth: oneOf("auth", options.auth ?? "relay", ["relay", "off", "require"]),
    authWithoutTls: options.authWithoutTls ?? false,
    trusted: networks("trusted", options.trusted),
    bareNewline: oneOf("bareNewline", options.bareNewline ?? "reject", ["reject", "normalize"]),
    trace: options.trace ?? true,
    keepSourceRoutes: options.keepSourceRoutes ?? false,
    eagerMail: options.eagerMail ?? false,
    verify: oneOf("verify", options.verify ?? "local", ["local", "upstream"]),
    window,
    quarantine,
    filterPatience: timeLimit,
    limits,
    timeouts,
  };
  return { settings, sessions: limits.sessions, policy };
}

/** What a listener is called that has no name: `smtp`, `smtps`, `lmtp` or `lmtps`. */
export function listenerName({ protocol = "smtp", implicitTls = false }: ListenerOptions): string {
  return implicitTls ? `${protocol}s` : protocol;
}

/**
 * Checks the options of a listener.
 *
 * @param address Where it listens, if that is known.
 * @throws {OptionError}
 */
export function resolveListener(
  options: ListenerOptions,
  settings: Settings,
  address?: Address,
): ListenerSettings {
  const implicitTls = options.implicitTls ?? false;
  const protocol = oneOf("protocol", options.protocol ?? "smtp", ["smtp", "lmtp"]);
  // RFC 2033 §5
  if (protocol === "lmtp" && address?.transport === "tcp" && address.port === 25) {
    throw new OptionError("protocol", protocol, "smtp on port 25");
  }
  if (options.via !== undefined && !ATOM.test(options.via)) {
    throw new OptionError("via", options.via, "letters, digits and hyphens");
  }
  if (implicitTls && settings.tls === undefined) {
    throw new OptionError("implicitTls", true, "true only together with the proxy's tls");
  }
  return {
    name: options.name ?? listenerName(options),
    protocol,
    implicitTls,
    proxyFrom: options.proxyFrom && networks("proxyFrom", options.proxyFrom),
    xclientFrom: networks("xclientFrom", options.xclientFrom),
    xforwardFrom: networks("xforwardFrom", options.xforwardFrom),
    login: options.login,
    via: options.via,
  };
}

function attempt<T>(option: string, allowed: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new OptionError(option, error instanceof Error ? error.message : error, allowed);
  }
}

function networks(option: string, list: readonly string[] | undefined): Networks {
  return attempt(option, "a list of IP addresses and address/bits", () => new Networks(list));
}

function oneOf<T extends string>(option: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) throw new OptionError(option, value, allowed.join(", "));
  return value;
}

function wholeNumber(option: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new OptionError(option, value, "a whole number of at least 1");
  }
  return value;
}

function numbers<T extends object>(option: string, defaults: T, own: Partial<T> = {}): T {
  for (const [name, value] of Object.entries(own)) {
    if (!(name in defaults)) {
      throw new OptionError(`${option}.${name}`, value, Object.keys(defaults).join(", "));
    }
    wholeNumber(`${option}.${name}`, value as number);
  }
  return { ...defaults, ...own };
}
