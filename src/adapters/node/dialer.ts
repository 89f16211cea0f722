/**
 * Opens TCP and Unix connections by `node:net`.
 *
 * @module
 */

import { connect, type Socket } from "node:net";
import {
  type Channel,
  ChannelError,
  type Dialer,
  type SocketTarget,
  type Target,
} from "../../channel.ts";
import { deferred } from "../../deferred.ts";
import { messageOf } from "../../errors.ts";
import { channelOfSocket } from "../node_socket_channel.ts";

/**
 * Connections of `node:net`. A domain name is resolved by the system; of its addresses the first that
 * answers is taken (RFC 8305).
 *
 * @example Nobody there
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { ChannelError, nodeDialer } from "@sluice/sluice/node";
 *
 * const nowhere = { transport: "unix", path: "/nowhere/smtp.sock" } as const;
 * const error = await assertRejects(
 *   () => nodeDialer.connect(nowhere, AbortSignal.timeout(5_000)),
 *   ChannelError,
 * );
 * assertEquals(error.kind, "refused");
 * ```
 */
export const nodeDialer: Dialer = {
  connect(target: Target, signal: AbortSignal): Promise<Channel> {
    const { promise, resolve, reject } = deferred<Channel>();
    if (target.transport === "websocket") {
      reject(faultOf(target.url, "refused", "a WebSocket needs a dialer of its own"));
      return promise;
    }
    const name = printed(target);
    if (signal.aborted) {
      reject(faultOf(name, "aborted", signal.reason));
      return promise;
    }
    const socket = open(target);
    const settle = (): void => {
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onError);
    };
    const onAbort = (): void => {
      settle();
      // What fails now concerns nobody any more.
      socket.on("error", () => {});
      socket.destroy();
      reject(faultOf(name, "aborted", signal.reason));
    };
    const onError = (error: Error): void => {
      settle();
      reject(faultOf(name, isUnresolved(error) ? "unresolved" : "refused", error));
    };
    signal.addEventListener("abort", onAbort);
    socket.on("error", onError);
    socket.once("connect", () => {
      settle();
      const channel = channelOfSocket(
        socket,
        target.transport === "unix" ? target.path : undefined,
      );
      if (channel !== undefined) resolve(channel);
      else reject(faultOf(name, "refused", "the connection has ended at once"));
    });
    return promise;
  },
};

function open(target: SocketTarget): Socket {
  return target.transport === "unix"
    ? connect({ path: target.path, allowHalfOpen: true })
    : connect({ host: target.host, port: target.port, allowHalfOpen: true });
}

/** What `getaddrinfo` says of a name that does not exist, or of a name server that does not answer. */
function isUnresolved(error: Error): boolean {
  return (error as { syscall?: unknown }).syscall === "getaddrinfo";
}

function faultOf(target: string, kind: ChannelError["kind"], cause: unknown): ChannelError {
  const attempt = kind === "aborted" ? "Stopped connecting to" : "Cannot connect to";
  return new ChannelError(kind, `${attempt} ${target}: ${reasonOf(cause)}`, { cause });
}

/** Where several addresses were tried, the error itself says nothing and holds one for each. */
function reasonOf(cause: unknown): string {
  return cause instanceof AggregateError
    ? cause.errors.map(messageOf).join(", ")
    : messageOf(cause);
}

function printed(target: SocketTarget): string {
  if (target.transport === "unix") return `unix:${target.path}`;
  return target.host.includes(":")
    ? `[${target.host}]:${target.port}`
    : `${target.host}:${target.port}`;
}
