/**
 * All that Sluice needs of Node (20 and later): connections, listeners, TLS and its certificates,
 * names, WebSockets (for a client of them Node 22, or the option `open` with one of a package).
 *
 * @example A proxy with STARTTLS in front of the server on port 25
 * ```ts ignore
 * import { createProxy, smtpUpstream } from "@sluice/sluice";
 * import {
 *   createTlsClient,
 *   createTlsServer,
 *   fileCertificates,
 *   listen,
 *   nodeDialer,
 * } from "@sluice/sluice/node";
 *
 * const proxy = createProxy({
 *   hostname: "mx.example",
 *   upstream: smtpUpstream({
 *     target: { transport: "tcp", host: "127.0.0.1", port: 25 },
 *     dialer: nodeDialer,
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

export { nodeDialer } from "./dialer.ts";
export { listen, type ListenOptions } from "./listener.ts";
export { nodeResolver } from "./resolver.ts";
export { channelOfSocket } from "../node_socket_channel.ts";
export * from "../shared.ts";
export type { MailResolver, MxRecord, Resolver, SrvRecord } from "../../dns/resolver.ts";
