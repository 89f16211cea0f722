/**
 * What a client is told about its message: one reply, or in LMTP one for each recipient that RCPT has
 * accepted, in their order, each as soon as it is known (RFC 2033 §4.2, §5).
 *
 * @module
 */

import { deferred } from "../deferred.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { Recipient } from "./facts.ts";
import type { Session } from "./session.ts";
import type { Transaction } from "./transaction.ts";
import { worst } from "./worst.ts";

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  /** Recipients upstream that the one of the client has become. */
  count: number;
  /** Those of them that are known. */
  readonly replies: Reply[];
}

/** The replies to one message that has been handed over, in LMTP. */
export class RecipientReplies {
  readonly #waiting = new Map<Recipient, Waiting>();

  /** Queues all of them. `end` has to be called. */
  constructor(session: Session, transaction: Transaction) {
    const verb = transaction.message === undefined ? "DATA" : "BDAT";
    for (const recipient of transaction.accepted) {
      const { promise, resolve } = deferred<Reply>();
      this.#waiting.set(recipient, { resolve, count: 0, replies: [] });
      session.answer(verb, promise);
    }
    for (const source of transaction.sources) {
      const waiting = this.#waiting.get(source);
      if (waiting !== undefined) waiting.count++;
    }
    for (const { count, resolve } of this.#waiting.values()) {
      // Nobody upstream is to get what it would: a policy has it discarded.
      if (count === 0) resolve(session.settings.replies.ok);
    }
  }

  /** The upstream has answered for one of those that a recipient of the client has become. */
  heard(source: Recipient, reply: Reply): void {
    const waiting = this.#waiting.get(source);
    // RCPT was refused to the client because of another of them.
    if (waiting === undefined) return;
    waiting.replies.push(reply);
    if (waiting.replies.length === waiting.count) waiting.resolve(worst(waiting.replies));
  }

  /** Nothing more will be heard: this holds for all the others. */
  end(reply: Reply): void {
    for (const { resolve, replies } of this.#waiting.values()) resolve(worst([...replies, reply]));
  }
}

/**
 * Ends the transaction, and tells the client what has become of its message.
 *
 * @param last Not where it was refused in a chunk before its last: that has one reply (RFC 2033 §4.3).
 */
export function answerMessage(
  session: Session,
  verb: "DATA" | "BDAT",
  reply: Reply,
  last: boolean = true,
): void {
  const transaction = session.transaction!;
  session.conclude(transaction.endWith(reply));
  if (transaction.replies !== undefined) return;
  const count = session.at.protocol === "lmtp" && last ? transaction.accepted.length : 1;
  for (let nth = 0; nth < count; nth++) session.answer(verb, reply);
}
