/**
 * What a session needs of the next hop. The session knows only this; how it is done (SMTP, capture,
 * LMTP, HTTP) is the implementation's.
 *
 * @module
 */

import type { TlsFacts } from "../channel.ts";
import type { Extensions } from "../rfc5321/extension.ts";
import type { MailParameters, RcptParameters } from "../rfc5321/parameter.ts";
import type { Path } from "../rfc5321/path.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { ClientFacts, ForwardedFacts, MailProtocol, SessionFacts } from "./facts.ts";

/** The next hop. */
export interface Upstream {
  /** For logs: `smtp://mx.example:25`. */
  readonly name: string;
  /**
   * What it offers, from memory where that is fresh enough.
   *
   * @param maxAge Milliseconds that the memory may have; to find out whether it is reachable. Default:
   * as old as is good enough for a client.
   * @throws {UpstreamFailure} If it is not known and cannot be found out.
   */
  offer(maxAge?: number): Promise<UpstreamOffer>;
  /**
   * Opens a connection on behalf of one session.
   *
   * @param signal Calls it off: the session has ended.
   * @throws {UpstreamFailure}
   */
  connect(session: SessionFacts, signal: AbortSignal): Promise<UpstreamLink>;
  /** One that is at hand; absent, or `undefined`: `connect` gets one. */
  lend?(session: SessionFacts): UpstreamLink | undefined;
  /** Frees what is kept between sessions. */
  close(): Promise<void>;
  /** Connections that are kept between sessions; absent where none are. */
  readonly pool?: PoolState;
}

/** Connections of an upstream, as they are now. */
export interface PoolState {
  /** Lent and idle ones, and those that are being made. */
  readonly open: number;
  /** Nobody uses them. */
  readonly idle: number;
  /** Sessions that wait for one. */
  readonly waiting: number;
}

/** What an upstream was last seen to offer. */
export interface UpstreamOffer {
  /** What its EHLO reply offered, last and inside TLS where it has that. */
  readonly extensions: Extensions;
  /** Whether the connection was under TLS with a verified certificate (RFC 8689 §4.2.1 asks). */
  readonly verified: boolean;
}

/** How the mail data are handed to the upstream. */
export type DataForm =
  /** As they stand between 354 and the end of mail data, dots doubled, without the terminator. */
  | "stuffed"
  /** As the message is. */
  | "content";

/** Mail data on their way. */
export interface UpstreamBody {
  /** The form in which `write` wants the octets. */
  readonly form: DataForm;
  /** The upstream has answered before the end, or is gone: nothing more may be written. */
  readonly refusal: Reply | undefined;
  /**
   * Resolves when the upstream has room for more and the octets may be used again; at once where there
   * is no promise. After a refusal it does nothing.
   *
   * @throws {UpstreamFailure} If the upstream is lost.
   */
  write(octets: Uint8Array): Promise<void> | void;
  /**
   * As `write`, for octets behind which `finish` comes at once, so that both may travel together.
   * Absent: `write` does as well.
   */
  writeLast?(octets: Uint8Array): Promise<void> | void;
  /**
   * Ends the mail data: from here on the upstream may take responsibility (RFC 5321 §6.1).
   *
   * @param heard Told of the reply for each recipient as it comes, where the upstream gives one for
   * each that it has accepted, the nth from 0 (RFC 2033 §4.2).
   * @returns What a client is told that can be told only one: of several the first 4yz, else the first
   * 5yz, else the first.
   * @throws {UpstreamFailure} If an answer did not come: whether it has the message is not known, but
   * for recipients that were heard of.
   */
  finish(heard?: (nth: number, reply: Reply) => void): Promise<Reply>;
  /**
   * Lets the upstream know that more is to come, where its protocol has a way: whoever keeps it waiting
   * calls it now and then, between two writes. Never throws.
   */
  keepAlive?(): void;
  /** Takes it all back: the upstream never sees an end of mail data. Never rejects. */
  cancel(): Promise<void>;
}

/** Where a message comes from, for upstreams that want to be told (XFORWARD). */
export interface Origin {
  /** The mail transaction's, as in logs and in the trace header: `k3f9-1`. */
  readonly id: string;
  /** Whose session it is. */
  readonly client: ClientFacts;
  /** What a trusted peer said of the client behind it; it goes before `client`. */
  readonly forwarded?: ForwardedFacts;
  /** What the client speaks. @default "smtp" */
  readonly protocol?: MailProtocol;
}

