/**
 * Channels from web streams and web streams from channels, for whatever a runtime has that is
 * neither a socket nor a pair in memory: a WebSocket's streams, a worker's, a pipe.
 *
 * @module
 */

import { type Address, type Channel, ChannelError } from "../channel.ts";
import { deferred } from "../deferred.ts";
import { messageOf } from "../errors.ts";

/** A duplex as the Streams Standard has it. */
export interface StreamPair {
  /** What the peer sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the peer receives. */
  readonly writable: WritableStream<Uint8Array>;
}

/** Who stands at the two ends of a channel. */
export interface Addresses {
  /** Ours. */
  readonly localAddress: Address;
  /** The peer's. */
  readonly remoteAddress: Address;
}

/**
 * A channel over two web streams, which it locks.
 *
 * A read returns one chunk of `readable` as it came: the size hint has no effect. A write hands on
 * a copy, because a chunk belongs to the stream once it is written. `close()` cancels the one
 * stream and aborts the other.
 *
 * @throws {TypeError} If one of the streams is locked.
 */
export function channelOfStreams(streams: StreamPair, addresses: Addresses): Channel {
  return new StreamsChannel(streams, addresses);
}

/**
 * The two web streams of a channel, which belongs to them from then on.
 *
 * Nothing is read before somebody asks for it. Cancelling `readable` leaves the other direction
 * as it is; aborting `writable` closes the channel, and so does whatever ends the second of the
 * two.
 */
export function streamsOfChannel(channel: Channel): StreamPair {
  const open = new Set(["readable", "writable"]);
  const ended = (side: "readable" | "writable") => {
    open.delete(side);
    if (open.size === 0) channel.close();
  };
  const readable = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const octets = await channel.read();
        if (!open.has("readable")) return;
        // A view is valid until the next read only; a chunk belongs to whoever receives it.
        if (octets !== undefined) return controller.enqueue(octets.slice());
        controller.close();
        ended("readable");
      } catch (error) {
        ended("readable");
        throw error;
      }
    },
    cancel: () => ended("readable"),
  }, { highWaterMark: 0 });
  const writable = new WritableStream<Uint8Array>({
    async write(octets) {
      try {
        await channel.write(octets);
      } catch (error) {
        ended("writable");
        throw error;
      }
    },
    async close() {
      await channel.closeWrite();
      ended("writable");
    },
    abort: () => channel.close(),
  });
  return { readable, writable };
}

/** See {@linkcode channelOfStreams}. */
export class StreamsChannel implements Channel {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  /** Ends what is under way: a stream alone would not, while its source or sink is busy. */
  readonly #closing = new Set<(fault: ChannelError) => void>();
  #fault: ChannelError | undefined;
  #writeEnd: Promise<void> | undefined;

  constructor({ readable, writable }: StreamPair, addresses: Addresses) {
    this.localAddress = addresses.localAddress;
    this.remoteAddress = addresses.remoteAddress;
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    // A stream that fails while nobody waits for it says so at the next read or write.
    this.#reader.closed.catch(() => {});
    this.#writer.closed.catch(() => {});
    this.#writer.ready.catch(() => {});
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const { done, value } = await this.#unlessClosed("read", this.#reader.read());
      if (done) return undefined;
      if (value.length > 0) return value;
    }
  }

  async write(octets: Uint8Array): Promise<void> {
    if (this.#writeEnd !== undefined) {
      throw new ChannelError("closed", "Cannot write: this side has been ended");
    }
    await this.#unlessClosed("write", this.#writer.write(octets.slice()));
  }

  closeWrite(): Promise<void> {
    this.#writeEnd ??= this.#unlessClosed("end", this.#writer.close()).catch(() => {});
    return this.#writeEnd;
  }

  /**
   * Unlocks the streams for whoever goes on with them, such as a TLS handshake. Nothing may be under
   * way, and the channel cannot be used any more.
   */
  release(): void {
    this.#fault = new ChannelError("closed", "Cannot use the channel: its streams were handed on");
    this.#reader.releaseLock();
    this.#writer.releaseLock();
  }

  close(): void {
    if (this.#fault !== undefined) return;
    this.#fault = new ChannelError("closed", "Cannot use the channel: it has been closed");
    for (const end of this.#closing) end(this.#fault);
    this.#reader.cancel(this.#fault).catch(() => {});
    this.#writer.abort(this.#fault).catch(() => {});
  }

  async #unlessClosed<T>(attempt: string, done: Promise<T>): Promise<T> {
    const { promise, resolve, reject } = deferred<T>();
    done.then(resolve, reject);
    this.#closing.add(reject);
    try {
      if (this.#fault !== undefined) reject(this.#fault);
      return await promise;
    } catch (error) {
      if (error instanceof ChannelError) throw error;
      throw new ChannelError("broken", `Cannot ${attempt}: ${messageOf(error)}`, { cause: error });
    } finally {
      this.#closing.delete(reject);
    }
  }
}
