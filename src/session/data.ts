/**
 * DATA (RFC 5321 §4.1.1.4).
 *
 * @module
 */

import { Reply } from "../rfc5321/reply.ts";
import { DotUnstuffer } from "../stages/dot_unstuffer.ts";
import type { Handler } from "./handler.ts";
import { dataFaults } from "./message.ts";
import { type Opening, openMessage } from "./opening.ts";
import { answerMessage } from "./recipient_replies.ts";
import type { Session } from "./session.ts";
import { when } from "../soon.ts";
import { Transfer } from "./transfer.ts";

/** See the module. */
export const data: Handler<"DATA"> = {
  obey(session, _command, next) {
    const transaction = session.transaction!;
    // RFC 3030 §3: BINARYMIME comes by BDAT only.
    if (transaction.original.parameters.body === "BINARYMIME") {
      return session.fault("DATA", "badSequence");
    }
    // RFC 2920 §3.1: DATA is the last of its group. What stands behind it was sent without knowing
    // whether it would be mail data or commands, so it can be neither.
    if (session.input.buffered > 0) throw session.dismissal("dataSynchronization");
    return when(openMessage(session, transaction, "stuffed"), async (opened) => {
      if (opened instanceof Reply) {
        transaction.refuse("data", opened);
        // Without its connection there is nothing that could go on.
        if (transaction.link?.open === false) {
          session.conclude(transaction.endWithout("broken"));
          session.state = "refused";
        }
        return session.answer("DATA", opened);
      }
      transaction.forgive();
      session.answer("DATA", opened.reply ?? "startMailInput");
      session.replies.flush();
      const reply = await receive(session, opened);
      session.state = next;
      answerMessage(session, "DATA", reply);
    });
  },
};

async function receive(session: Session, opened: Opening): Promise<Reply> {
  const framer = new DotUnstuffer({
    keepStuffing: opened.form === "stuffed",
    bareNewline: session.settings.bareNewline,
  });
  const transfer = new Transfer(session);
  let { receiver } = opened;
  try {
    for (;;) {
      const more = transfer.more();
      if (more !== undefined) await more;
      const events = opened.form === "content"
        ? transfer.takeJoined(framer)
        : transfer.take(framer);
      const last = events.at(-1);
      // Once the end has been read, the framer counts the next message.
      const total = last === undefined || last instanceof Uint8Array ? framer.octets : last.octets;
      for (const [nth, event] of events.entries()) {
        if (event instanceof Uint8Array) {
          const sound = last !== undefined && !(last instanceof Uint8Array) && !last.fault;
          const isLast = sound && nth === events.length - 2;
          const next = receiver.take(event, total, isLast);
          receiver = next instanceof Promise ? await next : next;
        } else {
          session.asked();
          return await receiver.finish(event.octets, event.fault && dataFaults[event.fault]);
        }
      }
    }
  } catch (error) {
    // The end of the session waits for it, and not for long.
    session.transaction!.undoing = receiver.cancel().catch((fault) => void session.mishap(fault));
    throw error;
  }
}
