/**
 * TLS over any channel, by `node:tls`: the same code on every runtime that has it.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { setImmediate } from "node:timers";
import * as tls from "node:tls";
import {
  type Channel,
  ChannelError,
  type PeerCertificate,
  type SecureChannel,
  type TlsClient,
  type TlsServer,
  type TlsVerification,
} from "../channel.ts";
import { type Clock, systemClock } from "../clock.ts";
import { concat, EMPTY } from "../bytes.ts";
import { deferred } from "../deferred.ts";
import { type ClientHello, parseClientHello } from "./client_hello.ts";
import { messageOf } from "../errors.ts";
import {
  type CertificatePair,
  type CertificateSource,
  chainOf,
  peerCertificateOf,
  problemOf,
} from "./node_certificates.ts";
import { ChannelDuplex, TlsChannel } from "./node_tls_channel.ts";

export {
  type CertificatePair,
  type CertificateSource,
  staticCertificates,
} from "./node_certificates.ts";

/** What {@linkcode createTlsServer} needs. */
export interface TlsServerOptions {
  /** What is shown to the clients. */
  readonly certificates: CertificateSource;
  /** Whether and against whom client certificates are checked; without it none is asked for. */
  readonly clientCertificates?: {
    /** Ask for one. A client without one is served all the same: policy decides. */
    readonly request: boolean;
    /** In PEM. None: no certificate counts as verified, its fingerprint may still be known. */
    readonly authorities?: readonly string[];
  };
  /**
   * The oldest protocol version accepted (RFC 8996: nothing before 1.2).
   *
   * @default "TLSv1.2"
   */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  /**
   * Tells whether a client's certificate is valid now.
   *
   * @default systemClock
   */
  readonly clock?: Clock;
}

/**
 * The server's side of TLS. The certificate is chosen by server name at each handshake; a client's
 * certificate is verified here and told in the facts, never a reason to refuse the handshake.
 *
 * @example TLS from the first octet
 * ```ts ignore
 * import { createTlsServer, fileCertificates, listen } from "@sluice/sluice/deno";
 *
 * const certificates = await fileCertificates([{ cert: "mx.pem", key: "mx.key" }]);
 * const tls = createTlsServer({ certificates, clientCertificates: { request: true } });
 * const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 8465 });
 * for await (const channel of listener) {
 *   const secure = await tls.accept(channel, AbortSignal.timeout(30_000));
 *   console.log(secure.tls.serverName, secure.tls.peer?.fingerprint);
 *   secure.close();
 * }
 * ```
 *
 * @throws {Error} If an authority does not load.
 */
export function createTlsServer(options: TlsServerOptions): TlsServer {
  const { certificates, clientCertificates, minVersion = "TLSv1.2", clock = systemClock } = options;
  const requestCert = clientCertificates?.request ?? false;
  const ca = clientCertificates?.authorities ?? [];
  const authorities = ca.map((pem) => new X509Certificate(pem));
  const contexts = new WeakMap<CertificatePair, tls.SecureContext>();
  const contextOf = (pair: CertificatePair): tls.SecureContext => {
    let context = contexts.get(pair);
    if (context === undefined) {
      context = tls.createSecureContext({
        cert: pair.cert,
        key: pair.key,
        ca: [...ca],
        minVersion,
      });
      contexts.set(pair, context);
    }
    return context;
  };
  const peerOf = (socket: tls.TLSSocket): PeerCertificate | undefined => {
    const chain = requestCert ? chainOf(socket) : [];
    if (chain.length === 0) return undefined;
    return peerCertificateOf(chain[0], problemOf(chain, authorities, clock.now()));
  };
  return {
    accept: (channel, signal) =>
      whileWanted(channel, signal, async () => {
        const { hello, octets } = await readClientHello(channel);
        const secureContext = contextOf(await certificates.certificateFor(hello.serverName));
        const duplex = new ChannelDuplex(channel, octets);
        const socket = new tls.TLSSocket(duplex, {
          isServer: true,
          secureContext,
          requestCert,
          rejectUnauthorized: false,
          ...HALF_OPEN,
        });
        await handshakeOf(socket, duplex, "secure");
        return secureChannel(channel, duplex, socket, hello.serverName, peerOf(socket));
      }),
  };
}

/** What {@linkcode createTlsClient} can be told. */
export interface TlsClientOptions {
  /** Shown to servers that ask for a certificate: the chain in PEM. */
  readonly certificate?: string;
  /** Its private key in PEM. */
  readonly key?: string;
}

/**
 * The client's side of TLS. The handshake itself proves in every case that the server holds its
 * certificate's key; what the certificate must be is checked before anything is sent.
 *
 * @example A server that speaks no TLS
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { ChannelError, createTlsClient } from "@sluice/sluice/deno";
 * import { memoryPair } from "@sluice/sluice/testing";
 *
 * const [client, server] = memoryPair();
 * await server.write(new TextEncoder().encode("220 mail.example ESMTP\r\n"));
 * const verify = { kind: "name", name: "mail.example" } as const;
 * const error = await assertRejects(
 *   () =>
 *     createTlsClient().connect(
 *       client,
 *       { serverName: "mail.example", verify },
 *       AbortSignal.timeout(5_000),
 *     ),
 *   ChannelError,
 * );
 * assertEquals(error.kind, "tls");
 * server.close();
 * ```
 */