/** A connection to the upstream that has been greeted; commands may be called without awaiting. */
export interface UpstreamLink {
  /** What this very connection offers. */
  readonly extensions: Extensions;
  /** The upstream's side of TLS; absent in the clear. */
  readonly tls?: TlsFacts;
  /** Whether the connection lives. */
  readonly open: boolean;
  /** Whether another transaction can begin on it. */
  readonly usable: boolean;
  /**
   * Begins a mail transaction (RFC 5321 §4.1.1.2).
   *
   * @param parameters Of extensions that this connection offers.
   * @throws {UpstreamFailure} If no reply came, as all the others here.
   */
  mail(path: Path, parameters: MailParameters, origin: Origin): Promise<Reply>;
  /**
   * Adds a recipient (RFC 5321 §4.1.1.3).
   *
   * @throws {UpstreamFailure} If no reply came.
   */
  rcpt(path: Path, parameters: RcptParameters): Promise<Reply>;
  /**
   * Opens the mail data.
   *
   * @param wish The form in which the caller has them; the body's own `form` decides. Every upstream
   * can take content.
   * @returns The body, with the upstream's 354 where it sent one; or its refusal. A promise where the
   * upstream has to be asked.
   */
  data(wish: DataForm, parameters: MailParameters): Opened | Promise<Opened>;
  /** Ends the transaction without a message. */
  reset(): Promise<Reply>;
  /** Sends one line of an AUTH exchange (RFC 4954), the command or a response. */
  authenticate(line: string): Promise<Reply>;
  /** Sends VRFY, EXPN or HELP. */
  query(verb: "VRFY" | "EXPN" | "HELP", argument: string): Promise<Reply>;
  /** Somebody else has used the connection before. */
  readonly reused?: boolean;
  /**
   * Lets go of the connection between two transactions, for others to use; absent where it belongs to
   * one session.
   *
   * @returns False where something of the session is left on it, so that nobody else may have it.
   */
  release?(): boolean;
  /** Says QUIT and closes, in bounded time, or lets others have it. Never rejects. */
  quit(): Promise<void>;
  /** Closes at once. */
  abort(): void;
}

/** What comes of DATA: a body, or why not. */
export type Opened = OpenedBody | Reply;

/** A body that may now be written. */
export interface OpenedBody {
  /** Takes the mail data; `finish` or `cancel` has to be called on it. */
  readonly body: UpstreamBody;
  /** The upstream's 354, if its dialogue has one. */
  readonly reply?: Reply;
}

/** Why no reply came from the upstream. */
export type FailureKind =
  /** No connection came about. */
  | "unreachable"
  /** It broke or was closed. */
  | "lost"
  /** No answer in time. */
  | "timeout"
  /** What it sent is not SMTP, or is not an answer to what was asked. */
  | "protocol"
  /** It greeted with 4xx or 5xx, or refused EHLO: `reply` tells. */
  | "refusing"
  /** It greeted with 521: it takes no mail at all (RFC 7504 §3). */
  | "no-mail"
  /** TLS as configured could not be had. */
  | "tls"
  /** It has no room for another connection now. */
  | "busy"
  /** It lacks what the configuration asks of it (XCLIENT). */
  | "unfit"
  /** Called off by us. */
  | "aborted";

/**
 * No reply came from the upstream. `message` is for logs; what the client is told is a table.
 *
 * @example An upstream that cannot be reached
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createProxy, type Upstream, UpstreamFailure } from "@sluice/sluice";
 * import { memoryPair } from "@sluice/sluice/testing";
 *
 * const unreachable = () => Promise.reject(new UpstreamFailure("unreachable", "Nobody there"));
 * const upstream: Upstream = {
 *   name: "nowhere",
 *   offer: unreachable,
 *   connect: unreachable,
 *   close: () => Promise.resolve(),
 * };
 * const [client, server] = memoryPair();
 * const session = createProxy({ upstream }).handle(server);
 * await client.read(); // the greeting: what the upstream offers is asked at EHLO
 * await client.write(new TextEncoder().encode("EHLO client.example\r\n"));
 * assertEquals(
 *   new TextDecoder().decode(await client.read()),
 *   "421 4.4.1 Next hop does not answer, try again later\r\n",
 * );
 * client.close();
 * await session;
 * ```
 */
export class UpstreamFailure extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "UpstreamFailure";
  /**
   * Is thrown by implementations of {@linkcode Upstream}.
   *
   * @param kind Decides what the client is told: 451, 421 at EHLO, 556 for `no-mail`.
   * @param message Says what was attempted and what was found.
   * @param options `cause`, and `reply`: what the upstream said where it refused.
   */
  constructor(
    readonly kind: FailureKind,
    message: string,
    options?: ErrorOptions & { readonly reply?: Reply },
  ) {
    super(message, options);
    this.reply = options?.reply;
  }
  /** The upstream's own words, for `refusing` and `no-mail`. */
  readonly reply: Reply | undefined;
}
