/**
 * The reply sequencer: replies leave in the order of their commands, whoever gives them
 * (RFC 2920 §3.2), and as many as are ready leave in one write.
 *
 * @module
 */

import { concat } from "../bytes.ts";
import type { Channel } from "../channel.ts";
import { type Clock, within } from "../clock.ts";
import type { Reply } from "../rfc5321/reply.ts";

/** More commands than this are not taken in while their replies are outstanding. */
const MAX_OUTSTANDING = 100;

interface Slot {
  reply: Reply | undefined;
  readonly asked: Asked;
}

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
  /** The last look at a reply as it is written: adapts it to what the client may see. */
  readonly finish: (reply: Reply, asked: Asked) => Reply;
}

/** See the module. */
export class ReplyQueue {
  #slots: Slot[] = [];
  #writing: Promise<void> | undefined;
  /** Something may have become ready since the last look. */
  #wanted = false;
  #changed: (() => void)[] = [];
  #error: unknown;
  #lastKnown: number;

  constructor(public channel: Channel, readonly options: ReplyQueueOptions) {
    this.#lastKnown = options.clock.now();
  }

  /** When the last reply became known, in milliseconds since 1970; now, while one is owed. */
  get lastKnown(): number {
    return this.#owed ? this.options.clock.now() : this.#lastKnown;
  }

  /**
   * Queues the reply to one command. A ready reply waits for `flush` so that it can leave together
   * with others; one that comes later leaves when it is there.
   *
   * @param reply Must not reject.
   * @param asked For `finish`.
   */
  push(reply: Reply | Promise<Reply>, asked: Asked): void {
    if (reply instanceof Promise) {
      const slot: Slot = { reply: undefined, asked };
      this.#slots.push(slot);
      void reply.then((known) => {
        slot.reply = known;
        this.#lastKnown = this.options.clock.now();
        this.#notify();
        this.flush();
      });
    } else {
      this.#slots.push({ reply, asked });
      this.#lastKnown = this.options.clock.now();
    }
  }

  /** Starts writing what is ready; whoever wants to know the end awaits `drained`. */
  flush(): void {
    this.#wanted = true;
    this.#writing ??= this.#run();
  }

  /** Waits until every queued reply is known (not: written). */
  async settled(): Promise<void> {
    while (this.#owed) await this.#change();
  }

  get #owed(): boolean {
    return this.#slots.some((slot) => slot.reply === undefined);
  }

  /** Waits until there is room for another command. */
  async room(): Promise<void> {
    while (this.#slots.length >= MAX_OUTSTANDING && this.#error === undefined) {
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
      await this.settled();
      if (this.#error !== undefined) throw this.#error;
      if (this.#slots.length === 0 && this.#writing === undefined) return;
      this.flush();
      await this.#change();
    }
  }

  async #run(): Promise<void> {
    try {
      while (this.#wanted) {
        this.#wanted = false;
        await this.#write();
      }
    } catch (error) {
      this.#error = error;
      // The session's pending read ends with it.
      this.channel.close();
    }
    this.#writing = undefined;
    this.#notify();
  }

  async #write(): Promise<void> {
    for (;;) {
      const ready: Uint8Array[] = [];
      while (this.#slots[0]?.reply !== undefined) {
        const slot = this.#slots.shift()!;
        ready.push(this.options.finish(slot.reply!, slot.asked).toBytes());
      }
      if (ready.length === 0) return;
      await within(
        this.options.clock,
        this.options.writeTimeout,
        "the client to read its replies",
        this.channel.write(ready.length === 1 ? ready[0] : concat(ready)),
      );
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#changed.push(resolve));
  }

  #notify(): void {
    const waiting = this.#changed;
    this.#changed = [];
    for (const resolve of waiting) resolve();
  }
}