export function createTlsClient(options: TlsClientOptions = {}): TlsClient {
  const { certificate, key } = options;
  return {
    connect: (channel, { serverName, verify }, signal) =>
      whileWanted(channel, signal, async () => {
        const duplex = new ChannelDuplex(channel);
        const name = verify.kind === "name" ? verify.name : serverName;
        const socket = tls.connect({
          socket: duplex,
          // RFC 6066 §3: no IP addresses as server name.
          servername: isIP(serverName) === 0 ? serverName : "",
          checkServerIdentity: (_name, found) => tls.checkServerIdentity(name, found),
          ca: verify.kind === "name" && verify.authorities ? [...verify.authorities] : undefined,
          cert: certificate,
          key,
          minVersion: "TLSv1.2",
          // Judged below, where the answer can say what was found.
          rejectUnauthorized: false,
          ...HALF_OPEN,
        });
        await handshakeOf(socket, duplex, "secureConnect");
        const peer = judged(socket, verify);
        return secureChannel(channel, duplex, socket, serverName.toLowerCase(), peer);
      }),
  };
}

/** `node:tls` takes it and its types do not know it: the peer's end is not ours. */
const HALF_OPEN: object = { allowHalfOpen: true };

/** Runs a handshake; on failure and at the signal the channel is closed. */
async function whileWanted(
  channel: Channel,
  signal: AbortSignal,
  handshake: () => Promise<SecureChannel>,
): Promise<SecureChannel> {
  const aborted = deferred<never>();
  const onAbort = () => aborted.reject(signal.reason);
  try {
    signal.throwIfAborted();
    signal.addEventListener("abort", onAbort);
    return await Promise.race([aborted.promise, handshake()]);
  } catch (error) {
    channel.close();
    const kind = signal.aborted ? "aborted" : "tls";
    throw new ChannelError(kind, `TLS handshake failed: ${messageOf(error)}`, { cause: error });
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Reads up to the end of the ClientHello, at the least; `octets` is all that was read. */
async function readClientHello(
  channel: Channel,
): Promise<{ hello: ClientHello; octets: Uint8Array }> {
  for (let octets = EMPTY;;) {
    const more = await channel.read();
    if (more === undefined) throw new Error("The client has ended the connection");
    octets = concat([octets, more]);
    const result = parseClientHello(octets);
    if (result.kind === "complete") return { hello: result.hello, octets };
    if (result.kind === "invalid") throw new Error(result.problem);
  }
}

/** Waits for the end of the handshake, good or bad; a socket that fails is destroyed. */
async function handshakeOf(
  socket: tls.TLSSocket,
  duplex: ChannelDuplex,
  success: "secure" | "secureConnect",
): Promise<void> {
  const { promise, resolve, reject } = deferred<void>();
  const onClose = () => reject(new Error("The connection was closed"));
  // The socket may still have to process what came before the end.
  const onEnd = () =>
    void setImmediate(() => reject(new Error("The peer has ended the connection")));
  socket.once(success, resolve);
  socket.once("close", onClose);
  duplex.once("close", onClose);
  duplex.once("end", onEnd);
  // These two stay: an error event that nobody listens to would end the process.
  socket.on("error", reject);
  duplex.on("error", reject);
  // It may be rejected before it is awaited, which is no fault.
  promise.catch(() => {});
  // Deno starts a server's handshake in the next tick and throws, with nobody to catch it, if the
  // socket has been destroyed by then: nothing may fail before.
  await new Promise<void>((started) => void setImmediate(started));
  duplex.readWhile(() => true);
  try {
    await promise;
  } catch (error) {
    socket.destroy();
    duplex.destroy();
    throw error;
  } finally {
    duplex.off("end", onEnd);
  }
}

function secureChannel(
  channel: Channel,
  duplex: ChannelDuplex,
  socket: tls.TLSSocket,
  serverName: string,
  peer: PeerCertificate | undefined,
): SecureChannel {
  return new TlsChannel(channel, duplex, socket, {
    version: socket.getProtocol() ?? "",
    cipher: socket.getCipher()?.name ?? "",
    serverName,
    ...(peer === undefined ? {} : { peer }),
  });
}

/**
 * What to say of the server's certificate.
 *
 * @throws {Error} If it does not prove what it must.
 */
function judged(socket: tls.TLSSocket, verify: TlsVerification): PeerCertificate | undefined {
  const [own] = chainOf(socket);
  if (own === undefined) {
    if (verify.kind === "none") return undefined;
    throw new Error("The server has shown no certificate");
  }
  const peer = peerCertificateOf(own, verificationProblem(socket));
  const found = `the certificate "${peer.subject}" (SHA-256 ${peer.fingerprint})`;
  switch (verify.kind) {
    case "none":
      return peer;
    case "name":
      if (peer.verified) return peer;
      throw new Error(
        `Found ${found}, expected one for "${verify.name}" from a known authority: ${peer.problem}`,
      );
    case "fingerprint":
      if (verify.fingerprints.includes(peer.fingerprint)) return peerCertificateOf(own, undefined);
      throw new Error(`Found ${found}, expected SHA-256 ${verify.fingerprints.join(" or ")}`);
  }
}

function verificationProblem(socket: tls.TLSSocket): string | undefined {
  if (socket.authorized) return undefined;
  return socket.authorizationError ? messageOf(socket.authorizationError) : "not verified";
}
