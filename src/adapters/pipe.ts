/**
 * One direction of a channel: a ring of octets, at most one reader that waits and at most one writer.
 *
 * @module
 */

import { ChannelError } from "../channel.ts";

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

/** See the module. */
export class Pipe {
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

  /** @param capacity Octets that it holds before a writer has to wait, at least 1. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** At most `size` octets, valid until the next read; `undefined` at the end. @throws {ChannelError} */
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

  /** Takes what there is room for at once, and resolves when it has taken the rest. @throws {ChannelError} */
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

  /** Nothing more can be read or written, and what is buffered is lost. */
  break(why = "the connection was reset"): void {
    this.#failReader(new ChannelError("broken", `Cannot read: ${why}`));
    this.#failWriter(new ChannelError("broken", `Cannot write: ${why}`));
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
    this.#length -= count;
    // A dialogue of short turns stays in the first pages of the ring.
    this.#start = this.#length === 0 ? 0 : (this.#start + count) % this.#capacity;
    return this.#window.subarray(0, count);
  }
}
