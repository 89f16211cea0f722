/**
 * BDAT (RFC 3030 §2): a message in chunks of stated size, each with its reply.
 *
 * @module
 */

import { Reply } from "../rfc5321/reply.ts";
import { BdatReceiver } from "../stages/bdat_receiver.ts";
import { NewlineGuard } from "../stages/newline_guard.ts";
import { dataFaults, Draining, type Receiver } from "./message.ts";
import { openMessage } from "./opening.ts";
import { answerMessage } from "./recipient_replies.ts";
import type { ReplyName } from "./replies.ts";
import type { Handler } from "./handler.ts";
import type { Session } from "./session.ts";
import type { MessageInChunks } from "./transaction.ts";
import { Transfer } from "./transfer.ts";

/** See the module. */
export const bdat: Handler<"BDAT"> = {
  async obey(session, { size, last }, next) {
    const transaction = session.transaction!;
    if (transaction.message === undefined) {
      const opened = await openMessage(session, transaction, "content");
      const refused = opened instanceof Reply;
      // The client's transaction ends with a refused chunk; the upstream has to be told of it.
      if (refused) await session.resetUpstream(transaction);
      const receiver = refused ? new Draining(opened) : opened.receiver;
      transaction.message = new ChunkedMessage(session, receiver);
    }
    const { message } = transaction;
    await message.chunk(size);
    if (!last && message.refusal === undefined) {
      session.state = next;
      return session.answer("BDAT", "chunk");
    }
    // RFC 3030 §2: a refused chunk is the end of the message; what the client has sent behind it
    // meets a session without a transaction and is read away there.
    if (message.refusal === undefined) session.asked();
    const reply = message.refusal ?? await message.finish();
    session.state = message.refusal === undefined ? "ready" : "refused";
    answerMessage(session, "BDAT", reply, last);
  },

  swallow(session, { size }) {
    const { badSequence } = session.settings.replies;
    return new ChunkedMessage(session, new Draining(badSequence)).chunk(size);
  },
};

/** A message that comes chunk by chunk. */
export class ChunkedMessage implements MessageInChunks {
  readonly #session: Session;
  readonly #transfer: Transfer;
  /** Absent where newlines are data: BODY=BINARYMIME (RFC 3030 §3). */
  readonly #guard: NewlineGuard | undefined;
  #receiver: Receiver;
  #octets = 0;

  constructor(session: Session, receiver: Receiver) {
    this.#session = session;
    this.#receiver = receiver;
    this.#transfer = new Transfer(session);
    if (session.transaction?.original.parameters.body !== "BINARYMIME") {
      this.#guard = new NewlineGuard({ bareNewline: session.settings.bareNewline });
    }
  }

  /** The reply that the message will get whatever follows. */
  get refusal(): Reply | undefined {
    return this.#receiver.refusal;
  }

  /** Takes one chunk to its last octet, even where nobody wants it any more. */
  async chunk(size: number): Promise<void> {
    const framer = new BdatReceiver(size);
    while (framer.remaining > 0) {
      await this.#transfer.more();
      for (const octets of this.#transfer.take(framer)) {
        this.#octets += octets.length;
        await this.#forward(this.#guarded(octets));
      }
    }
    const fault = this.#fault();
    if (fault !== undefined && this.refusal === undefined) {
      this.#receiver = new Draining(await this.#receiver.finish(this.#octets, fault));
    }
  }

  /** The last chunk has been taken. */
  async finish(): Promise<Reply> {
    const rest: Uint8Array[] = [];
    this.#guard?.flush({ enqueue: (piece) => void rest.push(piece) });
    await this.#forward(rest);
    return await this.#receiver.finish(this.#octets, this.#fault());
  }

  /** The client is gone or has thought better of it. */
  cancel(): Promise<void> {
    return this.#receiver.cancel();
  }

  #guarded(octets: Uint8Array): Uint8Array[] {
    if (this.#guard === undefined) return [octets];
    const pieces: Uint8Array[] = [];
    this.#guard.transform(octets, { enqueue: (piece) => void pieces.push(piece) });
    return pieces;
  }

  async #forward(pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) this.#receiver = await this.#receiver.take(piece, this.#octets);
  }

  #fault(): ReplyName | undefined {
    const fault = this.#guard?.fault;
    return fault && dataFaults[fault];
  }
}
