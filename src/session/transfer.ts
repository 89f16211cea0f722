/**
 * The octets of one message on their way in, under its time limits and in buffers that grow with
 * its speed.
 *
 * @module
 */

import { EMPTY } from "../bytes.ts";
import type { Framer } from "../stages/stage.ts";
import { SessionOver } from "./over.ts";
import type { Session } from "./session.ts";

const SMALL_READ = 4_096;
const LARGE_READ = 262_144;

/** Fewer pieces than this are not worth the memory into which they are put together. */
const MANY = 16;

/** See the module. One for each message, whatever its number of chunks. */
export class Transfer {
  readonly #session: Session;
  readonly #end: number;
  #size = SMALL_READ;
  /** Where pieces are put together. */
  #joined = EMPTY;

  constructor(session: Session) {
    this.#session = session;
    this.#end = session.askedAt + session.settings.timeouts.transfer;
  }

  /**
   * Makes sure that there is something to take, where there is nothing by and by.
   *
   * @throws {SessionOver} If the client has gone or the message has taken too long: a client that
   * sends an octet a minute would otherwise never time out.
   */
  more(): Promise<void> | void {
    if (this.#session.input.buffered === 0) return this.#fill();
  }

  async #fill(): Promise<void> {
    const { input, settings } = this.#session;
    const now = settings.clock.monotonic();
    const left = this.#end - now;
    if (left <= 0) throw this.#session.dismissal("transferTooLong");
    const wait = Math.min(left, settings.timeouts.data);
    if (!await input.fill(wait, "mail data", { size: this.#size, now })) {
      throw new SessionOver("vanished");
    }
    // A full buffer says that there is more; sizes in between would only be made and thrown away.
    if (input.buffered >= this.#size) this.#size = LARGE_READ;
  }

  /**
   * The same with the octets of a chunk in one piece: whoever thinks about each piece has fewer to
   * think about. What is no octets comes behind them, as it does in what a framer makes.
   */
  takeJoined<O>(framer: Framer<O | Uint8Array>): (O | Uint8Array)[] {
    const made = this.take(framer);
    const pieces = made.filter((one) => one instanceof Uint8Array);
    if (pieces.length < MANY) return made;
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (this.#joined.length < length) this.#joined = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      this.#joined.set(piece, at);
      at += piece.length;
    }
    const others = made.filter((one) => !(one instanceof Uint8Array));
    return [this.#joined.subarray(0, length), ...others];
  }

  /** What `framer` makes of the octets at hand; views are valid until `more`. */
  take<O>(framer: Framer<O>): O[] {
    const made: O[] = [];
    this.#session.input.take(framer, { enqueue: (one) => void made.push(one) });
    return made;
  }
}
