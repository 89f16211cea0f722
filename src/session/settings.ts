/**
 * Everything a session is told once, resolved: no defaults are filled in behind this point.
 *
 * @module
 */

import type { TlsServer } from "../channel.ts";
import type { Clock } from "../clock.ts";
import type { NameCache } from "../dns/name_cache.ts";
import type { Networks } from "../networks.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { MailProtocol } from "./facts.ts";
import type { MessageStore } from "./message_store.ts";
import type { Observer } from "./observer.ts";
import type { Judge } from "./phases.ts";
import type { ReplyName, ReplyTable } from "./replies.ts";
import type { Upstreams } from "./upstreams.ts";

/** Sizes, in octets or pieces. */
export interface Limits {
  /**
   * Octets of one message, as RFC 1870 §5 counts them. EHLO offers the smaller of this and the
   * upstream's SIZE; what turns out larger is refused with 552.
   *
   * @default 52428800
   */
  readonly messageSize: number;
  /**
   * RCPT commands of one mail transaction; those beyond are answered 452. RFC 5321 §4.5.3.1.8 asks
   * for 100 at least.
   *
   * @default 1000
   */
  readonly recipients: number;
  /** Faults in a row until the session is ended with 421. @default 3 */
  readonly errors: number;
  /** Received fields that a message may have; one more is a loop (RFC 5321 §6.3). @default 100 */
  readonly hops: number;
}

/** Waits, in milliseconds. */
export interface Timeouts {
  /** For the next command of the client (RFC 5321 §4.5.3.2.7). @default 300000 */
  readonly command: number;
  /** For the next octets of mail data (RFC 5321 §4.5.3.2.5). @default 180000 */
  readonly data: number;
  /** For all mail data of one message. @default 3600000 */
  readonly transfer: number;
  /** For the client to read a reply. @default 60000 */
  readonly write: number;
  /** For a TLS handshake. @default 30000 */
  readonly handshake: number;
  /** For a PROXY header. @default 5000 */
  readonly proxyHeader: number;
  /** For the name of a client to be looked up; it is greeted without one then. @default 5000 */
  readonly lookup: number;
  /** For the client to close after our last reply. @default 2000 */
  readonly linger: number;
}

/** What is common to all sessions of a proxy. */
export interface Settings {
  /** Our own name in greeting, EHLO and trace header; `""`: the address literal of the listener. */
  readonly hostname: string;
  readonly upstreams: Upstreams;
  readonly judge: Judge;
  readonly observer: Required<Observer>;
  readonly clock: Clock;
  readonly replies: ReplyTable;
  /** The names of those, for observers. */
  readonly replyNames: ReadonlyMap<Reply, ReplyName>;
  /** Where names of clients are looked up; absent: nowhere. */
  readonly names: NameCache | undefined;
  readonly tls: TlsServer | undefined;
  /** MAIL is refused in the clear. */
  readonly tlsRequired: boolean;
  readonly auth: "relay" | "off" | "require";
  readonly authWithoutTls: boolean;
  readonly trusted: Networks;
  readonly bareNewline: "reject" | "normalize";
  readonly trace: boolean;
  /** Source routes go on to the upstream instead of being dropped. */
  readonly keepSourceRoutes: boolean;
  /** MAIL is sent on as it comes, and not with the first recipient. */
  readonly eagerMail: boolean;
  /** Who answers VRFY, EXPN and HELP. */
  readonly verify: "local" | "upstream";
  /** Octets of a message that are held, where a policy looks at it. */
  readonly window: number;
  /** Where messages are kept that the policy has sent there; absent: nowhere. */
  readonly quarantine: MessageStore | undefined;
  /** Milliseconds for which a filter may keep a message waiting. */
  readonly filterPatience: number;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
}

/** What is particular to one listener. */
export interface ListenerSettings {
  readonly name: string;
  readonly protocol: MailProtocol;
  /** TLS from the first octet (RFC 8314 §3), or on STARTTLS if the proxy has certificates. */
  readonly implicitTls: boolean;
  /** A PROXY header is mandatory, from these peers only; absent: none is expected. */
  readonly proxyFrom: Networks | undefined;
  readonly xclientFrom: Networks;
  readonly xforwardFrom: Networks;
  /** The login of each client; absent: AUTH tells. */
  readonly login: string | undefined;
  /** The link for the trace header; absent: none is named. */
  readonly via: string | undefined;
}
