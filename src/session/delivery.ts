/**
 * A message on its way to the upstream: the trace header in front of it, the end behind it, and what
 * no message may have on the way.
 *
 * @module
 */

import { encode } from "../bytes.ts";
import type { Reply } from "../rfc5321/reply.ts";
import { Scratch } from "../scratch.ts";
import { when } from "../soon.ts";
import { HeaderWatch } from "./header_watch.ts";
import { Discarding, Draining } from "./message.ts";
import { CopiedBody, KeptBody, Quarantining } from "./quarantining.ts";
import { RecipientReplies } from "./recipient_replies.ts";
import type { Session } from "./session.ts";
import { traceHeader } from "./trace.ts";
import type { Transaction } from "./transaction.ts";
import { Transforming } from "./transforming.ts";
import { type UpstreamBody, UpstreamFailure } from "./upstream.ts";

/** Pieces up to this size travel with the trace header in one write. */
const JOINED = 4_096;

/** See the module. */
export class Delivery {
  readonly #header = new HeaderWatch();
  #begun = false;

  constructor(
    readonly session: Session,
    readonly transaction: Transaction,
    /** Where it goes. */
    public body: UpstreamBody,
  ) {}

  /** The upstream has answered before the end. */
  get refusal(): Reply | undefined {
    return this.body.refusal;
  }

  /** What is written goes through streams that may change it. */
  get transformed(): boolean {
    return this.body instanceof Transforming;
  }

  /** The header section has been seen to its end. */
  get headerEnded(): boolean {
    return this.#header.ended;
  }

  /**
   * Looks at the next octets as they have come from the client.
   *
   * @param total Octets of the message so far.
   * @returns Why nothing can come of it, where that is so.
   */
  look(octets: Uint8Array, total: number): Reply | undefined {
    const { limits, replies } = this.session.settings;
    this.transaction.octets = total;
    if (total > limits.messageSize) return replies.tooBig;
    this.#header.look(octets);
    // RFC 5321 §6.3
    return this.#header.received > limits.hops ? replies.loop : undefined;
  }

  /** @throws {UpstreamFailure} */
  write(octets: Uint8Array, last: boolean = false): Promise<void> | void {
    const trace = this.#begun ? undefined : this.#trace();
    if (trace === undefined) return this.#pass(octets, last);
    const joined = new Scratch().text(trace);
    const written = octets.length > JOINED
      ? when(this.body.write(joined.octets), () => this.#pass(octets, last))
      : this.#pass(joined.add(octets).octets, last);
    return when(written, () => {
      // A refusal may hide that it was not written to its end, and may be read yet.
      if (this.refusal === undefined) joined.free();
    });
  }

  /** The message is complete, and good. */
  async finish(): Promise<Reply> {
    const { session, transaction } = this;
    let reply = session.settings.replies.temporary;
    try {
      if (!this.#begun) await this.#begin();
      if (this.refusal !== undefined) return this.refuse(this.refusal).refusal;
      if (session.at.protocol === "lmtp") {
        transaction.replies = new RecipientReplies(session, transaction);
      }
      reply = await this.body.finish((nth, one) => transaction.hear(nth, one));
    } catch (error) {
      // RFC 5321 §4.5.5 and §6.1: responsibility has not been taken, as far as we know.
      reply = session.failure(error);
    } finally {
      transaction.replies?.end(reply);
    }
    return reply;
  }

  /** It is refused: what is still to come is read away. */
  refuse(reply: Reply): Draining {
    // The client is read on meanwhile.
    this.body.cancel().catch((error) => this.session.mishap(error));
    return new Draining(reply);
  }

  /** Nobody is to get it. */
  async discard(): Promise<Discarding> {
    await this.body.cancel();
    return new Discarding(this.session, this.transaction);
  }

  /** It is on its way before the policy has said its last word, which may be to keep it. */
  async copy(): Promise<void> {
    const { session, transaction } = this;
    if (session.judge.quarantines !== true) return;
    this.body = new CopiedBody(this.body, await KeptBody.open(session, transaction));
  }

  /**
   * It is kept aside, and nobody else is to get it.
   *
   * @throws {UpstreamFailure} If it cannot be kept, or its beginning is gone.
   */
  async quarantine(): Promise<Quarantining> {
    const { body, session, transaction } = this;
    const copied = body instanceof CopiedBody ? body : undefined;
    if (copied === undefined && this.#begun) {
      const why = "its beginning is on its way, and no check has said that it needs quarantine";
      throw new UpstreamFailure("lost", `Cannot quarantine the message: ${why}`);
    }
    this.body = copied?.copy ?? await KeptBody.open(session, transaction);
    await (copied?.body ?? body).cancel();
    return new Quarantining(this);
  }

  /** The client is gone. */
  cancel(): Promise<void> {
    return this.body.cancel();
  }

  #pass(octets: Uint8Array, last: boolean): Promise<void> | void {
    return last && this.body.writeLast !== undefined
      ? this.body.writeLast(octets)
      : this.body.write(octets);
  }

  /** A message without any octet still gets its trace header. */
  #begin(): Promise<void> | void {
    const trace = this.#trace();
    if (trace !== undefined) return this.body.write(encode(trace));
  }

  #trace(): string | undefined {
    this.#begun = true;
    return this.session.settings.trace ? traceHeader(this.session, this.transaction) : undefined;
  }
}
