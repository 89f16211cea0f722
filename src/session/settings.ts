/**
 * Everything a session is told once, resolved: no defaults are filled in behind this point.
 *
 * @module
 */

import type { TlsServer } from "../channel.ts";
import type { Clock } from "../clock.ts";
import type { Networks } from "../networks.ts";
import type { Observer } from "./observer.ts";
import type { Judge } from "./phases.ts";
import type { ReplyTable } from "./replies.ts";
import type { Upstream } from "./upstream.ts";

/** Sizes, in octets or pieces. */
export interface Limits {
  readonly messageSize: number;
  readonly recipients: number;
  /** Faults in a row until the session is ended. */
  readonly errors: number;
  /** Received fields until a message counts as looping. */
  readonly hops: number;
}

/** Waits, in milliseconds. */
export interface Timeouts {
  /** For the next command of the client. */
  readonly command: number;
  /** For the next octets of mail data. */
  readonly data: number;
  /** For all mail data of one message. */
  readonly transfer: number;
  /** For the client to read a reply. */
  readonly write: number;
  /** For a TLS handshake. */
  readonly handshake: number;
  /** For a PROXY header. */
  readonly proxyHeader: number;
  /** For the client to close after our last reply. */
  readonly linger: number;
}

/** What is common to all sessions of a proxy. */
export interface Settings {
  /** Our own name in greeting, EHLO and trace header; `""`: the address literal of the listener. */
  readonly hostname: string;
  readonly upstream: Upstream;
  readonly judge: Judge;
  readonly observer: Required<Observer>;
  readonly clock: Clock;
  readonly replies: ReplyTable;
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
  /** Who answers VRFY, EXPN and HELP. */
  readonly verify: "local" | "upstream";
  readonly limits: Limits;
  readonly timeouts: Timeouts;
}

/** What is particular to one listener. */
export interface ListenerSettings {
  readonly name: string;
  /** TLS from the first octet (RFC 8314 §3), or on STARTTLS if the proxy has certificates. */
  readonly implicitTls: boolean;
  /** A PROXY header is mandatory, from these peers only; absent: none is expected. */
  readonly proxyFrom: Networks | undefined;
  readonly xclientFrom: Networks;
  readonly xforwardFrom: Networks;
}
