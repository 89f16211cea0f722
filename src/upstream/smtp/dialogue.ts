/**
 * The dialogue with an SMTP server, seen from the client's side: commands out, replies in, matched
 * by order alone (RFC 2920 §3.1: replies are counted, never recognised).
 *
 * Everything that the server sends is hostile: a reply nobody waits for, or something that is no
 * reply, ends the connection, because from there on answers cannot be told apart.
 *
 * @module
 */

import { type Channel, ChannelError } from "../../channel.ts";
import { type Clock, TimeoutError } from "../../clock.ts";
import { Deadline } from "../../deadline.ts";
import type { Reply } from "../../rfc5321/reply.ts";
import { Scratch } from "../../scratch.ts";
import { UpstreamFailure } from "../../session/upstream.ts";
import { type Line, LineSplitter } from "../../stages/line_splitter.ts";
import { ReplyFault, ReplyParser } from "../../stages/reply_parser.ts";

/** Longest reply line taken, CRLF included (RFC 5321 §4.5.3.1.5). */
const REPLY_LINE = 512;

/** Somebody who waits for a reply. */
interface Waiter {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
  readonly milliseconds: number;
  readonly waitedFor: string;
  /** After this reply nothing more is read: the next octets belong to TLS. */
  readonly last: boolean;
  readonly shown?: string;
}

/** Sees a dialogue as it passes, to show it: decides nothing, and throws nothing. */
export interface DialogueObserver {
  /** A command line without its CRLF; of AUTH the verb and the mechanism, no response. */
  sent(line: string): void;
  received(reply: Reply): void;
}

/** How a command is sent. */
export interface Expectation {
  /** Milliseconds until its reply, counted from the reply before it. */
  readonly milliseconds: number;
  /** For messages about a timeout. */
  readonly waitedFor: string;
  /** Stop reading after its reply. Default false. */
  readonly last?: boolean;
  /** What an observer sees of a line that holds a secret. Default the line itself. */
  readonly shown?: string;
}

/** See the module. Owns the channel. */
export class Dialogue {
  /** Whether commands may be sent before earlier ones are answered. */
  pipelining = false;
  /** A reply that nobody had asked for; the dialogue is over then. */
  unsolicited: Reply | undefined;
  /** The server has said 421: it closes as soon as it can (RFC 5321 §3.8). */
  leaving = false;
  /** Octets that came behind the last reply before TLS and were dropped. */
  dropped = 0;
  /** Settles when nothing is read any more. */
  readonly done: Promise<void>;

  readonly #waiters: Waiter[] = [];
  /** Commands that wait until they may be sent. */
  readonly #held: { readonly line: string; readonly waiter: Waiter }[] = [];
  #outgoing = "";
  #flushing: Promise<void> | undefined;
  /** Of the reply that has to come next. */
  readonly #replyDeadline: Deadline;
  readonly #writeDeadline: Deadline;
  #failure: UpstreamFailure | undefined;
  #stopped = false;
  readonly #lines = new LineSplitter({ limit: REPLY_LINE });
  readonly #parser = new ReplyParser();

  constructor(
    readonly channel: Channel,
    readonly clock: Clock,
    /** Milliseconds for one write. */
    readonly writeTimeout: number,
    readonly observer?: DialogueObserver,
  ) {
    this.#replyDeadline = new Deadline(clock);
    this.#writeDeadline = new Deadline(clock);
    this.done = this.#read();
  }

  /** No reply is still to come, and nothing to be sent. */
  get quiet(): boolean {
    return this.#waiters.length === 0 && this.#held.length === 0 && this.#outgoing === "";
  }

  /** Whether commands can still be sent. */
  get open(): boolean {
    return this.#failure === undefined && !this.#stopped;
  }

