/**
 * WebSockets as the command line has them: with tokens from files, authorities, and the proxy's own
 * certificates.
 *
 * @module
 */

import { type TlsServer, webSocketDialer, webSocketListener } from "../adapters/deno/mod.ts";
import type { ChannelListener, Dialer, SocketTarget, Target } from "../channel.ts";
import type { ListenTarget } from "../config/units.ts";
import { messageOf, OptionError } from "../errors.ts";
import { printAddress, readFile } from "./address.ts";
import { secretAt } from "./secret.ts";

/** What a dialer is told besides the URL. */
export interface WebSocketAccess {
  /** Path of a file with a bearer token, or `env:NAME`. */
  readonly token?: string;
  /** Path of a PEM file with authorities that are believed besides the system's. */
  readonly authorities?: string;
}

/**
 * Makes a dialer that says who it is.
 *
 * @param option Where the two stood, for the error.
 * @throws {OptionError} If one of the files cannot be read.
 */
export async function webSocketDialerOf(
  { token, authorities }: WebSocketAccess,
  option: string,
): Promise<Dialer> {
  const headers = token === undefined
    ? undefined
    : { authorization: `Bearer ${await secretOf(token, option)}` };
  const caCerts = authorities === undefined ? undefined : [await readFile(authorities, option)];
  return webSocketDialer({
    open(url, protocol) {
      const client = caCerts && Deno.createHttpClient({ caCerts });
      const socket = new WebSocket(url, { protocols: [protocol], headers, client });
      socket.addEventListener("close", () => client?.close());
      return socket;
    },
  });
}

async function secretOf(where: string, option: string): Promise<string> {
  try {
    return await secretAt(where);
  } catch (error) {
    const allowed = `a file that can be read, or env:NAME (${messageOf(error)})`;
    throw new OptionError(option, `token=${where}`, allowed);
  }
}

/** The socket below an address to listen at. */
export function socketBelow(at: ListenTarget): SocketTarget {
  if (at.transport !== "websocket") return at;
  const { protocol, hostname, port } = new URL(at.url);
  const usual = protocol === "wss:" ? 443 : 80;
  const host = hostname.replace(/^\[|\]$/g, "");
  return { transport: "tcp", host, port: port === "" ? usual : Number(port) };
}

/** Where it listens, once its socket has a port. */
export function addressOn(at: ListenTarget, below: SocketTarget): Target {
  if (at.transport !== "websocket") return below;
  const { protocol, pathname } = new URL(at.url);
  return { transport: "websocket", url: `${protocol}//${printAddress(below)}${pathname}` };
}

/** Whether TLS is below a WebSocket. */
export function isSecureWebSocket(at: ListenTarget): boolean {
  return at.transport === "websocket" && at.url.startsWith("wss:");
}

/**
 * Listens at an address, with WebSockets on top where it says so.
 *
 * @param listen Listens at {@linkcode socketBelow}.
 * @param tls The certificates, as they are when a connection comes.
 */
export async function listenAt(
  at: ListenTarget,
  listen: () => Promise<ChannelListener>,
  tls: () => TlsServer,
): Promise<ChannelListener> {
  if (at.transport !== "websocket") return await listen();
  const { origins } = at;
  const tokens = at.token === undefined ? undefined : [await secretAt(at.token)];
  const path = new URL(at.url).pathname;
  const listener = await listen();
  try {
    return webSocketListener(listener, {
      ...{ origins, tokens, path },
      ...isSecureWebSocket(at) && { tls },
    });
  } catch (error) {
    listener.close();
    throw error;
  }
}
