/**
 * Opens TCP, Unix and WebSocket connections on Deno.
 *
 * @module
 */

import {
  type Channel,
  ChannelError,
  type Dialer,
  type SocketTarget,
  type Target,
} from "../../channel.ts";
import { messageOf } from "../../errors.ts";
import { webSocketDialer } from "../websocket_dialer.ts";
import { channelOfConn } from "./conn.ts";

/**
 * Deno's own connections. A domain name is resolved by the system; of its addresses the first
 * that answers is taken (RFC 8305).
 *
 * @example Nobody there
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { ChannelError, denoDialer } from "@sluice/sluice/deno";
 *
 * const nowhere = { transport: "unix", path: "/nowhere/smtp.sock" } as const;
 * const error = await assertRejects(
 *   () => denoDialer.connect(nowhere, AbortSignal.timeout(5_000)),
 *   ChannelError,
 * );
 * assertEquals(error.kind, "refused");
 * ```
 */
export const denoDialer: Dialer = {
  async connect(target: Target, signal: AbortSignal): Promise<Channel> {
    if (target.transport === "websocket") return await webSocketDialer().connect(target, signal);
    if (signal.aborted) throw aborted(target, signal);
    // Deno ends a name lookup and a Unix connection by no signal, so the wait is ended instead,
    // and what arrives after that is closed.
    const arrival = open(target, signal);
    const abort = Promise.withResolvers<never>();
    const onAbort = () => abort.reject(aborted(target, signal));
    signal.addEventListener("abort", onAbort);
    try {
      return channelOfConn(await Promise.race([arrival, abort.promise]));
    } catch (error) {
      arrival.then((conn) => conn.close(), () => {});
      throw error instanceof ChannelError ? error : faultOf(target, signal, error);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  },
};

function open(target: SocketTarget, signal: AbortSignal): Promise<Deno.Conn> {
  switch (target.transport) {
    case "tcp":
      return Deno.connect({ hostname: target.host, port: target.port, signal });
    case "unix":
      return Deno.connect({ transport: "unix", path: target.path });
  }
}

function faultOf(target: SocketTarget, signal: AbortSignal, error: unknown): ChannelError {
  if (signal.aborted) return aborted(target, signal);
  const kind = isUnresolved(error) ? "unresolved" : "refused";
  return new ChannelError(kind, `Cannot connect to ${printed(target)}: ${messageOf(error)}`, {
    cause: error,
  });
}

/** Deno gives a failed lookup neither a class nor a code of its own, only this text. */
function isUnresolved(error: unknown): boolean {
  return error instanceof URIError ||
    messageOf(error).startsWith("failed to lookup address information");
}

function aborted(target: SocketTarget, signal: AbortSignal): ChannelError {
  const why = messageOf(signal.reason);
  return new ChannelError("aborted", `Stopped connecting to ${printed(target)}: ${why}`, {
    cause: signal.reason,
  });
}

function printed(target: SocketTarget): string {
  if (target.transport === "unix") return `unix:${target.path}`;
  return target.host.includes(":")
    ? `[${target.host}]:${target.port}`
    : `${target.host}:${target.port}`;
}
