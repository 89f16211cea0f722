/**
 * Where mail data go, octet by octet: on to the upstream, or nowhere once the message has been
 * refused. A refused message is read to its true end all the same, because what follows it on the
 * wire must never be taken for commands.
 *
 * @module
 */

import type { Reply } from "../rfc5321/reply.ts";
import type { DataFault } from "../stages/data_scan.ts";
import type { ReplyName } from "./replies.ts";
import type { Soon } from "../soon.ts";
import type { Session } from "./session.ts";
import { SessionOver } from "./over.ts";
import type { Transaction } from "./transaction.ts";

/** What a client is told about each fault in mail data. */
export const dataFaults: Readonly<Record<DataFault, ReplyName>> = {
  "bare-cr": "bareNewlineInData",
  "bare-lf": "bareNewlineInData",
  "nul-dot": "nulBeforeDot",
};

/** A receiver of mail data; every call says who receives what comes next. */
export interface Receiver {
  /** The reply that the message will get whatever follows; `undefined` while it is open. */
  readonly refusal: Reply | undefined;
  /**
   * Takes octets in the body's form; they are valid only until it is done.
   *
   * @param total Octets of the message so far, as RFC 1870 §5 counts them.
   * @param last The end of mail data has been read behind them.
   */
  take(octets: Uint8Array, total: number, last?: boolean): Soon<Receiver>;
  /** The true end of mail data has come; `fault` names what was wrong on the way. */
  finish(total: number, fault?: ReplyName): Promise<Reply>;
  /** The client is gone: the upstream must never see an end. */
  cancel(): Promise<void>;
}

/** Reads away a message that has been refused. */
export class Draining implements Receiver {
  constructor(readonly refusal: Reply) {}

  take(): Receiver {
    return this;
  }

  finish(): Promise<Reply> {
    return Promise.resolve(this.refusal);
  }

  cancel(): Promise<void> {
    return Promise.resolve();
  }
}

/** Takes a message that nobody is to get, and says that it was taken. */
export class Discarding implements Receiver {
  /** It is open to its end. */
  readonly refusal: undefined;

  /** A receiver for one message. */
  constructor(readonly session: Session, readonly transaction: Transaction) {
    transaction.discarded = true;
  }

  /** Reads away. */
  take(_octets: Uint8Array, total: number): Receiver {
    const { limits, replies } = this.session.settings;
    this.transaction.octets = total;
    return total > limits.messageSize ? new Draining(replies.tooBig) : this;
  }

  /** Says that all is well, unless the message is not. */
  finish(total: number, fault?: ReplyName): Promise<Reply> {
    this.transaction.octets = total;
    return Promise.resolve(this.session.settings.replies[fault ?? "ok"]);
  }

  /** Nothing is open anywhere. */
  cancel(): Promise<void> {
    return Promise.resolve();
  }
}

/** Loses the client in the middle of its message, as a policy has ordered for trying out. */
export class Cutting implements Receiver {
  /** Whoever would receive the message otherwise. */
  #receiver: Receiver;

  /** A receiver for one message; `after` in octets. */
  constructor(receiver: Receiver, readonly after: number) {
    this.#receiver = receiver;
  }

  /** As the receiver behind it. */
  get refusal(): Reply | undefined {
    return this.#receiver.refusal;
  }

  /** Passes on what comes before the cut. */
  async take(octets: Uint8Array, total: number, last?: boolean): Promise<Receiver> {
    if (total > this.after) throw new SessionOver("closed");
    this.#receiver = await this.#receiver.take(octets, total, last);
    return this;
  }

  /** A message that ends before the cut is none the worse for it. */
  finish(total: number, fault?: ReplyName): Promise<Reply> {
    if (total > this.after) throw new SessionOver("closed");
    return this.#receiver.finish(total, fault);
  }

  /** As the receiver behind it. */
  cancel(): Promise<void> {
    return this.#receiver.cancel();
  }
}
