/**
 * What is said to a server: in its order, with one write under way at a time.
 *
 * @module
 */

import type { Channel } from "../../channel.ts";
import { type Clock, TimeoutError } from "../../clock.ts";
import { Deadline } from "../../deadline.ts";
import { type Deferred, deferred } from "../../deferred.ts";
import { Scratch } from "../../scratch.ts";
import type { Soon } from "../../soon.ts";

/** What is done then is done when all that can be said now has been said. */
const turn = Promise.resolve();

/** Who says it. */
interface Speaker {
  /** What has gathered leaves now, by the clock's `monotonic`. */
  readonly leaves: (now: number) => void;
  /** It could not be written. */
  readonly lost: (error: unknown) => void;
}

/** See the module. */
export class Outgoing {
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #speaker: Speaker;
  /** What leaves with the next write, and what the one under way reads. */
  #gathered = new Scratch();
  #leaving = new Scratch();
  #writing = false;
  /** Settled when nothing is left to be written; made for whoever waits for that. */
  #written: Deferred<void> | undefined;
  readonly #deadline: Deadline;

  /** @param limit Milliseconds for one write. */
  constructor(channel: Channel, clock: Clock, limit: number, speaker: Speaker) {
    this.#channel = channel;
    this.#clock = clock;
    this.#limit = limit;
    this.#speaker = speaker;
    this.#deadline = new Deadline(clock);
  }

  /** Something has been said that has not begun to leave. */
  get waits(): boolean {
    return this.#gathered.length > 0;
  }

  /** Is there, or comes, when all that was said has left; where it could not, as well. */
  get written(): Soon<void> {
    if (!this.#writing && !this.waits) return undefined;
    this.#written ??= deferred();
    return this.#written.promise;
  }

  /** Says a line: all that is said in one turn leaves in one write. */
  line(text: string): void {
    this.#gather();
    this.#gathered.text(text).text("\r\n");
  }

  /** The same with octets, whose memory is ours from then on. */
  push(octets: Scratch): void {
    this.#gather();
    if (!this.waits) this.#gathered = octets;
    else {
      this.#gathered.add(octets.octets);
      octets.free();
    }
  }

  /** Writes octets as they stand; all that was said must have left. Never rejects. */
  write(octets: Uint8Array, now: number = this.#clock.monotonic()): Promise<void> {
    this.#writing = true;
    this.#deadline.start(this.#limit, this.#unread, now);
    return this.#channel.write(octets).then(this.#left, this.#lost);
  }

  /** Nothing more is said, nor what has not begun to leave. */
  close(): void {
    this.#deadline.close();
    this.#gathered.free();
  }

  #gather(): void {
    if (!this.waits) void turn.then(this.#flush);
  }

  readonly #flush = (): void => {
    if (this.#writing) return;
    if (!this.waits) {
      this.#written?.resolve();
      this.#written = undefined;
      return;
    }
    const leaving = this.#gathered;
    this.#gathered = this.#leaving;
    this.#leaving = leaving;
    const now = this.#clock.monotonic();
    this.#speaker.leaves(now);
    void this.write(leaving.octets, now);
  };

  readonly #left = (): void => {
    this.#leaving.free();
    this.#ended();
  };

  /** Nobody knows who still reads what did not leave, so that its memory is not used again. */
  readonly #lost = (error: unknown): void => {
    this.#speaker.lost(error);
    this.#ended();
  };

  #ended(): void {
    this.#deadline.stop();
    this.#writing = false;
    this.#flush();
  }

  readonly #unread = (): void => {
    this.#speaker.lost(new TimeoutError("the upstream to read", this.#limit));
  };
}
