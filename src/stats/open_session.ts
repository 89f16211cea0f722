/**
 * What is known of a session that is open.
 *
 * @module
 */

import type { SessionFacts } from "../session/facts.ts";
import { Dialogue, type Utterance } from "./dialogue.ts";
import type { Pen } from "./pen.ts";
import { Queue } from "./queue.ts";
import type { TransactionDraft } from "./transaction_record.ts";
import type { SessionView } from "./views.ts";

/** A MAIL command that has come. */
export interface MailAsked {
  readonly said: Utterance;
  /** When, by the clock's `monotonic`. */
  readonly since: number;
}

/** See the module. */
export class OpenSession {
  readonly dialogue = new Dialogue();
  /**
   * Of each command whose last reply has not been written, the transaction to which both belong. The
   * oldest first: replies are written in this order (RFC 2920 §3.2).
   */
  readonly asked: Queue<TransactionDraft | undefined> = new Queue();
  /** The last MAIL. */
  mail: MailAsked | undefined;
  /**
   * That of a transaction of which nothing else is kept. It gives way to the next: a row of them would
   * push out all else, and to keep it costs more than anything else that is done for a message.
   */
  bare: Utterance | undefined;
  doing = "";
  /** Whoever looks at it is taken to look on until then, in milliseconds since 1970. */
  watchedUntil = -Infinity;
  activeAt: number;
  /** Transactions that have ended. */
  transactions = 0;
  /** The one that is open. */
  draft: TransactionDraft | undefined;
  /** One that has ended unasked: why is told next. */
  closing: TransactionDraft | undefined;
  /** Id of that one. */
  transaction: string | undefined;

  constructor(public facts: SessionFacts) {
    this.activeAt = facts.startedAt;
  }

  /** Somebody looks at it. */
  get watched(): boolean {
    return this.watchedUntil >= this.activeAt;
  }

  view(pen: Pen): SessionView {
    const { id, startedAt, listener, client } = this.facts;
    const { doing, activeAt, transactions, transaction } = this;
    return {
      id,
      startedAt,
      listener,
      client: client.address,
      ...client.name !== undefined && { name: client.name },
      hello: client.hello,
      ...client.tls !== undefined && { tls: client.tls.version },
      ...client.login !== undefined && { login: pen.login(client.login) },
      doing,
      activeAt,
      transactions,
      ...transaction !== undefined && { transaction },
    };
  }
}
