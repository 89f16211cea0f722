/**
 * All that Sluice needs of Deno: connections, listeners, TLS and its certificates, names.
 *
 * @example A proxy with STARTTLS in front of the server on port 25
 * ```ts ignore
 * import { createProxy, smtpUpstream } from "@sluice/sluice";
 * import {
 *   createTlsClient,
 *   createTlsServer,
 *   denoDialer,
 *   fileCertificates,
 *   listen,
 * } from "@sluice/sluice/deno";
 *
 * const proxy = createProxy({
 *   hostname: "mx.example",
 *   upstream: smtpUpstream({
 *     target: { transport: "tcp", host: "127.0.0.1", port: 25 },
 *     dialer: denoDialer,
 *     tlsClient: createTlsClient(),
 *   }),
 *   tls: createTlsServer({
 *     certificates: await fileCertificates([{ cert: "mx.pem", key: "mx.key" }]),
 *   }),
 * });
 * await proxy.serve(await listen({ transport: "tcp", host: "0.0.0.0", port: 2525 }));
 * ```
 *
 * @module
 */

export { channelOfConn } from "./conn.ts";
export { denoDialer } from "./dialer.ts";
export { denoResolver } from "./resolver.ts";
export { type Acceptor, listen, listenerOf, type ListenOptions } from "./listener.ts";
export { type Upgraded, upgradeToChannel } from "./websocket.ts";
export * from "../shared.ts";
export type { Resolver } from "../../dns/resolver.ts";
