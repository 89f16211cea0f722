/**
 * What a session knows and shows to policies and observers. Types only; nobody can change anything
 * through them.
 *
 * @module
 */

import type { Address, TlsFacts } from "../channel.ts";
import type { MailParameters, RcptParameters } from "../rfc5321/parameter.ts";
import type { Path } from "../rfc5321/path.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { Step } from "./phases.ts";

/** How mail is handed over: SMTP (RFC 5321), or LMTP with a reply for each recipient (RFC 2033). */
export type MailProtocol = "smtp" | "lmtp";

/** Who the client is, as far as it is known: the connection, or what a trusted peer said of it. */
export interface ClientFacts {
  /** IP address in text form, or `""` where the channel has none (Unix socket, memory). */
  readonly address: string;
  /** TCP port, 0 if unknown. */
  readonly port: number;
  /** Host name, looked up and confirmed (`ProxyOptions.resolver`) or told by a trusted peer (XCLIENT NAME). */
  readonly name?: string;
  /** Name in HELO or EHLO, `""` before it. */
  readonly hello: string;
  /** Whether the client said EHLO. */
  readonly extended: boolean;
  /** The client's side of TLS; absent in the clear. */
  readonly tls?: TlsFacts;
  /** Login that the upstream has accepted, or that a trusted peer told (XCLIENT LOGIN). */
  readonly login?: string;
  /** The address is in the option `trusted`. */
  readonly trusted: boolean;
}

/** One session: one connection after its greeting (RFC 5321 §3.1). */
export interface SessionFacts {
  /** Unique in this process; stands in logs and in the trace header. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** As it stands now: a PROXY header, TLS, EHLO, AUTH and XCLIENT each change it. */
  readonly client: ClientFacts;
  /** The address at which the client reached us. */
  readonly server: Address;
  /** Name of the listener. */
  readonly listener: string;
}

/** One recipient of the envelope, with its answer once it is known. */
export interface Recipient {
  /** Where the message is to go (RFC 5321 §4.1.1.3). */
  readonly forwardPath: Path;
  /** What RCPT said besides the path. */
  readonly parameters: RcptParameters;
  /** The upstream's reply to RCPT, or ours in its place; absent until there is one. */
  readonly reply?: Reply;
  /** The upstream's reply to the message for this one, where it gives one for each (RFC 2033 §4.2). */
  readonly outcome?: Reply;
}

/** The envelope (RFC 5321 §2.3.1). */
export interface Envelope {
  /** Where failures are reported to; null for such a report itself (RFC 5321 §4.5.5). */
  readonly reversePath: Path;
  /** What MAIL said besides the path. */
  readonly parameters: MailParameters;
  /** In the order of their RCPT commands. */
  readonly recipients: readonly Recipient[];
}

/** One mail transaction (RFC 5321 §3.3). */
export interface TransactionFacts {
  /** The session's id with the number of the transaction in it: `k3f9-1`. */
  readonly id: string;
  /** The session as it was at MAIL. */
  readonly session: SessionFacts;
  /** As the client gave it, with the recipients that were refused. */
  readonly original: Envelope;
  /** As the upstream gets it: the recipients that it has accepted. */
  readonly current: Envelope;
  /** Octets of mail data so far, as RFC 1870 §5 counts them. */
  readonly octets: number;
  /** Name of the upstream at which it is open; absent before that. */
  readonly upstream?: string;
  /** What the policy has said so far. */
  readonly steps: readonly Step[];
}

/**
 * Client data that a content filter in front of us passes along with XFORWARD (XFORWARD_README). A
 * member is absent where the attribute was not sent or is `[UNAVAILABLE]`.
 */
export interface ForwardedFacts {
  /** NAME: host name of the client. */
  readonly name?: string;
  /** ADDR: IP address of the client, without the prefix `IPV6:`. */
  readonly address?: string;
  /** PORT: TCP port of the client, in decimal. */
  readonly port?: string;
  /** PROTO: how the message came to the filter, `SMTP`, `ESMTP` or another name. */
  readonly protocol?: string;
  /** HELO: what the client called itself. */
  readonly hello?: string;
  /** IDENT: the message's identifier in the filter's logs. */
  readonly ident?: string;
  /** SOURCE: `LOCAL` or `REMOTE`. */
  readonly source?: string;
}
