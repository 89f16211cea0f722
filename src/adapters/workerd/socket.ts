/**
 * Channels over workerd's sockets, those that it accepts and those of `cloudflare:sockets`.
 *
 * @module
 */

import { type Address, ChannelError } from "../../channel.ts";
import { messageOf } from "../../errors.ts";
import { unmapped } from "../ip_text.ts";
import { StreamsChannel } from "../streams.ts";

/** What is used of workerd's `SocketInfo`: `192.0.2.1:25`, `[2001:db8::1]:25`. */
export interface SocketInfo {
  /** The peer's end; some versions do not tell. */
  readonly remoteAddress?: string;
  /** Our end; some versions do not tell. */
  readonly localAddress?: string;
}

/** What is used of workerd's `Socket`. */
export interface WorkerdSocket {
  /** What the peer sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the peer receives. */
  readonly writable: WritableStream<Uint8Array>;
  /** Settles when there is a connection, or none comes about. */
  readonly opened: Promise<SocketInfo>;
  /** Settles when it has ended. */
  readonly closed: Promise<void>;
  /** Ends both sides. */
  close(): Promise<void>;
  /** A socket with TLS in the place of this one, whose streams must not be locked. */
  startTls(options?: { readonly expectedServerHostname?: string }): WorkerdSocket;
}

/** An end of which workerd tells nothing. */
const UNKNOWN: Address = { transport: "memory", name: "workerd" };

const ADDRESS = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15})):([0-9]{1,5})$/;

/** An address as the core has it. */
export function addressOf(text: string | undefined): Address {
  const [, ipv6, ipv4, port] = ADDRESS.exec(text ?? "") ?? [];
  const host = ipv6 ?? ipv4;
  if (host === undefined) return UNKNOWN;
  return { transport: "tcp", host: unmapped(host), port: Number(port) };
}

/** See the module. */
export class SocketChannel extends StreamsChannel {
  readonly #socket: WorkerdSocket;

  private constructor(socket: WorkerdSocket, info: SocketInfo) {
    super(socket, {
      localAddress: addressOf(info.localAddress),
      remoteAddress: addressOf(info.remoteAddress),
    });
    this.#socket = socket;
  }

  /**
   * Waits for the connection and makes a channel of it.
   *
   * @throws {ChannelError} If none comes about.
   */
  static async of(socket: WorkerdSocket): Promise<SocketChannel> {
    // What has ended is told by the streams.
    socket.closed.catch(() => {});
    try {
      return new SocketChannel(socket, await socket.opened);
    } catch (error) {
      throw new ChannelError("refused", `Cannot connect: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * The same connection with TLS, which this channel belongs to from then on. A certificate that is
   * not good enough ends it: its first read finds the end.
   *
   * @param serverName That the certificate must bear.
   * @throws {ChannelError} If there can be no handshake.
   */
  async startTls(serverName: string): Promise<SocketChannel> {
    try {
      this.release();
      return await SocketChannel.of(this.#socket.startTls({ expectedServerHostname: serverName }));
    } catch (error) {
      throw new ChannelError("tls", `Cannot begin TLS: ${messageOf(error)}`, { cause: error });
    }
  }

  override close(): void {
    super.close();
    this.#socket.close().catch(() => {});
  }
}
