/**
 * One message for several readers: each reads at its own pace, and none of them is given more to hold
 * than so many octets. The platform's `tee` holds without a bound whatever the slower one has not read.
 *
 * @module
 */

import { EMPTY } from "../bytes.ts";
import { type Clock, TimeoutError } from "../clock.ts";
import { Deadline } from "../deadline.ts";
import { deferred } from "../deferred.ts";
import { HeldOctets } from "./held_octets.ts";
import type { Message, ReadOptions } from "./message.ts";

/** Octets that wait for a reader at most; then the message waits for it. */
const WAITING = 65_536;

/** Why nobody waits for a message's readers any more; made once, because every message comes to that. */
export const DECIDED = new Error("The message has been decided upon");

/** A reader has been given as much as it may read. */
export class TooMuch extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "TooMuch";
  /** Is what a stream fails with. */
  constructor(
    /** Octets that may be read. */
    readonly limit: number,
  ) {
    super(`The message has more than ${limit} octets`);
  }
}

/** The message is not going to be complete. */
export class Incomplete extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "Incomplete";
  /** Is what a stream fails with. */
  constructor() {
    super("The message has not come to its end");
  }
}

/** What a feed is told. */
export interface FeedOptions {
  readonly clock: Clock;
  /** Milliseconds for which a reader may keep the message waiting. */
  readonly patience: number;
  /** Aborts when nobody waits for readers any more. */
  readonly signal: AbortSignal;
  /** What has come already; it stays as it is until `release`. @default nothing */
  readonly beginning?: Uint8Array;
}

