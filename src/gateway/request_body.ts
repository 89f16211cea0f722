/**
 * The octets of a request as they come, and no sooner than somebody wants them: the HTTP client is
 * held back by whoever reads here.
 *
 * @module
 */

import { type Clock, TimeoutError, within } from "../clock.ts";
import { messageOf } from "../errors.ts";
import { defaultTimeouts } from "../options.ts";
import { RequestFault } from "./request_fault.ts";

/** Milliseconds for all of it; of a message, the session has a limit of its own. */
const TRANSFER = defaultTimeouts.transfer;

/** See the module. To be cancelled in the end, however it ended. */
export class RequestBody {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #clock: Clock;
  readonly #patience: number;
  /** By the clock's `monotonic`. */
  readonly #end: number;

  /**
   * Locks the stream.
   *
   * @param patience Milliseconds for the next octets.
   */
  constructor(stream: ReadableStream<Uint8Array> | null, clock: Clock, patience: number) {
    this.#reader = stream?.getReader();
    this.#clock = clock;
    this.#patience = patience;
    this.#end = clock.monotonic() + TRANSFER;
  }

  /**
   * The octets, once.
   *
   * @throws {RequestFault} If they do not come, or not to their end.
   */
  async *octets(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const octets = await this.#next();
      if (octets === undefined) return;
      if (octets.length > 0) yield octets;
    }
  }

  /** Wants no more; whoever sends may be gone. */
  cancel(): void {
    this.#reader?.cancel().catch(() => {});
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#reader === undefined) return undefined;
    try {
      const left = Math.max(0, this.#end - this.#clock.monotonic());
      const wait = Math.min(this.#patience, left);
      const reading = this.#reader.read();
      return (await within(this.#clock, wait, "octets of a request", reading)).value;
    } catch (cause) {
      if (cause instanceof TimeoutError) {
        const text = `Cannot read the message: nothing came for ${cause.milliseconds} ms`;
        throw new RequestFault(408, "too-slow", text, { cause });
      }
      const text = `Cannot read the message to its end: ${messageOf(cause)}`;
      throw new RequestFault(400, "cut-off", text, { cause });
    }
  }
}
