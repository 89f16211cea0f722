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
import { messageOf } from "../../errors.ts";
import type { Reply } from "../../rfc5321/reply.ts";
import type { Scratch } from "../../scratch.ts";
import { UpstreamFailure } from "../../session/upstream.ts";
import type { Soon } from "../../soon.ts";
import { type Line, LineSplitter } from "../../stages/line_splitter.ts";
import { ReplyFault, ReplyParser } from "../../stages/reply_parser.ts";
import { Outgoing } from "./outgoing.ts";

/** Longest reply line taken, CRLF included (RFC 5321 §4.5.3.1.5). */
const REPLY_LINE = 512;

/** Somebody who waits for a reply. */
interface Waiter {
  readonly expectation: Expectation;
  /** Makes of it what is waited for. */
  readonly take: (reply: Reply) => unknown;
  readonly resolve: (taken: unknown) => void;
  readonly reject: (error: unknown) => void;
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
  readonly channel: Channel;
  readonly clock: Clock;
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

  readonly #observer: DialogueObserver | undefined;
  readonly #waiters: Waiter[] = [];
  /** So many of them, the first, wait for a reply to what has begun to leave: nobody else can have one. */
  #asked = 0;
  /** Commands that wait until they may be sent. */
  readonly #held: { readonly line: string; readonly waiter: Waiter }[] = [];
  readonly #outgoing: Outgoing;
  /** Of the reply that has to come next, and whose it is. */
  readonly #replyDeadline: Deadline;
  #timed: Waiter | undefined;
  #failure: UpstreamFailure | undefined;
  #stopped = false;
  readonly #lines = new LineSplitter({ limit: REPLY_LINE });
  readonly #parser = new ReplyParser();

  /** @param writeTimeout Milliseconds for one write. */
  constructor(
    channel: Channel,
    clock: Clock,
    writeTimeout: number,
    observer?: DialogueObserver,
  ) {
    this.channel = channel;
    this.clock = clock;
    this.#observer = observer;
    this.#replyDeadline = new Deadline(clock);
    this.#outgoing = new Outgoing(channel, clock, writeTimeout, {
      leaves: (now) => this.#ask(now),
      lost: (error) => this.fail(failureOf(error)),
    });
    this.done = this.#read();
  }

  /** No reply is still to come, and nothing to be sent. */
  get quiet(): boolean {
    return this.#waiters.length === 0 && this.#held.length === 0 && !this.#outgoing.waits;
  }

  /** Whether commands can still be sent. */
  get open(): boolean {
    return this.#failure === undefined && !this.#stopped;
  }

  /** Is there, or comes, when all that was said has left; where it could not, as well. */
  get written(): Soon<void> {
    return this.#outgoing.written;
  }

  /**
   * Sends one command line and waits for its reply.
   *
   * @param line Without CRLF.
   * @param take Makes of the reply what is returned, before anything else is read.
   * @throws {UpstreamFailure}
   */
  send(line: string, expectation: Expectation): Promise<Reply>;
  send<T>(line: string, expectation: Expectation, take: (reply: Reply) => Soon<T>): Promise<T>;
  send(line: string, expectation: Expectation, take: Waiter["take"] = itself): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const waiter = { expectation, take, resolve, reject };
      if (!this.pipelining && this.#waiters.length > 0) this.#held.push({ line, waiter });
      else this.#put(line, waiter);
    });
  }

  /**
   * Waits for a reply to something that has been sent otherwise, or to nothing: the greeting.
   *
   * @throws {UpstreamFailure}
   */
  expect(expectation: Expectation): Promise<Reply>;
  expect<T>(expectation: Expectation, take: (reply: Reply) => Soon<T>): Promise<T>;
  expect(expectation: Expectation, take: Waiter["take"] = itself): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#await({ expectation, take, resolve, reject }));
  }

  /**
   * Sends octets of mail data as commands are sent: that they cannot be is told to whoever waits for
   * the reply. The memory is the dialogue's from then on.
   */
  push(octets: Scratch): void {
    if (this.#failure === undefined) this.#outgoing.push(octets);
  }

  /**
   * Writes octets of mail data behind everything sent so far, with back-pressure.
   *
   * @throws {UpstreamFailure}
   */
  write(octets: Uint8Array): Promise<void> {
    const { written } = this;
    if (written !== undefined) return written.then(() => this.write(octets));
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return this.#outgoing.write(octets).then(this.#unlessFailed);
  }

  /** Ends it for this reason: whoever waits is told, the channel is closed. */
  fail(failure: UpstreamFailure): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#replyDeadline.close();
    this.#outgoing.close();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(failure);
    for (const { waiter } of this.#held.splice(0)) waiter.reject(failure);
    this.channel.close();
  }

  async #read(): Promise<void> {
    const replies = { enqueue: (reply: Reply): void => this.#reply(reply) };
    const lines = { enqueue: (line: Line): void => this.#parser.transform(line, replies) };
    try {
      while (this.open) {
        const chunk = await this.channel.read();
        if (chunk === undefined) throw new UpstreamFailure("lost", "The upstream hung up");
        let at = 0;
        while (at < chunk.length && this.open) at = this.#lines.take(chunk, at, lines);
        if (this.#stopped) this.dropped = chunk.length - at;
        else this.#watch();
      }
    } catch (error) {
      this.fail(failureOf(error));
    }
  }

  #reply(reply: Reply): void {
    this.#observer?.received(reply);
    if (reply.code === 421) this.leaving = true;
    const waiter = this.#asked > 0 ? this.#waiters.shift() : undefined;
    if (waiter === undefined) {
      this.unsolicited = reply;
      const kind = reply.code === 421 ? "lost" : "protocol";
      this.fail(new UpstreamFailure(kind, `Unasked reply of the upstream: ${reply.text}`));
      return;
    }
    this.#asked--;
    if (waiter.expectation.last) {
      this.#stopped = true;
      this.#replyDeadline.close();
      this.#outgoing.close();
    }
    // Before anybody hears of the reply, and has something to say to it.
    if (this.#waiters.length === 0) {
      const next = this.#held.shift();
      if (next !== undefined) this.#put(next.line, next.waiter);
    }
    try {
      waiter.resolve(waiter.take(reply));
    } catch (error) {
      waiter.reject(error);
    }
  }

  #put(line: string, waiter: Waiter): void {
    this.#observer?.sent(waiter.expectation.shown ?? line);
    this.#outgoing.line(line);
    this.#await(waiter);
  }

  #await(waiter: Waiter): void {
    this.#waiters.push(waiter);
    // The time of others begins when what they answer leaves.
    if (!this.#outgoing.waits) this.#ask();
  }

  #ask(now?: number): void {
    this.#asked = this.#waiters.length;
    this.#watch(now);
  }

  /** Times the reply that has to come next, from the moment when it is the next. */
  #watch(now?: number): void {
    const head = this.#waiters[0];
    if (head === this.#timed) return;
    this.#timed = head;
    if (head === undefined) this.#replyDeadline.stop();
    else this.#replyDeadline.start(head.expectation.milliseconds, this.#unanswered, now);
  }

  readonly #unlessFailed = (): void => {
    if (this.#failure !== undefined) throw this.#failure;
  };

  readonly #unanswered = (): void => {
    const { waitedFor, milliseconds } = this.#timed!.expectation;
    this.fail(failureOf(new TimeoutError(waitedFor, milliseconds)));
  };
}

function itself(reply: Reply): Reply {
  return reply;
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
  // A channel's own mistake must not leave those waiting who wait for it.
  return new UpstreamFailure("lost", messageOf(error), { cause: error });
}
