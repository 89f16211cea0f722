/**
 * A channel without a network: two ends in one process, joined by a bounded buffer each way.
 *
 * It keeps the contract of {@linkcode Channel} to the letter, so that a test in memory finds what
 * a socket would show: it holds a writer back, it uses the memory of a read again, and it refuses
 * a second read or write while one is under way.
 *
 * @module
 */

import { type Address, type Channel, ChannelError } from "../channel.ts";

/** A channel that can also break. */
export interface MemoryChannel extends Channel {
  /** Breaks the connection: what is buffered is lost, reads and writes at both ends reject `broken`. */
  reset(): void;
}

/** What {@linkcode memoryPair} can be told. */
export interface MemoryOptions {
  /**
   * How many octets each direction holds before a writer has to wait.
   *
   * @default 65536
   */
  readonly buffer?: number;
  /**
   * What the two ends are called in their addresses.
   *
   * @default ["client", "server"]
   */
  readonly names?: readonly [string, string];
}

/** Octets that one read returns, where it asks for no size. */
const READ_SIZE = 4096;

/**
 * Makes two channels that are each other's peer.
 *
 * @example Two ends
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { memoryPair } from "@sluice/sluice/testing";
 *
 * const [client, server] = memoryPair({ names: ["a", "b"] });
 * assertEquals(client.remoteAddress, { transport: "memory", name: "b" });
 * await client.write(new TextEncoder().encode("NOOP\r\n"));
 * await client.closeWrite();
 * assertEquals(new TextDecoder().decode(await server.read()), "NOOP\r\n");
 * assertEquals(await server.read(), undefined);
 * server.close();
 * ```
 *
 * @throws {RangeError} If `buffer` is not a positive integer.
 */
export function memoryPair(options: MemoryOptions = {}): [MemoryChannel, MemoryChannel] {
  const { buffer = 65536, names: [first, second] = ["client", "server"] } = options;
  if (!Number.isSafeInteger(buffer) || buffer < 1) {
    throw new RangeError(
      `Cannot make a memory pair: buffer is ${buffer}, must be 1 or more octets`,
    );
  }
  const forth = new Pipe(buffer);
  const back = new Pipe(buffer);
  const one: Address = { transport: "memory", name: first };
  const other: Address = { transport: "memory", name: second };
  return [new End(one, other, back, forth), new End(other, one, forth, back)];
}

class End implements MemoryChannel {
  readonly #incoming: Pipe;
  readonly #outgoing: Pipe;

  constructor(
    readonly localAddress: Address,
    readonly remoteAddress: Address,
    incoming: Pipe,
    outgoing: Pipe,
  ) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  read(size: number = READ_SIZE): Promise<Uint8Array | undefined> {
    return this.#incoming.read(size);
  }

  write(octets: Uint8Array): Promise<void> {
    return this.#outgoing.write(octets);
  }

  closeWrite(): Promise<void> {
    this.#outgoing.end();
    return Promise.resolve();
  }

  close(): void {
    this.#incoming.leave();
    this.#outgoing.abandon();
  }

  reset(): void {
    this.#incoming.break();
    this.#outgoing.break();
  }
}

interface PendingRead {
  readonly size: number;
  readonly resolve: (octets: Uint8Array | undefined) => void;
  readonly reject: (error: ChannelError) => void;
}

interface PendingWrite {
  readonly octets: Uint8Array;
  taken: number;
  readonly resolve: () => void;
  readonly reject: (error: ChannelError) => void;
}

