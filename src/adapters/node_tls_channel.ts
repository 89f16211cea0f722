/**
 * The two joints of TLS over a channel: a channel as the `Duplex` that `node:tls` wants below, and
 * a `TLSSocket` as the channel that the core wants above.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { EMPTY } from "../bytes.ts";
import { type Address, type Channel, ChannelError, type SecureChannel } from "../channel.ts";
import type { TlsFacts } from "../channel.ts";
import { messageOf } from "../errors.ts";

/** Octets of a read while little arrives. */
const SMALL_READ = 4096;
/** Octets of a read while as much arrives as it can take: four full TLS records. */
const LARGE_READ = 65536;

/** A Node stream over a channel, which belongs to it from then on. */
export class ChannelDuplex extends Duplex {
  readonly #channel: Channel;
  #early: Uint8Array;
  #size = SMALL_READ;
  #mayRead = () => false;
  /** Somebody wants octets, and `#mayRead` said no. */
  #held = false;

  /** @param early Octets that were read from the channel already and come first. */
  constructor(channel: Channel, early: Uint8Array = EMPTY) {
    super({ allowHalfOpen: true });
    this.#channel = channel;
    this.#early = early;
  }

  /**
   * Reads, as long as the condition holds; before this is called it reads nothing. A TLS engine
   * takes whatever it is given and keeps, without bound, what nobody asks for: so it must be given
   * no more than that.
   */
  readWhile(condition: () => boolean): void {
    this.#mayRead = condition;
    this.proceed();
  }

  /** Asks the condition again. */
  proceed(): void {
    if (!this.#held || !this.#mayRead()) return;
    this.#held = false;
    this.#pull();
  }

  /**
   * Calls back once the channel has taken what it was given. Bun's TLS engine waits for nothing:
   * without this, what a peer does not read would fill the memory.
   */
  whenTaken(callback: () => void): void {
    if (this.writableNeedDrain) this.once("drain", callback);
    else callback();
  }

  override _read(): void {
    if (this.#mayRead()) this.#pull();
    else this.#held = true;
  }

  override _write(
    octets: Uint8Array,
    _encoding: string,
    done: (error?: Error | null) => void,
  ): void {
    this.#channel.write(octets).then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#channel.closeWrite().then(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#channel.close();
    done(error);
  }

  #pull(): void {
    if (this.#early.length > 0) {
      const octets = this.#early;
      this.#early = EMPTY;
      this.push(octets);
      return;
    }
    this.#channel.read(this.#size).then((octets) => {
      if (octets === undefined) return void this.push(null);
      this.#size = octets.length < SMALL_READ ? SMALL_READ : LARGE_READ;
      // A copy: the stream may keep it beyond the next read.
      this.push(Buffer.from(octets));
    }, (error) => this.destroy(error));
  }
}

interface PendingRead {
  readonly resolve: (octets: Uint8Array | undefined) => void;
  readonly reject: (error: ChannelError) => void;
}

/**
 * A channel over a TLS socket whose handshake is done.
 *
 * What a read returns is never used again. A peer that ends the connection below without
 * close_notify has ended its side like any other: SMTP says itself where a message ends, and many
 * clients hang up like that.
 */
export class TlsChannel implements SecureChannel {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly #channel: Channel;
  readonly #duplex: ChannelDuplex;
  readonly #socket: TLSSocket;
  #reader: PendingRead | undefined;
  #failWriter: ((error: ChannelError) => void) | undefined;
  #ended = false;
  #fault: ChannelError | undefined;
  #writeEnd: Promise<void> | undefined;

  /**
   * @param channel Below the TLS.
   * @param duplex The same as the socket knows it.
   */
  constructor(channel: Channel, duplex: ChannelDuplex, socket: TLSSocket, readonly tls: TlsFacts) {
    this.localAddress = channel.localAddress;
    this.remoteAddress = channel.remoteAddress;
    this.#channel = channel;
    this.#duplex = duplex;
    this.#socket = socket;
    duplex.readWhile(() => socket.readableLength < socket.readableHighWaterMark);
    const ended = () => this.#fail(new ChannelError("broken", "The TLS connection has ended"));
    const broken = (cause: unknown) =>
      this.#fail(new ChannelError("broken", messageOf(cause), { cause }));
    socket.on("readable", () => this.#deliver());
    socket.on("end", () => {
      // On Bun a channel that has broken below comes to an end too.
      if (duplex.errored !== null) return broken(duplex.errored);
      this.#ended = true;
      this.#deliver();
    });
    socket.on("error", broken);
    socket.on("close", ended);
    // It may have closed before anybody listened.
    if (socket.destroyed) ended();
  }

  read(): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#deliver();
    });
  }

  write(octets: Uint8Array): Promise<void> {
    if (this.#writeEnd !== undefined) {
      return Promise.reject(new ChannelError("closed", "Cannot write: this side has been ended"));
    }
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    // Deno's TLS engine takes an empty write for an error.
    if (octets.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#failWriter = reject;
      this.#socket.write(octets, (error) => {
        if (!error) return this.#duplex.whenTaken(resolve);
        reject(this.#fault ?? new ChannelError("broken", messageOf(error), { cause: error }));
      });
    });
  }

  closeWrite(): Promise<void> {
    return this.#writeEnd ??= new Promise((resolve) => {
      if (this.#fault !== undefined) return resolve();
      this.#socket.once("close", () => resolve());
      this.#socket.end(() => resolve());
    });
  }

  close(): void {
    this.#fail(new ChannelError("closed", "Cannot use the channel: it has been closed"));
    this.#socket.destroy();
    this.#channel.close();
  }

  get #closed(): boolean {
    return this.#fault?.kind === "closed";
  }

  #deliver(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    const octets: Uint8Array | null = this.#closed ? null : this.#socket.read();
    if (octets !== null) reader.resolve(octets);
    else if (this.#ended && !this.#closed) reader.resolve(undefined);
    else if (this.#fault !== undefined) reader.reject(this.#fault);
    else return;
    this.#reader = undefined;
    this.#duplex.proceed();
  }

  /** The first reason counts; what comes after it is its consequence. */
  #fail(fault: ChannelError): void {
    this.#fault ??= fault;
    this.#failWriter?.(this.#fault);
    this.#deliver();
  }
}
