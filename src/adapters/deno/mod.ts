/**
 * All that Sluice needs of Deno: connections, listeners, TLS and its certificates.
 *
 * @example Accept connections and upgrade them to TLS
 * ```ts ignore
 * import { createTlsServer, fileCertificates, listen } from "@sluice/sluice/deno";
 *
 * const certificates = await fileCertificates([{ cert: "mail.crt", key: "mail.key" }]);
 * const tls = createTlsServer({ certificates });
 * const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 8465 });
 * for await (const channel of listener) {
 *   const secure = await tls.accept(channel, AbortSignal.timeout(30_000));
 *   console.log(secure.remoteAddress, secure.tls.version);
 * }
 * ```
 *
 * @module
 */

export { addressOf, channelOfConn } from "./conn.ts";
export { denoDialer } from "./dialer.ts";
export { type Acceptor, listen, listenerOf, type ListenOptions } from "./listener.ts";
export {
  type CertificateFiles,
  fileCertificates,
  type FileCertificatesOptions,
} from "./certificates.ts";
export {
  type CertificatePair,
  type CertificateSource,
  createTlsClient,
  createTlsServer,
  staticCertificates,
  type TlsClientOptions,
  type TlsServerOptions,
} from "../node_tls.ts";
export {
  type Address,
  type Channel,
  ChannelError,
  type ChannelListener,
  type Dialer,
  type PeerCertificate,
  type SecureChannel,
  type Target,
  type TlsClient,
  type TlsFacts,
  type TlsServer,
  type TlsVerification,
} from "../../channel.ts";
export type { Clock, Timer } from "../../clock.ts";
