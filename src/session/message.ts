/**
 * Where mail data go, octet by octet: on to the upstream, or nowhere once the message has been
 * refused. A refused message is read to its true end all the same, because what follows it on the
 * wire must never be taken for commands.
 *
 * @module
 */

import { encode } from "../bytes.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { DataFault } from "../stages/data_scan.ts";
import { HeaderWatch } from "./header_watch.ts";
import type { Ruling } from "./phases.ts";
import type { ReplyName } from "./replies.ts";
import type { Session } from "./session.ts";
import { Scratch } from "../scratch.ts";
import { SessionOver } from "./over.ts";
import { traceHeader } from "./trace.ts";
import type { Transaction } from "./transaction.ts";
import type { UpstreamBody } from "./upstream.ts";

/** Pieces up to this size travel with the trace header in one write. */
const JOINED = 4_096;

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
   * Takes octets in the body's form; they are valid only until it resolves.
   *
   * @param total Octets of the message so far, as RFC 1870 §5 counts them.
   * @param last The end of mail data has been read behind them.
   */
  take(octets: Uint8Array, total: number, last?: boolean): Promise<Receiver>;
  /** The true end of mail data has come; `fault` names what was wrong on the way. */
  finish(total: number, fault?: ReplyName): Promise<Reply>;
  /** The client is gone: the upstream must never see an end. */
  cancel(): Promise<void>;
}

/** Reads away a message that has been refused. */
export class Draining implements Receiver {
  constructor(readonly refusal: Reply) {}

  take(): Promise<Receiver> {
    return Promise.resolve(this);
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
  take(_octets: Uint8Array, total: number): Promise<Receiver> {
    const { limits, replies } = this.session.settings;
    this.transaction.octets = total;
    return Promise.resolve(total > limits.messageSize ? new Draining(replies.tooBig) : this);
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

/** Hands a message on while it comes. */
export class Relaying implements Receiver {
  readonly refusal: undefined;
  readonly #header = new HeaderWatch();
  #begun = false;
  #headersAsked = false;

  constructor(
    readonly session: Session,
    readonly transaction: Transaction,
    readonly body: UpstreamBody,
  ) {}

  async take(octets: Uint8Array, total: number, last: boolean = false): Promise<Receiver> {
    const { session, transaction } = this;
    const { limits, replies } = session.settings;
    transaction.octets = total;
    if (total > limits.messageSize) return this.#refuse(replies.tooBig);
    this.#header.look(octets);
    // RFC 5321 §6.3
    if (this.#header.received > limits.hops) return this.#refuse(replies.loop);
    try {
      const ruling = await this.#askAboutHeaders();
      if (ruling?.refusal !== undefined) return this.#refuse(ruling.refusal);
      if (ruling?.discard) return await this.#discard();
      await this.#write(octets, last);
    } catch (error) {
      return this.#refuse(session.failure(error));
    }
    return this.body.refusal === undefined ? this : this.#refuse(this.body.refusal);
  }

  async finish(total: number, fault?: ReplyName): Promise<Reply> {
    const { session } = this;
    this.transaction.octets = total;
    if (fault !== undefined) return this.#refuse(session.settings.replies[fault]).refusal;
    const ruling = await this.#lastRuling();
    if (ruling?.refusal !== undefined) return this.#refuse(ruling.refusal).refusal;
    if (ruling?.discard) return await (await this.#discard()).finish(total);
    try {
      await this.#begin();
      if (this.body.refusal !== undefined) return this.#refuse(this.body.refusal).refusal;
      return await this.body.finish();
    } catch (error) {
      // RFC 5321 §4.5.5 and §6.1: responsibility has not been taken, as far as we know.
      return session.failure(error);
    }
  }

  cancel(): Promise<void> {
    return this.body.cancel();
  }

  #refuse(reply: Reply): Draining {
    // The client is read on meanwhile.
    this.body.cancel().catch((error) => this.session.mishap(error));
    return new Draining(reply);
  }

  async #discard(): Promise<Discarding> {
    await this.body.cancel();
    return new Discarding(this.session, this.transaction);
  }

  async #askAboutHeaders(): Promise<Ruling | undefined> {
    if (this.#headersAsked || !this.#header.ended) return undefined;
    this.#headersAsked = true;
    return await this.#ask("headers");
  }

  async #lastRuling(): Promise<Ruling> {
    this.#header.end();
    const ruling = await this.#askAboutHeaders();
    if (ruling?.refusal !== undefined || ruling?.discard) return ruling;
    return await this.#ask("content");
  }

  async #ask(phase: "headers" | "content"): Promise<Ruling> {
    return await this.session.rule(phase, this.transaction.facts);
  }

  async #write(octets: Uint8Array, last: boolean): Promise<void> {
    const trace = this.#begun ? undefined : this.#trace();
    if (trace === undefined) return await this.#pass(octets, last);
    const joined = new Scratch().text(trace);
    if (octets.length > JOINED) {
      await this.body.write(joined.octets);
      await this.#pass(octets, last);
    } else await this.#pass(joined.add(octets).octets, last);
    joined.free();
  }

  #pass(octets: Uint8Array, last: boolean): Promise<void> {
    return last && this.body.writeLast !== undefined
      ? this.body.writeLast(octets)
      : this.body.write(octets);
  }

  /** A message without any octet still gets its trace header. */
  async #begin(): Promise<void> {
    if (this.#begun) return;
    const trace = this.#trace();
    if (trace !== undefined) await this.body.write(encode(trace));
  }

  #trace(): string | undefined {
    this.#begun = true;
    return this.session.settings.trace ? traceHeader(this.session, this.transaction) : undefined;
  }
}
