/**
 * SMTP over WebSocket (RFC 6455): a channel over any socket with the standard interface, in Deno, Bun,
 * Node, workerd and browsers alike.
 *
 * A WebSocket has no half-close, and its standard interface cannot hold a sender back. So both ends
 * ask for the subprotocol `smtp`, which is not registered and means this: all messages are binary,
 * and the first octet of each says what it is.
 *
 * | first octet | behind it        | meaning                                                          |
 * |-------------|------------------|------------------------------------------------------------------|
 * | 0           | 1 octet or more  | the next octets of the channel                                   |
 * | 1           | 4 octets, a number in network order | that many octets have been read here: so many more may be sent |
 * | 2           | nothing          | this side sends no more octets; the other direction goes on      |
 *
 * Each side may send 262144 octets before the first message of kind 1, so no more than that waits
 * unread at one end or unsent at the other. A message that breaks these rules ends the connection with
 * the status 1002, a text message with 1003; a client, which may not use these (RFC 6455 §7.4.2), says
 * 4002 and 4003. Status 1000 without a message of kind 2 before it ends the sender's side too.
 *
 * @module
 */

import { type Address, type Channel, ChannelError, type TlsFacts } from "../channel.ts";
import { type Deferred, deferred } from "../deferred.ts";
import { messageOf } from "../errors.ts";
import { Pipe } from "./pipe.ts";
import type { Addresses } from "./streams.ts";

/** What both ends have to ask for. */
export const SUBPROTOCOL = "smtp";

/** Octets that may be under way in each direction. */
export const WINDOW = 262_144;

/** Octets of the longest message that is sent; one of up to a window is taken. */
const LONGEST = 65_536;

const OCTETS = 0;
const ROOM = 1;
const END = 2;

/** Octets that one read returns, where it asks for no size. */
const READ_SIZE = 4096;

const OPEN = 1;
const NORMAL = 1000;
const VIOLATION = 1002;
const NOT_BINARY = 1003;
/** A close frame without a status (RFC 6455 §7.1.5). */
const NO_STATUS = 1005;
/** From a status that a client may not use to one that it may. */
const PRIVATE = 3000;

/** The part of a standard `WebSocket` that is used. */
export interface WebSocketLike {
  /** Set to `arraybuffer`. */
  binaryType: string;
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  /** Octets that have not been sent yet; absent on workerd. */
  readonly bufferedAmount?: number;
  /** Sends a binary message. */
  send(message: Uint8Array<ArrayBuffer>): void;
  /** Begins the closing handshake, behind what has been sent. */
  close(code?: number, reason?: string): void;
  /** Of the events `open`, `message`, `error` and `close`. */
  addEventListener(type: string, listener: (event: Event) => void): void;
}

/** What a WebSocket does not tell of itself. A channel that it runs over may stand for it. */
export interface WebSocketEnds extends Addresses {
  /** Of the TLS below it (`wss`), where that is known. */
  readonly tls?: TlsFacts;
}

/**
 * Makes a channel of a WebSocket, which belongs to it from then on, once it is open.
 *
 * @param addresses Where its two ends are.
 * @param signal Gives up waiting; the socket is closed then.
 * @throws {ChannelError} If the socket does not open.
 */
export async function webSocketChannel(
  socket: WebSocketLike,
  addresses: WebSocketEnds,
  signal?: AbortSignal,
): Promise<Channel> {
  const channel = new WebSocketChannel(socket, addresses);
  if (socket.readyState === OPEN) return channel;
  const aborted = (): void => {
    const why = messageOf(signal!.reason);
    channel.end(new ChannelError("aborted", `Stopped opening a WebSocket: ${why}`));
  };
  signal?.addEventListener("abort", aborted);
  try {
    if (signal?.aborted) aborted();
    await channel.opened;
    return channel;
  } finally {
    signal?.removeEventListener("abort", aborted);
  }
}

class WebSocketChannel implements Channel {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly tls?: TlsFacts;
  /** Settles when the socket is open, or will never be. */
  readonly opened: Promise<void>;
  readonly #socket: WebSocketLike;
  readonly #opening = deferred<void>();
  readonly #incoming = new Pipe(WINDOW);
  /** Octets that the peer may still send. */
  #granted = WINDOW;
  /** Octets that have been read and not been granted again. */
  #taken = 0;
  #peerEnded = false;
  /** Octets that the peer has room for. */
  #room = WINDOW;
  /** The writer that waits for room. */
  #waiting: Deferred<void> | undefined;
  #writing = false;
  /** Why nothing can be written any more. */
  #writeFault: ChannelError | undefined;
  /** Nothing that the socket says counts any more. */
  #over = false;
  /** What the socket has said of its failure. */
  #complaint = "the connection was lost";