/** One direction: a ring of octets, at most one reader that waits and at most one writer. */
class Pipe {
  readonly #capacity: number;
  #ring: Uint8Array | undefined;
  #start = 0;
  #length = 0;
  /** What the last read returned lies in here. */
  #window = new Uint8Array(0);
  #reader: PendingRead | undefined;
  #writer: PendingWrite | undefined;
  #ended = false;
  #readFault: ChannelError | undefined;
  #writeFault: ChannelError | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  read(size: number): Promise<Uint8Array | undefined> {
    if (this.#reader !== undefined) {
      return Promise.reject(new TypeError("Cannot read: another read is under way"));
    }
    if (this.#readFault !== undefined) return Promise.reject(this.#readFault);
    return new Promise((resolve, reject) => {
      this.#reader = { size: Math.max(1, size), resolve, reject };
      this.#flow();
    });
  }

  write(octets: Uint8Array): Promise<void> {
    if (this.#writer !== undefined) {
      return Promise.reject(new TypeError("Cannot write: another write is under way"));
    }
    if (this.#writeFault !== undefined) return Promise.reject(this.#writeFault);
    return new Promise((resolve, reject) => {
      this.#writer = { octets, taken: 0, resolve, reject };
      this.#flow();
    });
  }

  /** The writer has ended its side in good order. */
  end(): void {
    this.#failWriter(new ChannelError("closed", "Cannot write: this side has been ended"));
    this.#ended = true;
    this.#flow();
  }

  /** The writer has closed: what is buffered can still be read. */
  abandon(): void {
    this.#failWriter(new ChannelError("closed", "Cannot write: the channel has been closed"));
    this.#ended = true;
    this.#flow();
  }

  /** The reader has closed: nobody will read what is written. */
  leave(): void {
    this.#failReader(new ChannelError("closed", "Cannot read: the channel has been closed"));
    this.#failWriter(new ChannelError("broken", "Cannot write: the peer has closed the channel"));
  }

  break(): void {
    this.#failReader(new ChannelError("broken", "Cannot read: the connection was reset"));
    this.#failWriter(new ChannelError("broken", "Cannot write: the connection was reset"));
  }

  #failReader(fault: ChannelError): void {
    this.#readFault ??= fault;
    this.#length = 0;
    this.#ring = undefined;
    this.#reader?.reject(this.#readFault);
    this.#reader = undefined;
  }

  #failWriter(fault: ChannelError): void {
    this.#writeFault ??= fault;
    this.#writer?.reject(this.#writeFault);
    this.#writer = undefined;
  }

  /** Moves what can be moved: from the writer into the ring, from the ring to the reader. */
  #flow(): void {
    this.#fill();
    if (this.#reader === undefined) return;
    if (this.#length > 0) {
      const { size, resolve } = this.#reader;
      this.#reader = undefined;
      resolve(this.#take(size));
      this.#fill();
    } else if (this.#ended) {
      this.#reader.resolve(undefined);
      this.#reader = undefined;
    }
  }

  #fill(): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    const count = Math.min(writer.octets.length - writer.taken, this.#capacity - this.#length);
    if (count > 0) this.#put(writer.octets.subarray(writer.taken, writer.taken + count));
    writer.taken += count;
    if (writer.taken < writer.octets.length) return;
    this.#writer = undefined;
    writer.resolve();
  }

  #put(octets: Uint8Array): void {
    const ring = this.#ring ??= new Uint8Array(this.#capacity);
    const at = (this.#start + this.#length) % this.#capacity;
    const beforeWrap = Math.min(octets.length, this.#capacity - at);
    ring.set(octets.subarray(0, beforeWrap), at);
    ring.set(octets.subarray(beforeWrap), 0);
    this.#length += octets.length;
  }

  #take(size: number): Uint8Array {
    const ring = this.#ring as Uint8Array;
    const count = Math.min(size, this.#length);
    if (this.#window.length < count) this.#window = new Uint8Array(count);
    const beforeWrap = Math.min(count, this.#capacity - this.#start);
    this.#window.set(ring.subarray(this.#start, this.#start + beforeWrap), 0);
    this.#window.set(ring.subarray(0, count - beforeWrap), beforeWrap);
    this.#start = (this.#start + count) % this.#capacity;
    this.#length -= count;
    return this.#window.subarray(0, count);
  }
}
