/**
 * Accepts connections by `node:net`, on every runtime that has it.
 *
 * @module
 */

import { createServer, type Server, type Socket } from "node:net";
import type { Channel, ChannelListener, SocketTarget } from "../channel.ts";
import { deferred } from "../deferred.ts";
import { unmapped } from "./ip_text.ts";
import { channelOfSocket } from "./node_socket_channel.ts";

/** Connections that may wait for whoever serves them; what comes then is ended. */
const MOST_WAITING = 512;

/** Milliseconds for what the runtime has accepted before the end to arrive here. */
const LATE = 50;

/** Where a server can listen: at an address, or at a socket that somebody has opened. */
export type Listenable =
  | { readonly fd: number }
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** A channel listener over a server of `node:net`. Made by {@linkcode SocketListener.open}. */
export class SocketListener implements ChannelListener {
  readonly server: Server;
  #address!: SocketTarget;
  readonly #accepted: Socket[] = [];
  #serving = false;
  #closed = false;
  #wake: () => void = () => {};

  private constructor() {
    const options = { allowHalfOpen: true, pauseOnConnect: true };
    this.server = createServer(options, (socket) => this.#accept(socket));
  }

  /**
   * Listens.
   *
   * @param address What that is; the server says it where it is absent, for TCP only.
   * @param onError As of {@linkcode listening}.
   * @throws If it cannot listen there.
   */
  static async open(
    where: Listenable,
    address?: SocketTarget,
    onError?: (error: unknown) => void,
  ): Promise<SocketListener> {
    const listener = new SocketListener();
    await listening(listener.server, where, onError);
    listener.#address = address ?? addressOfServer(listener.server);
    return listener;
  }

  get address(): SocketTarget {
    return this.#address;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Channel, void> {
    this.#serving = true;
    while (!this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#accepted.length > 0 || this.#closed) resolve();
      });
      yield* this.#channels();
    }
    await new Promise<void>((resolve) => setTimeout(resolve, LATE));
    yield* this.#channels();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.server.close();
    if (!this.#serving) { for (const socket of this.#accepted) socket.destroy(); }
    this.#wake();
  }

  #accept(socket: Socket): void {
    const wanted = this.#serving || !this.#closed;
    if (!wanted || this.#accepted.length === MOST_WAITING) return void socket.destroy();
    this.#accepted.push(socket);
    this.#wake();
  }

  *#channels(): Generator<Channel> {
    const path = this.address.transport === "unix" ? this.address.path : undefined;
    for (let socket; (socket = this.#accepted.shift()) !== undefined;) {
      const channel = channelOfSocket(socket, path);
      if (channel !== undefined) yield channel;
    }
  }
}

/**
 * Waits until a server listens.
 *
 * @param onError Learns of what fails later, which costs one connection: a process that is out of
 * descriptors gets some back.
 * @throws If it cannot listen there.
 */
export function listening(
  server: Server,
  where: Listenable,
  onError: (error: unknown) => void = () => {},
): Promise<void> {
  const { promise, resolve, reject } = deferred<void>();
  server.once("error", reject);
  server.listen(where, () => {
    server.off("error", reject);
    server.on("error", onError);
    resolve();
  });
  return promise;
}

/** Where a server at TCP listens. */
export function addressOfServer(server: Server): SocketTarget {
  const { address, port } = server.address() as { address: string; port: number };
  return { transport: "tcp", host: unmapped(address), port };
}
