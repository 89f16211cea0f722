/**
 * What the events of one session add up to.
 *
 * @module
 */

import type { Reply } from "../rfc5321/reply.ts";

/** A command that was refused. */
export interface RefusedCommand {
  /** Its verb; `""` where nobody has asked. */
  readonly verb: string;
  /** What it was refused with. */
  readonly reply: Reply;
}

/** What a mail transaction has cost, in milliseconds. */
export interface Cost {
  /** From MAIL on; unknown where MAIL was not seen. */
  readonly took?: number;
  /** The policy's part; absent where nobody was asked. */
  readonly policyTook?: number;
  /** What the upstream was waited for; absent where it was not asked. */
  readonly upstreamTook?: number;
  /** Its last reply. */
  readonly upstreamReply?: Reply;
}

/** Of a transaction that is open. */
interface Running {
  readonly since: number;
  policy?: number;
  upstream?: number;
  /** Up to when waiting for the upstream has been counted. */
  counted: number;
  upstreamReply?: Reply;
}

/** See the module. Every `now` is of the clock's `monotonic`. */
export class Tally {
  /** Whether a mail transaction has come to its end. */
  hadTransaction = false;
  /** The last command that was refused. */
  refused: RefusedCommand | undefined;
  #mailAt: number | undefined;
  #running: Running | undefined;

  constructor(readonly since: number) {}

  /** MAIL has come. With pipelining that may be before the end of the transaction before it. */
  mail(now: number): void {
    this.#mailAt = now;
  }

  /** MAIL is obeyed. */
  begin(now: number): void {
    const since = this.#mailAt ?? now;
    this.#running = { since, counted: since };
  }

  /** The policy has thought. */
  thought(milliseconds: number): void {
    const running = this.#running;
    if (running !== undefined) running.policy = (running.policy ?? 0) + milliseconds;
  }

  /** The upstream has been waited for; recipients in one group wait at the same time. */
  waited(now: number, milliseconds: number, reply?: Reply): void {
    const running = this.#running;
    if (running === undefined) return;
    const from = Math.max(running.counted, now - milliseconds);
    running.upstream = (running.upstream ?? 0) + Math.max(0, now - from);
    running.counted = now;
    running.upstreamReply = reply ?? running.upstreamReply;
  }

  /** The transaction is over; one that was refused before the policy was asked never began. */
  end(now: number): Cost {
    this.hadTransaction = true;
    const { since = this.#mailAt, policy, upstream, upstreamReply } = this.#running ?? {};
    this.#running = undefined;
    return {
      took: since === undefined ? undefined : now - since,
      policyTook: policy,
      upstreamTook: upstream,
      upstreamReply,
    };
  }
}
