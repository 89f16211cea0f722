/**
 * Connections to upstreams by `cloudflare:sockets`, and their TLS.
 *
 * @module
 */

import {
  type Channel,
  ChannelError,
  type Dialer,
  type SecureChannel,
  type Target,
  type TlsClient,
} from "../../channel.ts";
import { messageOf } from "../../errors.ts";
import { SocketChannel, type WorkerdSocket } from "./socket.ts";

/** What is used of `cloudflare:sockets`. */
export interface Sockets {
  /** Begins a connection. */
  connect(
    address: { readonly hostname: string; readonly port: number },
    options: { readonly secureTransport: "starttls"; readonly allowHalfOpen: boolean },
  ): WorkerdSocket;
}

/** Not written where it is imported: no other runtime, and no bundler, knows the scheme. */
const SOCKETS = "cloudflare:sockets";

/**
 * Connections of workerd, which resolves names by itself. A connection belongs to the session in which
 * it was opened. Names that are unknown and servers that do not answer are not told apart.
 */
export const workerdDialer: Dialer = dialerOf(() => import(SOCKETS));

/** A dialer over sockets that are loaded when the first is needed. */
export function dialerOf(load: () => Promise<Sockets>): Dialer {
  return {
    async connect(target: Target, signal: AbortSignal): Promise<Channel> {
      if (target.transport !== "tcp") {
        const found = `Cannot connect by ${target.transport}: workerd only does by tcp`;
        throw new ChannelError("refused", found);
      }
      const { host, port } = target;
      const hostname = host.includes(":") ? `[${host}]` : host;
      const { connect } = await load();
      if (signal.aborted) throw aborted(signal);
      // "starttls" begins in the clear, and lets TLS begin at any moment: at once too.
      const options = { secureTransport: "starttls", allowHalfOpen: true } as const;
      const socket = begun(() => connect({ hostname, port }, options));
      const abort = Promise.withResolvers<never>();
      const onAbort = (): void => abort.reject(aborted(signal));
      signal.addEventListener("abort", onAbort);
      try {
        return await Promise.race([SocketChannel.of(socket), abort.promise]);
      } catch (error) {
        socket.close().catch(() => {});
        throw error;
      } finally {
        signal.removeEventListener("abort", onAbort);
      }
    },
  };
}

/** What workerd refuses at once, such as a name that is none, it throws. */
function begun(connect: () => WorkerdSocket): WorkerdSocket {
  try {
    return connect();
  } catch (error) {
    throw new ChannelError("refused", `Cannot connect: ${messageOf(error)}`, { cause: error });
  }
}

function aborted(signal: AbortSignal): ChannelError {
  const { reason } = signal;
  return new ChannelError("aborted", `Stopped connecting: ${messageOf(reason)}`, { cause: reason });
}

/**
 * TLS of workerd, over connections of {@linkcode workerdDialer}. workerd verifies the certificate and
 * its name, by the authorities of its own configuration; there is no other way, and what it has found
 * is not told.
 */
export const workerdTlsClient: TlsClient = {
  async connect(channel, { verify }): Promise<SecureChannel> {
    if (!(channel instanceof SocketChannel) || verify.kind !== "name") {
      channel.close();
      throw new ChannelError("tls", "Cannot begin TLS: workerd only does where it verifies a name");
    }
    const secure = await channel.startTls(verify.name);
    return Object.assign(secure, { tls: { version: "", cipher: "", serverName: verify.name } });
  },
};