  /**
   * Sends one command line and waits for its reply.
   *
   * @param line Without CRLF.
   * @throws {UpstreamFailure}
   */
  send(line: string, expectation: Expectation): Promise<Reply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { last: false, ...expectation, resolve, reject };
      if (!this.pipelining && this.#waiters.length > 0) this.#held.push({ line, waiter });
      else this.#put(line, waiter);
    });
  }

  /** Waits for a reply to something that has been sent otherwise, or to nothing: the greeting. */
  expect(expectation: Expectation): Promise<Reply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) =>
      this.#await({ last: false, ...expectation, resolve, reject })
    );
  }

  /**
   * Writes octets of mail data behind everything sent so far, with back-pressure.
   *
   * @throws {UpstreamFailure}
   */
  async write(octets: Uint8Array): Promise<void> {
    while (this.#flushing !== undefined || this.#outgoing !== "") await this.#flush();
    if (this.#failure !== undefined) throw this.#failure;
    await this.#writeNow(octets);
  }

  /** Ends it for this reason: whoever waits is told, the channel is closed. */
  fail(failure: UpstreamFailure): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#replyDeadline.close();
    this.#writeDeadline.close();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(failure);
    for (const { waiter } of this.#held.splice(0)) waiter.reject(failure);
    this.channel.close();
  }

  async #read(): Promise<void> {
    const out = {
      enqueue: (line: Line): void =>
        this.#parser.transform(line, { enqueue: (reply) => this.#reply(reply) }),
    };
    try {
      while (this.open) {
        const chunk = await this.channel.read();
        if (chunk === undefined) throw new UpstreamFailure("lost", "The upstream hung up");
        let at = 0;
        while (at < chunk.length && this.open) at = this.#lines.take(chunk, at, out);
        if (this.#stopped) this.dropped = chunk.length - at;
      }
    } catch (error) {
      this.fail(failureOf(error));
    }
  }

  #reply(reply: Reply): void {
    this.observer?.received(reply);
    if (reply.code === 421) this.leaving = true;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) {
      this.unsolicited = reply;
      const kind = reply.code === 421 ? "lost" : "protocol";
      this.fail(new UpstreamFailure(kind, `Unasked reply of the upstream: ${reply.text}`));
      return;
    }
    if (waiter.last) {
      this.#stopped = true;
      this.#replyDeadline.close();
      this.#writeDeadline.close();
    } else this.#watch();
    waiter.resolve(reply);
    if (this.#waiters.length === 0) {
      const next = this.#held.shift();
      if (next !== undefined) this.#put(next.line, next.waiter);
    }
  }

  #put(line: string, waiter: Waiter): void {
    this.observer?.sent(waiter.shown ?? line);
    this.#outgoing += `${line}\r\n`;
    this.#await(waiter);
    // All commands of a group leave in one write.
    void this.#flush();
  }

  #await(waiter: Waiter): void {
    this.#waiters.push(waiter);
    if (this.#waiters.length === 1) this.#watch();
  }

  #watch(): void {
    const head = this.#waiters[0];
    if (head === undefined) return this.#replyDeadline.stop();
    const { milliseconds, waitedFor } = head;
    const expired = () => this.fail(failureOf(new TimeoutError(waitedFor, milliseconds)));
    this.#replyDeadline.start(milliseconds, expired);
  }

  #flush(): Promise<void> {
    this.#flushing ??= this.#drain();
    return this.#flushing;
  }

  async #drain(): Promise<void> {
    // Not before the promise is in its place.
    await undefined;
    while (this.#outgoing !== "" && this.#failure === undefined) {
      const lines = new Scratch().text(this.#outgoing);
      this.#outgoing = "";
      try {
        await this.#writeNow(lines.octets);
        lines.free();
      } catch {
        // It has been told to whoever waits for the reply.
      }
    }
    this.#outgoing = "";
    this.#flushing = undefined;
  }

  async #writeNow(octets: Uint8Array): Promise<void> {
    const limit = this.writeTimeout;
    const expired = () => this.fail(failureOf(new TimeoutError("the upstream to read", limit)));
    this.#writeDeadline.start(limit, expired);
    try {
      await this.channel.write(octets);
    } catch (error) {
      this.fail(failureOf(error));
    }
    this.#writeDeadline.stop();
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** Gives whatever ended a dialogue its kind. */
export function failureOf(error: unknown): UpstreamFailure {
  if (error instanceof UpstreamFailure) return error;
  if (error instanceof TimeoutError) {
    return new UpstreamFailure("timeout", error.message, { cause: error });
  }
  if (error instanceof ReplyFault) {
    return new UpstreamFailure("protocol", error.message, { cause: error });
  }
  if (error instanceof ChannelError) {
    const kinds = {
      refused: "unreachable",
      unresolved: "unreachable",
      tls: "tls",
      broken: "lost",
      closed: "lost",
      aborted: "aborted",
    } as const;
    return new UpstreamFailure(kinds[error.kind], error.message, { cause: error });
  }
  throw error;
}
