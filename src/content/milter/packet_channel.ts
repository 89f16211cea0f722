/**
 * A channel that carries packets, each wait for the milter bounded in time.
 *
 * @module
 */

import type { Channel, Dialer, Target } from "../../channel.ts";
import { type Clock, TimeoutError } from "../../clock.ts";
import { Deadline } from "../../deadline.ts";
import { MilterFault, type Packet, PacketSplitter } from "./packet.ts";

/** How a milter is reached. */
export interface Reach {
  /** Where it listens. */
  readonly target: Target;
  /** Opens the connection. */
  readonly dialer: Dialer;
  /** Times the waits. */
  readonly clock: Clock;
  /** Milliseconds for the milter to say something, or to take what it is told. */
  readonly timeLimit: number;
}

/** See the module. Whoever opens it closes it; after a failure nothing else can be done with it. */
export class PacketChannel {
  readonly #channel: Channel;
  readonly #timeLimit: number;
  readonly #deadline: Deadline;
  readonly #splitter = new PacketSplitter();
  readonly #packets: Packet[] = [];
  /** Why it was closed from here. */
  #late: TimeoutError | undefined;

  private constructor(channel: Channel, { clock, timeLimit }: Reach) {
    this.#channel = channel;
    this.#timeLimit = timeLimit;
    this.#deadline = new Deadline(clock);
  }

  /** @throws {ChannelError | TimeoutError} If nobody is there. */
  static async open(reach: Reach): Promise<PacketChannel> {
    const { target, dialer, clock, timeLimit } = reach;
    const attempt = new AbortController();
    const late = new TimeoutError("the connection to the milter", timeLimit);
    const timer = clock.after(timeLimit, () => attempt.abort(late));
    try {
      return new PacketChannel(await dialer.connect(target, attempt.signal), reach);
    } finally {
      timer.cancel();
    }
  }

  /** @throws {ChannelError | TimeoutError | MilterFault} */
  async send(octets: Uint8Array): Promise<void> {
    // It would pass for the answer to what is told now.
    if (this.#packets.length > 0) throw new MilterFault("found an answer to nothing");
    await this.#inTime("the milter to take what it is told", this.#channel.write(octets));
  }

  /**
   * The milter's next packet.
   *
   * @param waitedFor For errors.
   * @throws {ChannelError | TimeoutError | MilterFault}
   */
  async next(waitedFor: string): Promise<Packet> {
    const out = { enqueue: (packet: Packet): void => void this.#packets.push(packet) };
    while (this.#packets.length === 0) {
      const octets = await this.#inTime(waitedFor, this.#channel.read());
      if (octets === undefined) {
        this.#splitter.flush();
        throw new MilterFault(`found the end of the connection, waiting for ${waitedFor}`);
      }
      this.#splitter.transform(octets, out);
    }
    return this.#packets.shift()!;
  }

  /** Idempotent. */
  close(): void {
    this.#deadline.close();
    this.#channel.close();
  }

  async #inTime<T>(waitedFor: string, work: Promise<T>): Promise<T> {
    this.#deadline.start(this.#timeLimit, () => {
      this.#late = new TimeoutError(waitedFor, this.#timeLimit);
      this.close();
    });
    try {
      return await work;
    } catch (error) {
      throw this.#late ?? error;
    } finally {
      this.#deadline.stop();
    }
  }
}
