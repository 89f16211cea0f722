/**
 * One message told to a milter while it comes, and what the milter makes of it at its end.
 *
 * @module
 */

import type { HeaderEdit, HeaderSection } from "../../message/header_section.ts";
import type { Message } from "../../message/message.ts";
import type { Answer, Decision } from "./answer.ts";
import { COMMAND, headerData } from "./commands.ts";
import type { MilterConnection } from "./connection.ts";
import type { Macros } from "./macros.ts";
import { MessageSplitter, type Piece } from "./message_splitter.ts";
import { MilterFault } from "./packet.ts";

/** Changes of one message, and their octets in all. */
const MOST_EDITS = 1_000;
const MOST_OCTETS = 1_048_576;

/** What has been decided upon a message. */
export interface Outcome {
  readonly decision: Decision;
  /** The milter has been told of its end. */
  readonly ended: boolean;
  /** Changes of its header section, in their order. */
  readonly edits: readonly HeaderEdit[];
  /** It is to be held for somebody to look at. */
  readonly quarantined: boolean;
}

/** What is told in the place of a message's first octets, because the policy has changed them. */
export interface Beginning {
  readonly octets: readonly Uint8Array[];
  /** Octets of the message that it stands for. */
  readonly insteadOf: number;
}

/**
 * The beginning as the upstream gets it.
 *
 * @param came The header section, or as much of it as the window holds.
 * @param complete Whether that is all of it.
 * @param edited The same after the edits of the phase `headers`.
 */
export function beginningOf(
  came: HeaderSection,
  complete: boolean,
  edited: HeaderSection,
): Beginning {
  // Its end has not come: nothing changes it, and it is told with what follows.
  const cut = complete ? undefined : came.fields.at(-1);
  const whole = came.fields.filter((field) => field !== cut);
  return {
    octets: edited.fields.filter((field) => field !== cut).map(({ octets }) => octets),
    insteadOf: whole.reduce((sum, { octets }) => sum + octets.length, 0),
  };
}

/** The message could not be told to its end, which is no fault of the milter's. */
export class Untold {
  /** @param cause What the message, or the reading of it, has failed with. */
  constructor(readonly cause: unknown) {}
}

/** See the module. For one message. */
export class Telling {
  readonly #connection: MilterConnection;
  readonly #known: Macros;
  /** Whether it still wants what belongs to the header section, and to the body. */
  #header: boolean;
  #body: boolean;

  constructor(connection: MilterConnection, known: Macros) {
    this.#connection = connection;
    this.#known = known;
    this.#header = connection.wants(COMMAND.header) || connection.wants(COMMAND.endOfHeaders);
    this.#body = connection.wants(COMMAND.body);
  }

  /**
   * Tells it, and waits for the decision.
   *
   * @throws {ChannelError | TimeoutError | MilterFault | Untold}
   */
  async tell(message: Message, beginning: Beginning): Promise<Outcome> {
    for await (const piece of read(message, beginning, () => this.#header || this.#body)) {
      const answer = await this.#tellPiece(piece);
      switch (answer.kind) {
        case "continue":
          break;
        case "skip":
          if (piece.kind === "body") this.#body = false;
          break;
        case "accept":
        case "discard":
        case "refuse":
          return { decision: answer, ended: false, edits: [], quarantined: false };
        default:
          throw new MilterFault("found a change of the message before its end");
      }
    }
    return await this.#end();
  }

  async #tellPiece(piece: Piece): Promise<Answer> {
    const connection = this.#connection;
    switch (piece.kind) {
      case "field":
        return await connection.tell(COMMAND.header, headerData(piece.field, connection.agreement));
      case "endOfHeaders":
        this.#header = false;
        return await connection.tell(COMMAND.endOfHeaders, [], this.#known);
      case "body":
        if (!this.#body) return { kind: "continue" };
        return await connection.tell(COMMAND.body, [piece.octets]);
    }
  }

  async #end(): Promise<Outcome> {
    const connection = this.#connection;
    const edits: HeaderEdit[] = [];
    let octets = 0;
    let quarantined = false;
    let answer = await connection.tell(COMMAND.endOfMessage, [], this.#known);
    for (;; answer = await connection.answer(COMMAND.endOfMessage)) {
      switch (answer.kind) {
        case "edit":
          edits.push(answer.edit);
          octets += answer.edit.kind === "remove" ? 0 : answer.edit.value.length;
          break;
        case "quarantine":
          quarantined = true;
          break;
        case "skip":
          throw new MilterFault("it wants to skip what follows the end of the message");
        default:
          return { decision: answer, ended: true, edits, quarantined };
      }
      if (edits.length > MOST_EDITS || octets > MOST_OCTETS) {
        throw new MilterFault(
          `found ${edits.length} changes of ${octets} octets, ` +
            `allowed are ${MOST_EDITS} of ${MOST_OCTETS}`,
        );
      }
    }
  }
}

/**
 * The pieces of a message, as long as they are wanted; it ends when the message does.
 *
 * @throws {Untold}
 */
async function* read(
  message: Message,
  { octets, insteadOf }: Beginning,
  wanted: () => boolean,
): AsyncGenerator<Piece> {
  const reader = message.stream().getReader();
  const splitter = new MessageSplitter();
  const pieces: Piece[] = [];
  const out = { enqueue: (piece: Piece): void => void pieces.push(piece) };
  const leave = (): Promise<void> => reader.cancel().catch(() => {});
  let passedOver = 0;
  try {
    for (const piece of octets) splitter.transform(piece, out);
    while (wanted()) {
      const { done, value } = await reader.read();
      if (done) splitter.flush(out);
      else {
        splitter.transform(value.subarray(insteadOf - passedOver), out);
        passedOver = Math.min(insteadOf, passedOver + value.length);
      }
      yield* pieces.splice(0);
      if (done) break;
    }
    // Nobody waits for a reader that has seen enough.
    await leave();
    await message.ended;
  } catch (cause) {
    throw new Untold(cause);
  } finally {
    await leave();
  }
}
