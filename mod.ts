/**
 * Sluice: a filtering SMTP proxy that stores nothing.
 *
 * This module is the core: it knows no runtime. What a runtime brings (sockets, TLS, files) comes
 * from an adapter, such as `@sluice/sluice/deno`.
 *
 * @example A proxy over any channel
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createProxy } from "@sluice/sluice";
 * import { memoryPair } from "@sluice/sluice/testing";
 *
 * const proxy = createProxy({ hostname: "mx.example" });
 * const [client, server] = memoryPair();
 * const session = proxy.handle(server);
 * const greeting = await client.read();
 * assertEquals(new TextDecoder().decode(greeting), "220 mx.example ESMTP\r\n");
 * client.close();
 * await session;
 * await proxy.close();
 * ```
 *
 * @module
 */

export { createProxy, type Proxy } from "./src/proxy.ts";
export {
  defaultLimits,
  defaultTimeouts,
  type ListenerOptions,
  type ProxyLimits,
  type ProxyOptions,
} from "./src/options.ts";
export { OptionError } from "./src/errors.ts";
export { type Clock, systemClock, type Timer } from "./src/clock.ts";
export { sharedTimers } from "./src/shared_timers.ts";
export type { MailResolver, MxRecord, Resolver, SrvRecord } from "./src/dns/resolver.ts";
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
} from "./src/channel.ts";
export type {
  Answered,
  Observer,
  RefusedAt,
  SessionEnd,
  TransactionEnd,
  UpstreamAnswered,
  UpstreamOpened,
} from "./src/session/observer.ts";
export type { PoolOptions } from "./src/upstream/smtp/pool.ts";
export { type ReplyName, replyTexts } from "./src/session/replies.ts";
export type { ForwardedFacts, MailProtocol } from "./src/session/facts.ts";
export type { Limits, Timeouts } from "./src/session/settings.ts";
export {
  type DataForm,
  type FailureKind,
  type Opened,
  type OpenedBody,
  type Origin,
  type PoolState,
  type Upstream,
  type UpstreamBody,
  UpstreamFailure,
  type UpstreamLink,
  type UpstreamOffer,
} from "./src/session/upstream.ts";
export {
  type BalancedMember,
  type BalancedOptions,
  BalancedUpstream,
  type MemberSource,
} from "./src/upstream/balanced.ts";
export {
  type CapturedEnvelope,
  type CapturedMessage,
  CaptureUpstream,
  MemoryStore,
  type MessageStore,
  type MessageWriter,
} from "./src/upstream/capture.ts";
export {
  type DiscoveredAddress,
  discoveredUpstream,
  type DiscoveryOptions,
} from "./src/upstream/discovered.ts";
export type { Fetch, RequestOptions } from "./src/upstream/http/body.ts";
export { type PostedEnvelope, readEnvelope } from "./src/upstream/http/envelope.ts";
export {
  SignatureError,
  type VerifiedRequest,
  type VerifyOptions,
  verifyRequest,
} from "./src/upstream/http/signature.ts";
export { httpUpstream, type HttpUpstreamOptions } from "./src/upstream/http/upstream.ts";
export { smtpUpstream, type SmtpUpstreamOptions } from "./src/upstream/smtp/upstream.ts";
export type { Identify, UpstreamTls } from "./src/upstream/smtp/connect.ts";
export type { Chunking } from "./src/upstream/smtp/link.ts";
export type { UpstreamTimeouts } from "./src/upstream/smtp/timeouts.ts";
export type { Strategy } from "./src/upstream/strategy.ts";
export { parseUpstreamUrl, type UpstreamUrl } from "./src/upstream/url.ts";
