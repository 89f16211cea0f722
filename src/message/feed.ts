/**
 * One message for several readers: each reads at its own pace, and none of them is given more to hold
 * than so many octets. The platform's `tee` holds without a bound whatever the slower one has not read.
 *
 * @module
 */

import { concat, EMPTY } from "../bytes.ts";
import { type Clock, within } from "../clock.ts";
import { type Deferred, deferred } from "../deferred.ts";
import type { Message, ReadOptions } from "./message.ts";

/** Octets that wait for a reader at most; then the message waits for it. */
const WAITING = 65_536;

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
}

/** See the module. Whoever feeds it ends it by `end` or `fail`. */
export class Feed implements Message {
  readonly ended: Promise<void>;
  readonly signal: AbortSignal;
  readonly #options: FeedOptions;
  readonly #readers = new Set<Reader>();
  readonly #end = deferred<void>();
  /** What has come so far, while it can still be read from the beginning. */
  #kept: Uint8Array[] | undefined = [];
  #state: { readonly kind: "open" | "ended" } | {
    readonly kind: "failed";
    readonly error: unknown;
  } = {
    kind: "open",
  };

  constructor(options: FeedOptions) {
    this.#options = options;
    this.signal = options.signal;
    this.ended = this.#end.promise;
    // Whoever wants to know awaits it.
    this.ended.catch(() => {});
  }

  stream(
    { limit = Infinity, failed = () => {}, signal }: ReadOptions = {},
  ): ReadableStream<Uint8Array> {
    if (this.#kept === undefined) {
      throw new TypeError("Cannot read the message: its beginning has been passed on already");
    }
    const reader = new Reader(limit, failed, () => this.#readers.delete(reader));
    this.#readers.add(reader);
    // However much that is: it is here already, and is not given again.
    reader.give(concat(this.#kept), Infinity);
    signal?.addEventListener("abort", () => reader.fail(signal.reason));
    if (signal?.aborted) reader.fail(signal.reason);
    if (this.#state.kind === "failed") reader.fail(this.#state.error);
    if (this.#state.kind === "ended") reader.end();
    return reader.stream;
  }

  /**
   * Gives every reader a copy of the next octets. What has come is kept for further readers until
   * `release`.
   *
   * @returns When the slowest has taken them, or has been given up, and they are needed no more;
   * undefined where that is so already.
   */
  give(octets: Uint8Array): Promise<void> | undefined {
    this.#kept?.push(octets.slice());
    let slow: Promise<void>[] | undefined;
    for (const reader of [...this.#readers]) {
      const taken = reader.give(octets);
      if (taken < octets.length) (slow ??= []).push(this.#rest(reader, octets.subarray(taken)));
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

  async #rest(reader: Reader, octets: Uint8Array): Promise<void> {
    const { clock, patience } = this.#options;
    for (let at = 0; at < octets.length; at += reader.give(octets.subarray(at))) {
      await within(clock, patience, "a filter to read the message", reader.room())
        .catch((error) => reader.fail(error));
    }
  }
}

/** One reader and what waits for it. */
class Reader {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #limit: number;
  readonly #failed: (error: unknown) => void;
  readonly #left: () => void;
  #controller!: ReadableByteStreamController;
  /** What waits: so many octets, from the beginning of the memory. */
  #memory: Uint8Array = EMPTY;
  #waiting = 0;
  #total = 0;
  #ended = false;
  #over = false;
  #wanted = false;
  #roomy: Deferred<void> | undefined;

  constructor(limit: number, failed: (error: unknown) => void, left: () => void) {
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

  /** Resolves when there is room, or nobody reads any more. */
  async room(): Promise<void> {
    if (this.#over || this.#waiting < WAITING) return;
    this.#roomy ??= deferred();
    await this.#roomy.promise;
  }

  /**
   * @param most Octets that may wait.
   * @returns How many of them it needs no more.
   */
  give(octets: Uint8Array, most: number = WAITING): number {
    if (this.#over) return octets.length;
    if (this.#total + octets.length > this.#limit) {
      this.fail(new TooMuch(this.#limit));
      return octets.length;
    }
    const taken = octets.subarray(0, Math.max(0, most - this.#waiting));
    this.#total += taken.length;
    this.#reserve(this.#waiting + taken.length);
    this.#memory.set(taken, this.#waiting);
    this.#waiting += taken.length;
    this.#pass();
    return taken.length;
  }

  end(): void {
    this.#ended = true;
    this.#pass();
  }

  fail(error: unknown): void {
    if (this.#over) return;
    this.#controller.error(error);
    this.#leave();
    this.#failed(error);
  }

  #reserve(length: number): void {
    if (length <= this.#memory.length) return;
    const larger = new Uint8Array(Math.max(length, Math.min(WAITING, 2 * this.#memory.length)));
    larger.set(this.#memory.subarray(0, this.#waiting));
    this.#memory = larger;
  }

  #pass(): void {
    if (this.#over) return;
    if (this.#wanted && this.#waiting > 0) {
      this.#wanted = false;
      this.#hand(this.#controller.byobRequest);
      this.#roomy?.resolve();
      this.#roomy = undefined;
    }
    if (this.#ended && this.#waiting === 0) {
      const { byobRequest } = this.#controller;
      this.#controller.close();
      byobRequest?.respond(0);
      this.#leave();
    }
  }

  #hand(request: ReadableStreamBYOBRequest | null): void {
    const waiting = this.#memory.subarray(0, this.#waiting);
    const view = request?.view;
    if (!view) {
      this.#waiting = 0;
      this.#controller.enqueue(waiting.slice());
      return;
    }
    const octets = waiting.subarray(0, view.byteLength);
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(octets);
    this.#memory.copyWithin(0, octets.length, this.#waiting);
    this.#waiting -= octets.length;
    request!.respond(octets.length);
  }

  #leave(): void {
    this.#over = true;
    this.#memory = EMPTY;
    this.#waiting = 0;
    this.#roomy?.resolve();
    this.#roomy = undefined;
    this.#left();
  }
}