/** See the module. Whoever feeds it ends it by `end` or `fail`. */
export class Feed implements Message {
  readonly ended: Promise<void>;
  readonly signal: AbortSignal;
  readonly #options: FeedOptions;
  readonly #readers = new Set<Reader>();
  readonly #end = deferred<void>();
  /** What has come so far, while it can still be read from the beginning. */
  #kept: Uint8Array[] | undefined;
  #state: { readonly kind: "open" | "ended" } | {
    readonly kind: "failed";
    readonly error: unknown;
  } = {
    kind: "open",
  };

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#kept = options.beginning === undefined ? [] : [options.beginning];
    this.signal = options.signal;
    this.ended = this.#end.promise;
    // Whoever wants to know awaits it.
    this.ended.catch(() => {});
  }

  stream(options: ReadOptions = {}): ReadableStream<Uint8Array> {
    if (this.#kept === undefined) {
      throw new TypeError("Cannot read the message: its beginning has been passed on already");
    }
    const reader = new Reader(this.#options, options, () => this.#readers.delete(reader));
    this.#readers.add(reader);
    reader.begin(this.#kept);
    const { signal } = options;
    signal?.addEventListener("abort", () => reader.fail(signal.reason));
    if (signal?.aborted) reader.fail(signal.reason);
    if (this.#state.kind === "failed") reader.fail(this.#state.error);
    if (this.#state.kind === "ended") reader.end();
    return reader.stream;
  }

  /**
   * Gives every reader the next octets. What has come is kept for further readers until `release`.
   *
   * @returns When the slowest has taken them, or has been given up, and they are needed no more;
   * undefined where that is so already. Until then nothing else may be given.
   */
  give(octets: Uint8Array): Promise<void> | undefined {
    this.#kept?.push(octets.slice());
    let slow: Promise<void>[] | undefined;
    for (const reader of [...this.#readers]) {
      const taken = reader.give(octets);
      if (taken !== undefined) (slow ??= []).push(taken);
    }
    return slow && Promise.all(slow).then(() => {});
  }

  /** Nobody else will read it from the beginning: that is forgotten. */
  release(): void {
    this.#kept = undefined;
  }

  /** It is complete. */
  end(): void {
    if (this.#state.kind !== "open") return;
    this.#state = { kind: "ended" };
    for (const reader of [...this.#readers]) reader.end();
    this.#end.resolve();
  }

  /** It is not going to be complete: every reader fails. */
  fail(error: unknown = new Incomplete()): void {
    if (this.#state.kind !== "open") return;
    this.#state = { kind: "failed", error };
    for (const reader of [...this.#readers]) reader.fail(error);
    this.#end.reject(error);
  }
}

/** One reader and what waits for it. */
class Reader {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #feed: FeedOptions;
  readonly #limit: number;
  readonly #failed: ((error: unknown) => void) | undefined;
  readonly #left: () => void;
  #controller!: ReadableByteStreamController;
  /** What waits, in memory of its own. */
  readonly #waiting = new HeldOctets();
  /** What waits behind it, where it lies: whoever gave it waits, too. */
  #given: Uint8Array = EMPTY;
  #taken: (() => void) | undefined;
  /** Until more of it has been read. */
  #patience: Deadline | undefined;
  #total = 0;
  #ended = false;
  #over = false;
  #wanted = false;

  constructor(feed: FeedOptions, { limit = Infinity, failed }: ReadOptions, left: () => void) {
    this.#feed = feed;
    this.#limit = limit;
    this.#failed = failed;
    this.#left = left;
    this.stream = new ReadableStream({
      // Whoever brings memory to read into makes no garbage.
      type: "bytes",
      start: (controller) => void (this.#controller = controller),
      pull: () => {
        this.#wanted = true;
        this.#pass();
      },
      cancel: () => this.#leave(),
    });
  }

  /** Takes what is here already, and is not given again, however much that is. */
  begin(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) if (this.#may(piece)) this.#waiting.append(piece);
  }

  /** @returns When they are needed no more; undefined where that is so already. */
  give(octets: Uint8Array): Promise<void> | undefined {
    if (!this.#may(octets)) return;
    this.#given = octets;
    this.#pass();
    if (this.#given.length > 0) return new Promise((resolve) => this.#taken = resolve);
  }

  end(): void {
    this.#ended = true;
    this.#pass();
  }

  fail(error: unknown): void {
    if (this.#over) return;
    this.#controller.error(error);
    this.#leave();
    this.#failed?.(error);
  }

  /** Counts what is to be read. */
  #may(octets: Uint8Array): boolean {
    this.#total += octets.length;
    if (this.#total > this.#limit) this.fail(new TooMuch(this.#limit));
    return !this.#over;
  }

  get #there(): number {
    return this.#waiting.length + this.#given.length;
  }

  #pass(): void {
    if (this.#wanted && this.#there > 0) this.#hand();
    if (this.#given.length > 0 && this.#there > WAITING) this.#wait();
    else this.#goOn();
    if (this.#ended && !this.#over && this.#there === 0) {
      const { byobRequest } = this.#controller;
      this.#controller.close();
      byobRequest?.respond(0);
      this.#leave();
    }
  }

  #hand(): void {
    this.#wanted = false;
    const request = this.#controller.byobRequest;
    const view = request?.view;
    const memory = view
      ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
      : new Uint8Array(Math.min(this.#there, WAITING));
    const waited = this.#waiting.moveTo(memory);
    const direct = this.#given.subarray(0, memory.length - waited);
    memory.set(direct, waited);
    this.#given = this.#given.subarray(direct.length);
    // The next read may follow before these return.
    if (view) request!.respond(waited + direct.length);
    else this.#controller.enqueue(memory);
  }

  /** There is no room for what is left of it. */
  #wait(): void {
    const { clock, patience } = this.#feed;
    this.#patience ??= new Deadline(clock);
    this.#patience.start(
      patience,
      () => this.fail(new TimeoutError("a filter to read the message", patience)),
    );
  }

  /** Takes what is left of it, if anything is: whoever gave it may go on. */
  #goOn(): void {
    if (!this.#over) this.#waiting.append(this.#given);
    this.#given = EMPTY;
    this.#patience?.stop();
    this.#taken?.();
    this.#taken = undefined;
  }

  #leave(): void {
    this.#over = true;
    this.#waiting.free();
    this.#goOn();
    this.#patience?.close();
    this.#left();
  }
}
