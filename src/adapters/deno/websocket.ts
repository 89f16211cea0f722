/**
 * WebSockets of a `Deno.serve` app as channels.
 *
 * @module
 */

import type { Address, Channel } from "../../channel.ts";
import { SUBPROTOCOL, webSocketChannel } from "../websocket.ts";
import { type UpgradeOptions, UpgradeRules } from "../websocket_request.ts";
import { addressOf } from "./conn.ts";

/** What has become of a request. */
export interface Upgraded {
  /** For `Deno.serve`: the upgrade, or why it is refused. */
  readonly response: Response;
  /** Resolves when the WebSocket is open; absent where it is refused. */
  readonly channel?: Promise<Channel>;
}

/**
 * Makes a channel of a request for a WebSocket: for an app that has other things to serve at the same
 * address. {@linkcode webSocketListener} needs no app, and bounds what a stranger can make it hold:
 * Deno's own WebSocket takes messages of up to 64 MiB before anybody can refuse them.
 *
 * @example Beside other routes
 * ```ts ignore
 * const localAddress = { transport: "tcp", host: "192.0.2.1", port: 8080 } as const;
 * Deno.serve({ port: 8080 }, async (request, { remoteAddr }) => {
 *   if (new URL(request.url).pathname !== "/smtp") return app.fetch(request);
 *   const { response, channel } = await upgradeToChannel(request, { remoteAddr, localAddress });
 *   channel?.then((channel) => proxy.handle(channel), () => {});
 *   return response;
 * });
 * ```
 *
 * @param ends `remoteAddr` as the handler was told it, and our own address.
 * @throws {OptionError} For a token that cannot be used.
 */
export async function upgradeToChannel(
  request: Request,
  ends: { readonly remoteAddr: Deno.Addr; readonly localAddress: Address },
  options: UpgradeOptions = {},
): Promise<Upgraded> {
  const refusal = await new UpgradeRules(options).refusal(request.headers);
  if (refusal !== undefined) {
    const { status, text, headers } = refusal;
    return { response: new Response(`${text}\n`, { status, headers }) };
  }
  const { response, socket } = Deno.upgradeWebSocket(request, { protocol: SUBPROTOCOL });
  const { localAddress } = ends;
  const remoteAddress = addressOf(ends.remoteAddr);
  const channel = webSocketChannel(socket, { localAddress, remoteAddress });
  return { response, channel };
}
