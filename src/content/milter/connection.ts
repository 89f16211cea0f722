/**
 * A connection to a milter, from the negotiation to the goodbye.
 *
 * @module
 */

import { concat } from "../../bytes.ts";
import { TimeoutError } from "../../clock.ts";
import { type Answer, readAnswer } from "./answer.ts";
import { ABORT, type Command, macrosPacket, QUIT } from "./commands.ts";
import { type Macros, macrosAt } from "./macros.ts";
import { type Agreement, offer, readAgreement } from "./negotiation.ts";
import { packet } from "./packet.ts";
import { PacketChannel, type Reach } from "./packet_channel.ts";

/** Octets that are gathered while the milter answers nothing. */
const GATHERED = 65_536;

/** What a connection is told. */
export interface ConnectionOptions extends Reach {
  /** Milliseconds for one answer, however often the milter says that it is still at work. */
  readonly progressLimit: number;
}

/** See the module. Whoever opens it closes it; after a failure nothing else can be done with it. */
export class MilterConnection {
  readonly #channel: PacketChannel;
  readonly #options: ConnectionOptions;
  /** What it is told together with the next command. */
  #gathered: Uint8Array[] = [];
  #octets = 0;

  private constructor(
    channel: PacketChannel,
    /** What it wants to be told, and may do. */
    readonly agreement: Agreement,
    options: ConnectionOptions,
  ) {
    this.#channel = channel;
    this.#options = options;
  }

  /** @throws {ChannelError | TimeoutError | MilterFault} */
  static async open(options: ConnectionOptions): Promise<MilterConnection> {
    const channel = await PacketChannel.open(options);
    try {
      await channel.send(offer());
      const agreement = readAgreement(await channel.next("its part of the negotiation"));
      return new MilterConnection(channel, agreement, options);
    } catch (error) {
      channel.close();
      throw error;
    }
  }

  /** Whether the milter wants to be told of it. */
  wants({ unwanted }: Command): boolean {
    return (this.agreement.steps & unwanted) === 0;
  }

  /**
   * Tells a milter something, and waits for its answer where it gives one.
   *
   * @throws {ChannelError | TimeoutError | MilterFault}
   */
  async tell(
    command: Command,
    data: readonly Uint8Array[] = [],
    known: Macros = {},
  ): Promise<Answer> {
    if (!this.wants(command)) return { kind: "continue" };
    const { macros } = command;
    if (macros !== undefined) {
      const told = macrosAt(macros, this.agreement.macros[macros], known);
      if (told.length > 0) this.#gather(macrosPacket(command, told));
    }
    this.#gather(packet(command.code, ...data));
    const unanswered = (this.agreement.steps & command.unanswered) !== 0;
    if (!unanswered || this.#octets >= GATHERED) await this.#send();
    return unanswered ? { kind: "continue" } : await this.answer(command);
  }

  /**
   * The milter's next answer to what it has been told.
   *
   * @throws {ChannelError | TimeoutError | MilterFault}
   */
  async answer({ name }: Command): Promise<Answer> {
    const { clock, progressLimit } = this.#options;
    const began = clock.monotonic();
    for (;;) {
      const answer = readAnswer(await this.#channel.next(`its answer to ${name}`), this.agreement);
      if (answer.kind !== "progress") return answer;
      if (clock.monotonic() - began >= progressLimit) {
        throw new TimeoutError(`the milter to finish its work at ${name}`, progressLimit);
      }
    }
  }

  /** Whatever it has been told of a message is void. */
  abort(): void {
    // Where it wants to be told of little, a client could make many of them wait.
    if (this.#gathered.at(-1) !== ABORT) this.#gather(ABORT);
  }

  /** Says goodbye and closes. Never throws. */
  async quit(): Promise<void> {
    this.#gather(QUIT);
    // It may be gone already.
    await this.#send().catch(() => {});
    this.close();
  }

  /** Idempotent. */
  close(): void {
    this.#channel.close();
  }

  #gather(octets: Uint8Array): void {
    this.#gathered.push(octets);
    this.#octets += octets.length;
  }

  async #send(): Promise<void> {
    const gathered = this.#gathered;
    this.#gathered = [];
    this.#octets = 0;
    await this.#channel.send(gathered.length === 1 ? gathered[0] : concat(gathered));
  }
}
