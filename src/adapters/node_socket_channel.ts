/**
 * A channel over a socket of `node:net`, on every runtime that has it.
 *
 * @module
 */

import type { Socket } from "node:net";
import { type Address, type Channel, ChannelError } from "../channel.ts";
import { messageOf } from "../errors.ts";
import { unmapped } from "./ip_text.ts";

/**
 * Makes a channel of a connected socket that allows half-open connections and has not been read from.
 * It belongs to the channel from then on. Nagle's algorithm is switched off. What a read returns is
 * never used again: the size hint has no effect.
 *
 * @example A proxy behind a server of one's own
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { once } from "node:events";
 * import { createServer } from "node:net";
 * import { createProxy } from "@sluice/sluice";
 * import { channelOfSocket, nodeDialer } from "@sluice/sluice/node";
 *
 * const proxy = createProxy({ hostname: "mx.example" });
 * const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
 *   const channel = channelOfSocket(socket);
 *   if (channel !== undefined) void proxy.handle(channel);
 * });
 * await once(server.listen(0, "127.0.0.1"), "listening");
 *
 * const { port } = server.address() as { port: number };
 * const client = await nodeDialer.connect(
 *   { transport: "tcp", host: "127.0.0.1", port },
 *   AbortSignal.timeout(5_000),
 * );
 * assertEquals(new TextDecoder().decode(await client.read()), "220 mx.example ESMTP\r\n");
 * client.close();
 * server.close();
 * await proxy.close();
 * ```
 *
 * @param path Of the Unix socket at which it has come; TCP otherwise.
 * @returns `undefined` where the peer has gone already, and nobody can say who it was.
 */
export function channelOfSocket(socket: Socket, path?: string): Channel | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (path !== undefined) {
    return new SocketChannel(socket, { transport: "unix", path }, { transport: "unix", path: "" });
  }
  if (localAddress === undefined || remoteAddress === undefined) {
    socket.destroy();
    return undefined;
  }
  socket.setNoDelay(true);
  return new SocketChannel(
    socket,
    { transport: "tcp", host: unmapped(localAddress), port: localPort! },
    { transport: "tcp", host: unmapped(remoteAddress), port: remotePort! },
  );
}

class SocketChannel implements Channel {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly #socket: Socket;
  #ended = false;
  #closed = false;
  #fault: unknown;
  /** Ends the wait for octets that is under way, if one is. */
  #wake: () => void = () => {};
  #writeEnd: Promise<void> | undefined;

  constructor(socket: Socket, local: Address, remote: Address) {
    this.#socket = socket;
    this.localAddress = local;
    this.remoteAddress = remote;
    socket.on("readable", () => this.#wake());
    socket.on("end", () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on("error", (error) => void (this.#fault ??= error));
    socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  async read(): Promise<Uint8Array | undefined> {
    while (true) {
      if (this.#closed || this.#fault !== undefined) throw this.#error("read", this.#fault);
      const chunk: Uint8Array | null = this.#socket.read();
      // A Buffer is no Uint8Array where it matters: its `slice` makes no copy.
      if (chunk !== null) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  write(octets: Uint8Array): Promise<void> {
    if (this.#writeEnd !== undefined) {
      const error = new ChannelError("closed", "Cannot write: this side has been ended");
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) =>
      this.#socket.write(octets, (cause) => cause ? reject(this.#error("write", cause)) : resolve())
    );
  }

  closeWrite(): Promise<void> {
    this.#writeEnd ??= new Promise((resolve) => {
      // An end that never comes about is that of the connection.
      this.#socket.once("close", () => resolve());
      this.#socket.end(() => resolve());
    });
    return this.#writeEnd;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    this.#wake();
  }

  #error(attempt: string, cause: unknown): ChannelError {
    return this.#closed
      ? new ChannelError("closed", `Cannot ${attempt}: the channel has been closed`)
      : new ChannelError("broken", `Cannot ${attempt}: ${messageOf(cause)}`, { cause });
  }
}
