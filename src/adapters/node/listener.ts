/**
 * Listens at TCP and Unix sockets by `node:net`.
 *
 * @module
 */

import { chmod, lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import type { ChannelListener, SocketTarget } from "../../channel.ts";
import { SocketListener } from "../node_socket_listener.ts";

/** What {@linkcode listen} can be told. */
export interface ListenOptions {
  /** Permission bits of a Unix socket's file, such as `0o660`; the process's umask otherwise. */
  readonly mode?: number;
  /** Learns of a connection that could not be accepted; the listener goes on. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Listens at an address.
 *
 * The file of a Unix socket that nobody listens on any more, left behind by a process that was
 * killed, is replaced. Of the connections that nobody takes, 512 wait.
 *
 * @example Any free port
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { listen, nodeDialer } from "@sluice/sluice/node";
 *
 * const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 0 });
 * const { address } = listener;
 * if (address.transport !== "tcp") throw new Error("not a TCP listener");
 * const client = await nodeDialer.connect(address, AbortSignal.timeout(5_000));
 *
 * for await (const channel of listener) {
 *   assertEquals(channel.remoteAddress, client.localAddress);
 *   channel.close();
 *   listener.close();
 * }
 * client.close();
 * ```
 *
 * @param address For TCP a host and a port, 0 for any free one; for Unix a path.
 * @throws {Error} With the code `EADDRINUSE` if another process listens there, or the path is another
 * file.
 */
export async function listen(
  address: SocketTarget,
  { mode, onError }: ListenOptions = {},
): Promise<ChannelListener> {
  if (address.transport === "tcp") {
    return await SocketListener.open(
      { host: address.host, port: address.port },
      undefined,
      onError,
    );
  }
  const { path } = address;
  const open = () => SocketListener.open({ path }, address, onError);
  const listener = await open().catch(async (error) => {
    if (codeOf(error) !== "EADDRINUSE" || !await isStale(path)) throw error;
    await unlink(path);
    return await open();
  });
  try {
    if (mode !== undefined) await chmod(path, mode);
    return listener;
  } catch (error) {
    listener.close();
    throw error;
  }
}

/** Whether a path is a socket that nobody answers at. */
async function isStale(path: string): Promise<boolean> {
  if (!(await lstat(path)).isSocket()) return false;
  return await new Promise((resolve) => {
    const socket = connect({ path }, () => {
      socket.destroy();
      resolve(false);
    });
    socket.on("error", (error) => resolve(codeOf(error) === "ECONNREFUSED"));
  });
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}
