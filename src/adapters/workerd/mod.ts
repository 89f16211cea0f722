/**
 * A proxy in a workerd of one's own: inbound TCP and TLS by its sockets, upstreams by
 * `cloudflare:sockets`.
 *
 * What workerd lacks is refused when options are resolved: STARTTLS for clients, Unix sockets, TLS
 * without verification, pools that outlive a session.
 *
 * @example The worker
 * ```ts
 * import { sluice } from "@sluice/sluice/workerd";
 *
 * export default sluice({
 *   hostname: "mx.example",
 *   upstream: {
 *     target: { transport: "tcp", host: "mail.example", port: 25 },
 *     tls: { mode: "required", verify: { kind: "name", name: "mail.example" } },
 *   },
 * });
 * ```
 *
 * @module
 */

export { sluice, type WorkerdHandler } from "./sluice.ts";
export {
  type WorkerdOptions,
  type WorkerdSmtp,
  type WorkerdTls,
  type WorkerdUpstream,
} from "./options.ts";
export { workerdDialer, workerdTlsClient } from "./dialer.ts";
export type { SocketInfo, WorkerdSocket } from "./socket.ts";
