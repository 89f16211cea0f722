/**
 * The transmission channel (RFC 821 §4.2: "SMTP requires only a reliable ordered data stream
 * channel") and what a runtime has to bring. Types only: adapters implement them.
 *
 * @module
 */

/** One end of a channel. `host` is an IP address in text form, without brackets. */
export type Address =
  | { readonly transport: "tcp"; readonly host: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string }
  /** `ws://host:port/path` or `wss://…`; `""` at the end of a client, which nobody can name. */
  | { readonly transport: "websocket"; readonly url: string }
  | { readonly transport: "memory"; readonly name: string };

/** What a dialer can be asked for: here `host` may also be a domain name. */
export type Target = Exclude<Address, { transport: "memory" }>;

/** A target that the system's own sockets reach. */
export type SocketTarget = Extract<Target, { transport: "tcp" | "unix" }>;

/**
 * A reliable, ordered, duplex stream of octets.
 *
 * One `read` and one `write` may be under way at a time; they do not wait for each other.
 */
export interface Channel {
  /** Our end; the address that a client on TCP has reached us at. */
  readonly localAddress: Address;
  /** The peer's end: of whoever is next on the network, which a load balancer may be. */
  readonly remoteAddress: Address;
  /** Of the TLS that the channel has brought along; absent in the clear. */
  readonly tls?: TlsFacts;
  /**
   * Waits for octets. What it returns stays valid only until the next `read`: the adapter may use
   * the same memory again.
   *
   * @param size Wanted size of the read buffer in octets; a hint, at least 1.
   * @returns At least one octet, or `undefined` once the peer has ended its side.
   * @throws {ChannelError} If the connection broke or was closed here.
   */
  read(size?: number): Promise<Uint8Array | undefined>;
  /**
   * Writes all of it; resolves when the runtime has taken the last octet (back-pressure).
   *
   * @throws {ChannelError} If the connection broke or was closed here.
   */
  write(octets: Uint8Array): Promise<void>;
  /** Ends our side; the peer may still send. Never throws; may be called twice. */
  closeWrite(): Promise<void>;
  /** Ends both sides at once and frees everything; a pending read or write rejects. Idempotent. */
  close(): void;
}

/** A certificate that the peer has shown. */
export interface PeerCertificate {
  /** Common name, or the whole subject where it has none. */
  readonly subject: string;
  /** The same of whoever has signed it. */
  readonly issuer: string;
  /** The last moment of its validity, in milliseconds since 1970. */
  readonly validTo: number;
  /** SHA-256 over the DER form, lower-case hex without colons. */
  readonly fingerprint: string;
  /** Whether it chains to a configured authority (and, where a name was asked for, bears it). */
  readonly verified: boolean;
  /** Why not, where it is not. */
  readonly problem?: string;
}

/** What is known of a channel's TLS. */
export interface TlsFacts {
  /** As the TLS library names it: `TLSv1.2`, `TLSv1.3`; `""` where the runtime does not tell. */
  readonly version: string;
  /**
   * Cipher suite, by the TLS library's own name for it, `""` where the runtime does not tell; the trace
   * header bears it (RFC 8314 §4.3).
   */
  readonly cipher: string;
  /** Server name that the client asked for (SNI), lower case, `""` if none. */
  readonly serverName: string;
  /** What the peer has shown; absent where it showed nothing or was asked for nothing. */
  readonly peer?: PeerCertificate;
}

/** A channel after its TLS handshake. */
export interface SecureChannel extends Channel {
  /** What the handshake has brought; it does not change afterwards. */
  readonly tls: TlsFacts;
}

/** The server's side of TLS: certificates and their choice by name are the adapter's. */
export interface TlsServer {
  /**
   * Waits for a client's handshake on a channel, which from then on belongs to the one returned.
   *
   * @param signal Ends the handshake (time limit, shutdown): the promise rejects, the channel is closed.
   * @throws {ChannelError} If the handshake fails; the channel is closed then.
   */
  accept(channel: Channel, signal: AbortSignal): Promise<SecureChannel>;
}

/** What the upstream's certificate must prove. */
export type TlsVerification =
  /** Nothing: encryption only. */
  | { readonly kind: "none" }
  /** Chain to an authority (the runtime's own list, or `authorities` in PEM) and bear `name`. */
  | { readonly kind: "name"; readonly name: string; readonly authorities?: readonly string[] }
  /** Be exactly this certificate: SHA-256 of the DER form in lower-case hex. */
  | { readonly kind: "fingerprint"; readonly fingerprints: readonly string[] };

/** The client's side of TLS. */
export interface TlsClient {
  /**
   * Makes the handshake on a channel, which from then on belongs to the one returned, and verifies
   * the certificate before anything else is sent.
   *
   * @param serverName Sent as SNI where it is a domain name.
   * @throws {ChannelError} If the handshake or the verification fails; the channel is closed then.
   */
  connect(
    channel: Channel,
    options: { readonly serverName: string; readonly verify: TlsVerification },
    signal: AbortSignal,
  ): Promise<SecureChannel>;
}

/** Channels that arrive at one address. */
export interface ChannelListener {
  /** Where it listens: with the real port, where port 0 was asked for. */
  readonly address: Address;
  /** The channels in the order of their arrival. Ends after `close`; never throws. */
  [Symbol.asyncIterator](): AsyncIterator<Channel>;
  /** Stops listening; channels that have been handed out live on. Idempotent. */
  close(): void;
}

/** Opens channels. */
export interface Dialer {
  /**
   * Opens a connection. It sets no time limit of its own: `signal` is the caller's.
   *
   * @throws {ChannelError} If no connection came about; at once when `signal` aborts.
   */
  connect(target: Target, signal: AbortSignal): Promise<Channel>;
}

/**
 * Why a channel could not be had or broke. `message` is for logs, never for the peer.
 *
 * @example Telling a peer's fault from our own
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { ChannelError } from "@sluice/sluice";
 * import { memoryPair } from "@sluice/sluice/testing";
 *
 * const [client, server] = memoryPair();
 * server.close();
 * const ours = await assertRejects(() => server.read(), ChannelError);
 * const theirs = await assertRejects(() => client.write(Uint8Array.of(0x51)), ChannelError);
 * assertEquals([ours.kind, theirs.kind], ["closed", "broken"]);
 * client.close();
 * ```
 */
export class ChannelError extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "ChannelError";
  /**
   * Is made by adapters, which put what their runtime has thrown into `options.cause`.
   *
   * @param kind `refused`: nobody there; `unresolved`: no such name; `tls`: handshake or
   * verification; `broken`: reset or broken pipe; `closed`: closed on our side; `aborted`: by signal.
   */
  constructor(
    readonly kind: "refused" | "unresolved" | "tls" | "broken" | "closed" | "aborted",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