  constructor(socket: WebSocketLike, addresses: WebSocketEnds) {
    this.localAddress = addresses.localAddress;
    this.remoteAddress = addresses.remoteAddress;
    if (addresses.tls !== undefined) this.tls = addresses.tls;
    this.#socket = socket;
    this.opened = this.#opening.promise;
    this.opened.catch(() => {});
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => this.#opening.resolve());
    socket.addEventListener("message", (event) => this.#receive((event as MessageEvent).data));
    socket.addEventListener("error", (event) => {
      this.#complaint = (event as ErrorEvent).message || this.#complaint;
    });
    socket.addEventListener("close", (event) => this.#closed(event as CloseEvent));
  }

  async read(size: number = READ_SIZE): Promise<Uint8Array | undefined> {
    const octets = await this.#incoming.read(size);
    if (octets !== undefined) this.#grant(octets.length);
    return octets;
  }

  async write(octets: Uint8Array): Promise<void> {
    if (this.#writing) throw new TypeError("Cannot write: another write is under way");
    this.#writing = true;
    try {
      this.#checkWritable();
      for (let at = 0; at < octets.length;) {
        if (this.#room === 0) await this.#moreRoom();
        this.#checkWritable();
        at += this.#sendOctets(octets.subarray(at));
      }
    } finally {
      this.#writing = false;
    }
  }

  closeWrite(): Promise<void> {
    if (this.#writeFault === undefined) {
      this.#send(Uint8Array.of(END));
      this.#failWriter(new ChannelError("closed", "Cannot write: this side has been ended"));
    }
    return Promise.resolve();
  }

  close(): void {
    this.end(new ChannelError("closed", "Cannot use the channel: it has been closed"));
  }

  /** Closes, for a reason that whoever waits is told. */
  end(why: ChannelError): void {
    this.#incoming.leave();
    this.#waiting?.reject(why);
    this.#waiting = undefined;
    this.#writeFault = why;
    this.#opening.reject(why);
    if (this.#over) return;
    this.#over = true;
    this.#socket.close(NORMAL);
  }

  #checkWritable(): void {
    if (this.#writeFault !== undefined) throw this.#writeFault;
  }

  #moreRoom(): Promise<void> {
    this.#waiting = deferred();
    return this.#waiting.promise;
  }

  /** @returns How many of them. */
  #sendOctets(octets: Uint8Array): number {
    const count = Math.min(octets.length, this.#room, LONGEST - 1);
    const message = new Uint8Array(1 + count);
    message[0] = OCTETS;
    message.set(octets.subarray(0, count), 1);
    this.#room -= count;
    this.#send(message);
    return count;
  }

  /** Lets the peer go on, in large steps: half a window is always on its way or unread. */
  #grant(count: number): void {
    this.#taken += count;
    if (this.#taken < WINDOW / 2 || this.#peerEnded || this.#over) return;
    // A peer that sends and does not read could make such messages pile up.
    if ((this.#socket.bufferedAmount ?? 0) > 2 * WINDOW) {
      return this.#refuse(VIOLATION, "nothing that was sent here has been taken");
    }
    const message = new Uint8Array(5);
    message[0] = ROOM;
    new DataView(message.buffer).setUint32(1, this.#taken);
    this.#granted += this.#taken;
    this.#taken = 0;
    this.#send(message);
  }

  #send(message: Uint8Array<ArrayBuffer>): void {
    // Between the peer's end and its event a socket may throw.
    if (this.#socket.readyState === OPEN) this.#socket.send(message);
  }

  #receive(data: unknown): void {
    if (this.#over) return;
    if (!(data instanceof ArrayBuffer)) {
      return this.#refuse(NOT_BINARY, "a message is not binary");
    }
    const message = new Uint8Array(data);
    if (!this.#understand(message)) {
      const found = `a message of ${message.length} octets and kind ${message[0] ?? "none"}`;
      this.#refuse(VIOLATION, `${found} is not allowed here`);
    }
  }

  /** Does what a message says. @returns Whether it may say so. */
  #understand(message: Uint8Array<ArrayBuffer>): boolean {
    const rest = message.length - 1;
    switch (message[0]) {
      case OCTETS:
        if (this.#peerEnded || rest === 0 || rest > this.#granted) return false;
        this.#granted -= rest;
        // There is room: what has been granted and what waits here is one window at most.
        void this.#incoming.write(message.subarray(1));
        return true;
      case ROOM: {
        const count = rest === 4 ? new DataView(message.buffer).getUint32(1) : 0;
        if (count === 0 || this.#room + count > WINDOW) return false;
        this.#room += count;
        this.#waiting?.resolve();
        this.#waiting = undefined;
        return true;
      }
      case END:
        if (this.#peerEnded || rest !== 0) return false;
        this.#peerEnded = true;
        this.#incoming.end();
        return true;
      default:
        return false;
    }
  }

  /** The peer has broken the rules. */
  #refuse(status: number, why: string): void {
    this.#lost(why);
    try {
      this.#socket.close(status, why);
    } catch {
      this.#socket.close(status + PRIVATE, why);
    }
  }

  #closed({ code, reason, wasClean }: CloseEvent): void {
    if (this.#over) return;
    if (wasClean && (code === NORMAL || code === NO_STATUS)) {
      this.#over = true;
      this.#incoming.abandon();
      this.#failWriter(
        new ChannelError("broken", "Cannot write: the peer has closed the WebSocket"),
      );
      this.#opening.reject(new ChannelError("refused", "Cannot open a WebSocket: it was closed"));
    } else {
      this.#lost(
        wasClean ? `the peer has closed the WebSocket: ${code} ${reason}` : this.#complaint,
      );
    }
  }

  #lost(why: string): void {
    this.#over = true;
    // What has come to its end can still be read.
    if (!this.#peerEnded) this.#incoming.break(why);
    this.#failWriter(new ChannelError("broken", `Cannot write: ${why}`));
    this.#opening.reject(new ChannelError("refused", `Cannot open a WebSocket: ${why}`));
  }

  /** The first reason counts. */
  #failWriter(fault: ChannelError): void {
    this.#writeFault ??= fault;
    this.#waiting?.reject(this.#writeFault);
    this.#waiting = undefined;
  }
}
