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

import { createServer, type Server } from "node:net";
import type { ChannelListener, SocketTarget } from "../../channel.ts";
import { addressOfServer, listening, SocketListener } from "../node_socket_listener.ts";
import { isStale } from "./listener.ts";

/** Copies of a descriptor that lie ready; a thread that ends before it gives one back costs one. */
const COPIES = 64;

/** A socket that listens as long as its owner or one of the threads does. */
export class SharedSocket {
  /** Where it listens, with the port that it was given where it may be any. */
  readonly address: SocketTarget;
  readonly #copies: number[];

  private constructor(address: SocketTarget, copies: number[]) {
    this.address = address;
    this.#copies = copies;
  }

  /**
   * Listens, and accepts nothing.
   *
   * The file of a Unix socket that nobody listens on any more is replaced.
   *
   * @param mode Permission bits of a Unix socket's file; the process's umask otherwise.
   * @throws If the address cannot be listened at, or the runtime does not tell descriptors.
   */
  static async open(at: SocketTarget, mode?: number): Promise<SharedSocket> {
    const server = createServer((socket) => socket.destroy());
    if (at.transport === "tcp") await listening(server, { host: at.host, port: at.port });
    else await listenAtPath(server, at.path, mode);
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
export async function listenShared(
  fd: number,
  address: SocketTarget,
): Promise<SharedListener> {
  const listener = await SocketListener.open({ fd }, address);
  return { listener, copy: copyOf(listener.server) };
}

/** Under another name first: whoever closes the server takes away the file that it has made. */
async function listenAtPath(server: Server, path: string, mode?: number): Promise<void> {
  try {
    if (!await isStale(path)) throw new Deno.errors.AddrInUse(`${path} is in use`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const making = `${path}.new`;
  await listening(server, { path: making });
  if (mode !== undefined) await Deno.chmod(making, mode);
  await Deno.rename(making, path);
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
