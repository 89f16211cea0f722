/**
 * Opens channels over WebSocket by the runtime's own client.
 *
 * @module
 */

import { type Channel, ChannelError, type Dialer, type Target } from "../channel.ts";
import { SUBPROTOCOL, webSocketChannel, type WebSocketLike } from "./websocket.ts";

/** What {@linkcode webSocketDialer} can be told. */
export interface WebSocketDialerOptions {
  /**
   * Opens a WebSocket that asks for a subprotocol. The standard constructor knows neither headers nor
   * authorities; where a runtime's own does (Deno, Bun and Node take `headers`), a bearer token can be
   * sent by it.
   *
   * @default (url, protocol) => new WebSocket(url, protocol)
   */
  readonly open?: (url: string, protocol: string) => OpenedWebSocket;
}

/** A WebSocket that knows what was agreed upon. */
export interface OpenedWebSocket extends WebSocketLike {
  /** The subprotocol that the server has chosen. */
  readonly protocol: string;
}

/**
 * Makes a dialer for targets of the transport `websocket`. The ends of its channels are the URL, and
 * nothing that could be named.
 *
 * @example A server that is not there
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { ChannelError, webSocketDialer } from "@sluice/sluice/deno";
 *
 * const nowhere = { transport: "websocket", url: "ws://127.0.0.1:1/smtp" } as const;
 * const error = await assertRejects(
 *   () => webSocketDialer().connect(nowhere, AbortSignal.timeout(5_000)),
 *   ChannelError,
 * );
 * assertEquals(error.kind, "refused");
 * ```
 */
export function webSocketDialer(options: WebSocketDialerOptions = {}): Dialer {
  const { open = (url: string, protocol: string) => new WebSocket(url, protocol) } = options;
  return {
    async connect(target: Target, signal: AbortSignal) {
      if (target.transport !== "websocket") {
        const found = `a target of the transport ${target.transport}`;
        throw new ChannelError("refused", `Cannot open a WebSocket: found ${found}`);
      }
      const { url } = target;
      const socket = open(url, SUBPROTOCOL);
      const channel = await opened(socket, url, signal);
      // RFC 6455 §4.1: a server that knows no subprotocol names none, and the socket opens.
      if (socket.protocol === SUBPROTOCOL) return channel;
      channel.close();
      throw new ChannelError(
        "refused",
        `Cannot speak SMTP over ${url}: found subprotocol "${socket.protocol}", ` +
          `allowed is ${SUBPROTOCOL}`,
      );
    },
  };
}

async function opened(
  socket: OpenedWebSocket,
  url: string,
  signal: AbortSignal,
): Promise<Channel> {
  try {
    return await webSocketChannel(socket, {
      localAddress: { transport: "websocket", url: "" },
      remoteAddress: { transport: "websocket", url },
    }, signal);
  } catch (error) {
    if (!(error instanceof ChannelError)) throw error;
    throw new ChannelError(error.kind, `${error.message} (${url})`, { cause: error });
  }
}
