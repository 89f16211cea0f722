/**
 * What is known of a session that is open.
 *
 * @module
 */

import type { SessionFacts } from "../session/facts.ts";
import type { ParsedLine } from "../stages/command_parser.ts";
import { Dialogue, type Utterance } from "./dialogue.ts";
import type { Pen } from "./pen.ts";
import { Queue } from "./queue.ts";
import type { TransactionDraft } from "./transaction_record.ts";
import type { SessionView } from "./views.ts";

/**
 * The last MAIL command. Its line is kept by itself until there is a reason to keep it with the others:
 * where nothing else is kept of transactions, a row of them would push out all else. One object serves
 * for all of a session, because mail passes here.
 */
class LastMail {
  /** Whether its transaction has not come yet. */
  awaited = false;
  /** Absent as long as there was none. */
  command: ParsedLine | undefined;
  /** As it is kept with the others, if it is. */
  said: Utterance | undefined;
  number = 0;
  /** Milliseconds since 1970. */
  at = 0;
  /** The same moment by the clock's `monotonic`. */
  since = 0;
}

/** See the module. */
export class OpenSession {
  readonly dialogue = new Dialogue();
  /**
   * Of each command whose last reply has not been written, the transaction to which both belong. The
   * oldest first: replies are written in this order (RFC 2920 §3.2).
   */
  readonly asked: Queue<TransactionDraft | undefined> = new Queue();
  readonly mail: LastMail = new LastMail();
  doing = "";
  /** Whoever looks at it is taken to look on until then, in milliseconds since 1970. */
  watchedUntil = -Infinity;
  activeAt: number;
  /** Transactions that have ended. */
  transactions = 0;
  /** The one that is open, with when it began: by the wall clock, and by the clock's `monotonic`. */
  draft: TransactionDraft | undefined;
  begunAt = 0;
  begunSince = 0;
  /** One that has ended unasked: why is told next. */
  closing: TransactionDraft | undefined;
  /** Id of that one. */
  transaction: string | undefined;

  /** @param number Counts sessions. */
  constructor(public facts: SessionFacts, readonly number: number) {
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
