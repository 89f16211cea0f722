/**
 * The client's octets on their way to whichever framer the session's mode has.
 *
 * @module
 */

import type { Channel } from "../channel.ts";
import { type Clock, TimeoutError } from "../clock.ts";
import { Deadline } from "../deadline.ts";
import { EMPTY } from "../bytes.ts";
import type { Framer, Out } from "../stages/stage.ts";

/** Who waits for a chunk, and how long. */
interface Waiter extends FillOptions {
  readonly resolve: (more: boolean) => void;
  readonly reject: (reason: unknown) => void;
  readonly milliseconds: number;
  readonly waitedFor: string;
}

/** How a chunk is read. */
export interface FillOptions {
  /** Octets to read at most. Default: the channel's own. */
  readonly size?: number;
  /** By the clock's `monotonic`, where the caller has just read it. */
  readonly now?: number;
  /** Asked when the time is up: the milliseconds that are to be waited still. Default: none. */
  readonly patience?: (now: number) => number;
}

/** Reads a channel chunk by chunk and lets a framer take from it what belongs to its mode. */
export class Input {
  readonly channel: Channel;
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  readonly #clock: Clock;
  readonly #deadline: Deadline;
  #waiter: Waiter | undefined;
  /** A read is under way; it may outlive its wait, and a channel takes one read at a time. */
  #reading = false;
  /** What has come of a read whose wait was over by then. */
  #late: (() => void) | undefined;
  #interruption: unknown;

  // No parameter properties: TypeScript would assign the closures below, and V8 takes one that is
  // assigned for one that lives long, with all that it has seen.
  constructor(channel: Channel, clock: Clock) {
    this.channel = channel;
    this.#clock = clock;
    this.#deadline = new Deadline(clock);
  }

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
  fill(
    milliseconds: number,
    waitedFor: string,
    { size, now, patience }: FillOptions = {},
  ): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject, milliseconds, waitedFor, patience };
      if (this.#interruption !== undefined) return this.#break();
      const late = this.#late;
      if (late !== undefined) {
        this.#late = undefined;
        return late();
      }
      this.#deadline.start(milliseconds, this.#expired, now);
      if (this.#reading) return;
      this.#reading = true;
      this.channel.read(size).then(this.#arrived, this.#broken);
    });
  }

  /** Cuts a wait for the client short: the present one, or the next. */
  interrupt(reason: unknown): void {
    this.#interruption = reason;
    if (this.#waiter !== undefined) this.#break();
  }

  /** Forgets an interruption that nobody has met. */
  goOn(): void {
    this.#interruption = undefined;
  }

  /** Nobody waits any more. */
  close(): void {
    this.#deadline.close();
  }

  readonly #expired = (): void => {
    const { milliseconds, waitedFor, patience } = this.#waiter!;
    const now = this.#clock.monotonic();
    const more = patience?.(now) ?? 0;
    // A timer takes whole milliseconds.
    if (more >= 1) this.#deadline.start(more, this.#expired, now);
    else this.#fail(new TimeoutError(waitedFor, milliseconds));
  };

  readonly #arrived = (chunk: Uint8Array | undefined): void => {
    this.#reading = false;
    if (this.#waiter === undefined) this.#late = () => this.#arrive(chunk);
    else this.#arrive(chunk);
  };

  readonly #broken = (error: unknown): void => {
    this.#reading = false;
    if (this.#waiter === undefined) this.#late = () => this.#fail(error);
    else this.#fail(error);
  };

  #arrive(chunk: Uint8Array | undefined): void {
    this.#chunk = chunk ?? EMPTY;
    this.#at = 0;
    this.#taken().resolve(chunk !== undefined);
  }

  #break(): void {
    const reason = this.#interruption;
    this.#interruption = undefined;
    this.#fail(reason);
  }

  #fail(reason: unknown): void {
    this.#taken().reject(reason);
  }

  #taken(): Waiter {
    const waiter = this.#waiter!;
    this.#waiter = undefined;
    this.#deadline.stop();
    return waiter;
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
