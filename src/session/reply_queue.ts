/**
 * The reply sequencer: replies leave in the order of their commands, whoever gives them
 * (RFC 2920 §3.2), and as many as are ready leave in one write.
 *
 * @module
 */

import { type Channel, ChannelError } from "../channel.ts";
import { type Clock, TimeoutError } from "../clock.ts";
import { Deadline } from "../deadline.ts";
import { type Deferred, deferred } from "../deferred.ts";
import { Scratch } from "../scratch.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { Soon } from "../soon.ts";

/** More commands than this are not taken in while their replies are outstanding. */
const MAX_OUTSTANDING = 100;

interface Slot {
  reply: Reply | undefined;
  readonly asked: Asked;
}

/** Made once, because every session ends. */
const ENDED = new ChannelError("closed", "The session has ended");
const WAITED_FOR = "the client to read its replies";

/** What a reply answers, and since when that has been known. */
export interface Asked {
  /** The verb of the command. */
  readonly verb: string;
  /** By the clock's `monotonic`. */
  readonly since: number;
}

/** What a queue needs of its session. */
export interface ReplyQueueOptions {
  readonly clock: Clock;
  /** Milliseconds for one write: a client that does not read is given up. */
  readonly writeTimeout: number;
  /**
   * The last look at a reply as it is written, at `now` by the clock's `monotonic`: adapts it to what
   * the client may see.
   */
  readonly finish: (reply: Reply, asked: Asked, now: number) => Reply;
  /** Gives the reply in place of a promised one that does not come. */
  readonly failed: (error: unknown) => Reply;
}

/** See the module. */
export class ReplyQueue {
  channel: Channel;
  readonly #options: ReplyQueueOptions;
  #slots: Slot[] = [];
  /** What is being written. */
  readonly #ready = new Scratch();
  /** A write is under way. */
  #writing = false;
  /** Something may have become ready since it began. */
  #wanted = false;
  #changed: (() => void)[] = [];
  /** Made for whoever waits until every reply is known. */
  #settling: Deferred<void> | undefined;
  #error: unknown;
  #lastWritten: number;
  readonly #deadline: Deadline;

  // No parameter properties, as in `Input`.
  constructor(channel: Channel, options: ReplyQueueOptions) {
    this.channel = channel;
    this.#options = options;
    this.#lastWritten = options.clock.monotonic();
    this.#deadline = new Deadline(options.clock);
  }

  /** When the last reply was written, by the clock's `monotonic`; now, while one is owed. */
  lastWritten(now: number): number {
    return this.owed ? now : this.#lastWritten;
  }

  /**
   * Queues the reply to one command. A ready reply waits for `flush` so that it can leave together
   * with others; one that comes later leaves when it is there.
   *
   * @param asked For `finish`.
   */
  push(reply: Reply | Promise<Reply>, asked: Asked): void {
    if (reply instanceof Promise) {
      const slot: Slot = { reply: undefined, asked };
      this.#slots.push(slot);
      const known = (reply: Reply): void => {
        slot.reply = reply;
        this.#notify();
        const settling = this.#settling;
        if (settling === undefined || this.owed) return this.flush();
        this.#settling = undefined;
        settling.resolve();
      };
      void reply.then(known, (error) => known(this.#options.failed(error)));
    } else this.#slots.push({ reply, asked });
  }

  /** Starts writing what is ready; whoever wants to know the end awaits `drained`. */
  flush(): void {
    if (this.#writing) this.#wanted = true;
    else this.#write();
  }

  /** What becomes known from here on is told to nobody. */
  close(): void {
    this.#error ??= ENDED;
    this.#deadline.close();
  }

  /**
   * Is there, or comes, when every queued reply is known (not: written). Whoever waits for it has
   * something to say: he flushes, so that all of them leave together.
   */
  settled(): Soon<void> {
    if (!this.owed) return undefined;
    this.#settling ??= deferred();
    return this.#settling.promise;
  }

  /** Whether a queued reply is not known yet. */
  get owed(): boolean {
    return this.#slots.some((slot) => slot.reply === undefined);
  }

  /** Whether another command has to wait. */
  get full(): boolean {
    return this.#slots.length >= MAX_OUTSTANDING && this.#error === undefined;
  }

  /** Waits until there is room for another command. */
  async room(): Promise<void> {
    while (this.full) {
      if (this.#slots[0].reply !== undefined) this.flush();
      await this.#change();
    }
  }

  /**
   * Waits until every queued reply is written.
   *
   * @throws What the write threw.
   */
  async drained(): Promise<void> {
    for (;;) {
      while (this.owed) await this.#change();
      if (this.#error !== undefined) throw this.#error;
      if (this.#slots.length === 0 && !this.#writing) return;
      this.flush();
      await this.#change();
    }
  }

  #write(): void {
    if (this.#error !== undefined || this.#slots[0]?.reply === undefined) return;
    const now = this.#lastWritten = this.#options.clock.monotonic();
    const ready = this.#ready;
    while (this.#slots[0]?.reply !== undefined) {
      const { reply, asked } = this.#slots.shift()!;
      ready.text(this.#options.finish(reply!, asked, now).toString());
    }
    this.#writing = true;
    this.#deadline.start(this.#options.writeTimeout, this.#expired, now);
    this.channel.write(ready.octets).then(this.#written, this.#fail);
  }

  readonly #expired = (): void => {
    this.#fail(new TimeoutError(WAITED_FOR, this.#options.writeTimeout));
  };

  readonly #written = (): void => {
    this.#deadline.stop();
    this.#ready.free();
    this.#writing = false;
    if (this.#wanted) {
      this.#wanted = false;
      this.#write();
    }
    if (!this.#writing) this.#notify();
  };

  readonly #fail = (error: unknown): void => {
    if (this.#error !== undefined) return;
    this.#deadline.close();
    this.#writing = false;
    this.#error = error;
    // The session's pending read ends with it.
    this.channel.close();
    this.#notify();
  };

  #change(): Promise<void> {
    return new Promise((resolve) => this.#changed.push(resolve));
  }

  #notify(): void {
    const waiting = this.#changed;
    this.#changed = [];
    for (const resolve of waiting) resolve();
  }
}
