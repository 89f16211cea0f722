/**
 * One listening socket for several threads of a process, by its descriptor.
 *
 * Not by `SO_REUSEPORT`, which gives each thread a socket of its own: what has been connected to one
 * and not accepted when it is closed is reset (unless `net.ipv4.tcp_migrate_req` is set), a port that
 * somebody else listens at looks free, and a Unix socket cannot be had twice. Here the socket outlives
 * each of its threads, and whoever has time accepts.
 *
 * @module
 */

import { createServer, type Server, type Socket } from "node:net";
import type { Channel, ChannelListener, Target } from "../../channel.ts";
import { addressOf } from "./conn.ts";
import { isStale } from "./listener.ts";
import { channelOfSocket } from "./socket_channel.ts";

/** Copies of a descriptor that lie ready; a thread that ends before it gives one back costs one. */
const COPIES = 64;

/** Milliseconds for what the runtime has accepted before a listener was closed to arrive here. */
const LATE = 50;

/** A socket that listens as long as its owner or one of the threads does. */
export class SharedSocket {
  /** Where it listens, with the port that it was given where it may be any. */
  readonly address: Target;
  readonly #copies: number[];

  private constructor(address: Target, copies: number[]) {
    this.address = address;
    this.#copies = copies;
  }

  /**
   * Listens, and accepts nothing.
   *
   * The file of a Unix socket that nobody listens on any more is replaced.
   *
   * @throws If the address cannot be listened at, or the runtime does not tell descriptors.
   */
  static async open(at: Target): Promise<SharedSocket> {
    const server = createServer((socket) => socket.destroy());
    if (at.transport === "tcp") await listening(server, { host: at.host, port: at.port });
    else await listenAtPath(server, at.path);
    try {
      const copies = Array.from({ length: COPIES }, () => copyOf(server));
      return new SharedSocket(at.transport === "tcp" ? addressOfServer(server) : at, copies);
    } finally {
      // The copies keep the socket.
      server.close();
    }
  }

  /** A descriptor for one thread, which gives a copy back. */
  take(): number {
    const copy = this.#copies.pop();
    if (copy === undefined) throw new Error("Cannot share a socket: no descriptor of it is left");
    return copy;
  }

  /** Takes the copy that a thread has made. */
  giveBack(copy: number): void {
    this.#copies.push(copy);
  }

  /** Gives it up: it is closed when the last thread has closed it. */
  async close(): Promise<void> {
    for (const fd of this.#copies.splice(0)) {
      const server = createServer((socket) => socket.destroy());
      await listening(server, { fd });
      server.close();
    }
    if (this.address.transport === "unix") await Deno.remove(this.address.path).catch(() => {});
  }
}

/** A thread's listener, and what keeps the socket for the next one. */
export interface SharedListener {
  readonly listener: ChannelListener;
  /** Another descriptor of the same socket. */
  readonly copy: number;
}

/**
 * Accepts connections of a socket that was opened elsewhere in the process.
 *
 * @param fd Belongs to the listener from then on.
 * @param address Where it listens.
 */
export async function listenShared(fd: number, address: Target): Promise<SharedListener> {
  const listener = new NodeListener(address);
  await listening(listener.server, { fd });
  return { listener, copy: copyOf(listener.server) };
}

class NodeListener implements ChannelListener {
  readonly server: Server;
  readonly #accepted: Socket[] = [];
  #serving = false;
  #closed = false;
  #wake: () => void = () => {};

  constructor(readonly address: Target) {
    const options = { allowHalfOpen: true, pauseOnConnect: true };
    this.server = createServer(options, (socket) => {
      if (this.#closed && !this.#serving) return socket.destroy();
      this.#accepted.push(socket);
      this.#wake();
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Channel, void> {
    this.#serving = true;
    const path = this.address.transport === "unix" ? this.address.path : undefined;
    while (!this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#accepted.length > 0 || this.#closed) resolve();
      });
      yield* this.#channels(path);
    }
    await new Promise<void>((resolve) => setTimeout(resolve, LATE));
    yield* this.#channels(path);
  }

  *#channels(path: string | undefined): Generator<Channel> {
    for (let socket; (socket = this.#accepted.shift()) !== undefined;) {
      const channel = channelOfSocket(socket, path);
      if (channel !== undefined) yield channel;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.server.close();
    if (!this.#serving) { for (const socket of this.#accepted) socket.destroy(); }
    this.#wake();
  }
}

function listening(
  server: Server,
  where: { readonly fd: number } | { readonly host: string; readonly port: number } | {
    readonly path: string;
  },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(where, () => {
    server.off("error", reject);
    // What fails later costs one connection: a process out of descriptors gets some back.
    server.on("error", () => {});
    resolve();
  });
  return promise;
}

/** Under another name first: whoever closes the server takes away the file that it has made. */
async function listenAtPath(server: Server, path: string): Promise<void> {
  try {
    if (!await isStale(path)) throw new Deno.errors.AddrInUse(`${path} is in use`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const making = `${path}.new`;
  await listening(server, { path: making });
  await Deno.rename(making, path);
}

function addressOfServer(server: Server): Target {
  const { address, port } = server.address() as { address: string; port: number };
  return addressOf({ transport: "tcp", hostname: address, port }) as Target;
}

/** Deno shows a socket's descriptor here and nowhere else; Node, which has no such thread, as `fd`. */
function copyOf(server: Server): number {
  const { _handle: handle } = server as unknown as { _handle?: { fdForIpc?(): number } };
  const copy = handle?.fdForIpc?.();
  if (copy === undefined || copy < 0) {
    throw new Error("Cannot share a socket: this version of Deno does not tell its descriptor");
  }
  return copy;
}
