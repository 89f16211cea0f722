/**
 * All that Sluice needs of Bun: connections, listeners, TLS and its certificates, names.
 *
 * Bun has Node's modules for all of it, and every promise of a channel holds there too, but for one: an
 * end of one side of a TLS connection is the end of both (as RFC 5246 §7.2.1 has it; RFC 8446 §6.1 lets
 * the other side go on). A client that says QUIT over TLS and ends its side gets no reply any more.
 *
 * @example A proxy with STARTTLS in front of the server on port 25
 * ```ts ignore
 * import { createProxy, smtpUpstream } from "@sluice/sluice";
 * import {
 *   bunDialer,
 *   createTlsClient,
 *   createTlsServer,
 *   fileCertificates,
 *   listen,
 * } from "@sluice/sluice/bun";
 *
 * const proxy = createProxy({
 *   hostname: "mx.example",
 *   upstream: smtpUpstream({
 *     target: { transport: "tcp", host: "127.0.0.1", port: 25 },
 *     dialer: bunDialer,
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

export * from "../node/mod.ts";
export { nodeDialer as bunDialer, nodeResolver as bunResolver } from "../node/mod.ts";
