/**
 * What a gateway can be told.
 *
 * @module
 */

import type { ExpiringStore } from "../state/expiring_store.ts";

/** Everything has a default. `Info` is what the server gives `fetch` besides the request. */
export interface GatewayOptions<Info = unknown> {
  /**
   * Bearer tokens of at least 16 characters, by the login that they give: policies see it as that of
   * AUTH (`client.login`), and so does the trace header (`ESMTPA`).
   *
   * @default none: whoever addresses the gateway as `localhost` or by a loopback address may send
   */
  readonly tokens?: Readonly<Record<string, readonly string[]>>;
  /**
   * Further hosts as which the gateway may be addressed without tokens, as in a URL and without port.
   *
   * @default []
   */
  readonly hosts?: readonly string[];
  /**
   * Tells the IP address of whoever sends a request, without brackets; `undefined` if it is not known.
   *
   * @default nobody's is known: policies see `""`
   */
  readonly client?: (request: Request, info: Info) => string | undefined;
  /**
   * A CR or LF by itself in a message: leave it to the proxy, which refuses it unless its own option
   * of this name says otherwise, or make it CRLF (a CR: a space) before.
   *
   * @default "proxy"
   */
  readonly bareNewline?: "proxy" | "normalize";
  /** Milliseconds for the next octets of a request; then it is answered 408. @default 180000 */
  readonly timeout?: number;
  /** Name of the listener, for logs and rules. @default "gateway" */
  readonly name?: string;
  /**
   * Keeps answers for `Idempotency-Key`.
   *
   * @default The memory of this process, up to 16 Mi characters; then the oldest are forgotten.
   */
  readonly answers?: ExpiringStore;
  /** Milliseconds for which an answer is kept. @default 86400000 */
  readonly keep?: number;
}
