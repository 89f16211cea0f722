/**
 * What the adapters of all runtimes with sockets have alike: channels over streams and WebSockets,
 * TLS and its certificates, and the types of what they bring.
 *
 * @module
 */

export { type Addresses, channelOfStreams, type StreamPair, streamsOfChannel } from "./streams.ts";
export { webSocketChannel, type WebSocketEnds, type WebSocketLike } from "./websocket.ts";
export {
  type OpenedWebSocket,
  webSocketDialer,
  type WebSocketDialerOptions,
} from "./websocket_dialer.ts";
export { webSocketListener, type WebSocketListenerOptions } from "./websocket_listener.ts";
export type { UpgradeOptions } from "./websocket_request.ts";
export {
  type CertificateFiles,
  fileCertificates,
  type FileCertificatesOptions,
} from "./node_file_certificates.ts";
export {
  type CertificatePair,
  type CertificateSource,
  createTlsClient,
  createTlsServer,
  staticCertificates,
  type TlsClientOptions,
  type TlsServerOptions,
} from "./node_tls.ts";
export {
  type Address,
  type Channel,
  ChannelError,
  type ChannelListener,
  type Dialer,
  type PeerCertificate,
  type SecureChannel,
  type SocketTarget,
  type Target,
  type TlsClient,
  type TlsFacts,
  type TlsServer,
  type TlsVerification,
} from "../channel.ts";
export type { Clock, Timer } from "../clock.ts";
