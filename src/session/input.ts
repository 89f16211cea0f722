/**
 * The client's octets on their way to whichever framer the session's mode has.
 *
 * @module
 */

import type { Channel } from "../channel.ts";
import { type Clock, within } from "../clock.ts";
import { EMPTY } from "../bytes.ts";
import type { Framer, Out } from "../stages/stage.ts";

/** Reads a channel chunk by chunk and lets a framer take from it what belongs to its mode. */
export class Input {
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  /** A read that outlived its wait; a channel takes one read at a time. */
  #pending: Promise<Uint8Array | undefined> | undefined;
  #interruption: unknown;
  #interrupted: (() => void) | undefined;

  constructor(readonly channel: Channel, readonly clock: Clock) {}

  /** Octets received and not yet taken. */
  get buffered(): number {
    return this.#chunk.length - this.#at;
  }

  /** The first octet not yet taken, if there is one. */
  get next(): number | undefined {
    return this.#chunk[this.#at];
  }

  /**
   * Reads the next chunk; only when nothing is buffered.
   *
   * @returns False once the client has ended its side.
   * @throws {TimeoutError} After `milliseconds`; the next `fill` goes on with the same read.
   * @throws What `interrupt` was given, once.
   */
  async fill(milliseconds: number, waitedFor: string, size?: number): Promise<boolean> {
    this.#pending ??= this.channel.read(size).finally(() => this.#pending = undefined);
    const read = this.#interruptible(this.#pending);
    const chunk = await within(this.clock, milliseconds, waitedFor, read);
    this.#chunk = chunk ?? EMPTY;
    this.#at = 0;
    return chunk !== undefined;
  }

  /** Cuts a wait for the client short: the present one, or the next. */
  interrupt(reason: unknown): void {
    this.#interruption = reason;
    this.#interrupted?.();
  }

  #interruptible<T>(wait: Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#interrupted = () => {
      reject(this.#interruption);
      this.#interruption = undefined;
    };
    if (this.#interruption !== undefined) this.#interrupted();
    wait.then(resolve, reject);
    return promise.finally(() => this.#interrupted = undefined);
  }

  /** Lets `framer` take what it wants of what is buffered. */
  take<O>(framer: Framer<O>, out: Out<O>): void {
    this.#at = framer.take(this.#chunk, this.#at, out);
  }

  /** The channel with what is buffered still in front of it, for whoever reads on from here. */
  handOver(): Channel {
    const { channel } = this;
    if (this.buffered === 0) return channel;
    let rest: Uint8Array | undefined = this.#chunk.slice(this.#at);
    this.discard();
    return {
      localAddress: channel.localAddress,
      remoteAddress: channel.remoteAddress,
      read(size) {
        const first = rest;
        rest = undefined;
        return first === undefined ? channel.read(size) : Promise.resolve(first);
      },
      write: (octets) => channel.write(octets),
      closeWrite: () => channel.closeWrite(),
      close: () => channel.close(),
    };
  }

  /** Drops what is buffered and says how much that was: at a TLS handshake nothing may survive. */
  discard(): number {
    const dropped = this.buffered;
    this.#chunk = EMPTY;
    this.#at = 0;
    return dropped;
  }
}
