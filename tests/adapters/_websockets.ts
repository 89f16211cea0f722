/**
 * WebSockets for tests: both ends of a real one, and one that a test plays.
 *
 * @module
 */

import { upgradeToChannel } from "../../src/adapters/deno/websocket.ts";
import { listen } from "../../src/adapters/deno/listener.ts";
import { webSocketChannel, type WebSocketLike } from "../../src/adapters/websocket.ts";
import { webSocketDialer } from "../../src/adapters/websocket_dialer.ts";
import {
  webSocketListener,
  type WebSocketListenerOptions,
} from "../../src/adapters/websocket_listener.ts";
import type { Address, Channel, ChannelListener, Dialer, Target } from "../../src/channel.ts";
import type { ChannelPair } from "./_channel_contract.ts";

/** Any free port. */
export const loopback = { transport: "tcp", host: "127.0.0.1", port: 0 } as const;

/** A dialer whose sockets can be waited for: the runtime keeps one until its peer has closed it. */
export class WatchedDialer implements Dialer {
  readonly #closed: Promise<void>[] = [];
  readonly #dialer = webSocketDialer({
    open: (url, protocol) => {
      const socket = new WebSocket(url, protocol);
      this.#closed.push(closed(socket));
      return socket;
    },
  });

  connect(target: Target, signal: AbortSignal): Promise<Channel> {
    return this.#dialer.connect(target, signal);
  }

  /** Settles when the last socket is closed. */
  async closed(): Promise<void> {
    await Promise.all(this.#closed);
  }
}

/** Settles when a socket is closed. */
function closed(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => socket.addEventListener("close", () => resolve()));
}

/** A listener on loopback. */
export async function listenWebSocket(
  options?: WebSocketListenerOptions,
): Promise<ChannelListener & { readonly address: Address & { readonly transport: "websocket" } }> {
  const listener = webSocketListener(await listen(loopback), options);
  return listener as Awaited<ReturnType<typeof listenWebSocket>>;
}

/** The runtime's client, and the server of {@linkcode webSocketListener}. */
export async function listenerPair(): Promise<ChannelPair> {
  const listener = await listenWebSocket();
  const dialer = new WatchedDialer();
  const channels = listener[Symbol.asyncIterator]();
  const [one, { value: other }] = await Promise.all([
    dialer.connect(listener.address, new AbortController().signal),
    channels.next(),
  ]);
  return {
    one,
    other,
    async dispose() {
      await dialer.closed();
      listener.close();
      await channels.next();
    },
  };
}

/** The runtime's client and the runtime's server. */
export async function upgradedPair(): Promise<ChannelPair> {
  const accepted = Promise.withResolvers<Channel>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request, info) => {
      const ends = { remoteAddr: info.remoteAddr, localAddress: loopback };
      const { response, channel } = await upgradeToChannel(request, ends);
      accepted.resolve(channel!);
      return response;
    },
  );
  const url = `ws://127.0.0.1:${server.addr.port}/`;
  const dialer = new WatchedDialer();
  const [one, other] = await Promise.all([
    dialer.connect({ transport: "websocket", url }, new AbortController().signal),
    accepted.promise,
  ]);
  return {
    one,
    other,
    async dispose() {
      await dialer.closed();
      await server.shutdown();
    },
  };
}

/** A WebSocket whose peer is the test. */
export class PlayedSocket extends EventTarget implements WebSocketLike {
  binaryType = "blob";
  readyState = 1;
  bufferedAmount = 0;
  /** What has been sent. */
  readonly sent: Uint8Array[] = [];
  /** How it has been closed. */
  readonly closings: (readonly [status: number | undefined, reason: string | undefined])[] = [];

  /** @param mayUse Which status codes `close` takes; others throw, as a browser does. */
  constructor(readonly mayUse: (status: number) => boolean = () => true) {
    super();
  }

  send(message: Uint8Array): void {
    this.sent.push(message);
  }

  close(status?: number, reason?: string): void {
    if (!this.mayUse(status ?? 1000)) throw new DOMException("", "InvalidAccessError");
    this.closings.push([status, reason]);
    this.readyState = 2;
  }

  /** The peer sends a message. */
  says(...octets: number[]): void {
    this.receive(Uint8Array.from(octets).buffer);
  }

  /** The peer sends anything. */
  receive(data: unknown): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  /** The connection is over. */
  ends(code: number, wasClean: boolean, reason = ""): void {
    this.readyState = 3;
    if (!wasClean) this.dispatchEvent(new ErrorEvent("error", { message: "a broken wire" }));
    this.dispatchEvent(new CloseEvent("close", { code, wasClean, reason }));
  }
}

/** A channel over one. */
export async function played(socket: PlayedSocket): Promise<Channel> {
  const address: Address = { transport: "websocket", url: "" };
  return await webSocketChannel(socket, { localAddress: address, remoteAddress: address });
}
