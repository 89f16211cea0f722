/**
 * One client connection, from its first octet to its last: greeting, commands one after the other,
 * and the end. What each command does stands in `commands.ts`; which is allowed when, in `state.ts`.
 *
 * A session knows no runtime: it has a channel, a clock and an upstream.
 *
 * @module
 */

import { type Address, type Channel, ChannelError, type SecureChannel } from "../channel.ts";
import { TimeoutError } from "../clock.ts";
import type { Command, Verb } from "../rfc5321/command.ts";
import { Extensions } from "../rfc5321/extension.ts";
import { maxAuthLine, maxCommandLine } from "../rfc5321/limits.ts";
import { Reply } from "../rfc5321/reply.ts";
import { CommandParser, type ParsedLine } from "../stages/command_parser.ts";
import { type Line, LineSplitter } from "../stages/line_splitter.ts";
import { handlers } from "./commands.ts";
import type { ClientFacts, ForwardedFacts, SessionFacts } from "./facts.ts";
import { answerToFault } from "./faults.ts";
import { acceptProxyHeader } from "./identity.ts";
import { Input } from "./input.ts";
import type { SessionEnd } from "./observer.ts";
import type { Phase, PhaseFacts } from "./phases.ts";
import { failureReplies, type ReplyName } from "./replies.ts";
import { ReplyQueue } from "./reply_queue.ts";
import type { ListenerSettings, Settings } from "./settings.ts";
import { barriers, legality, type State } from "./state.ts";
import type { Transaction } from "./transaction.ts";
import { UpstreamFailure, type UpstreamLink } from "./upstream.ts";

/** Octets read and thrown away after our last reply, so that it is not lost to a reset. */
const LINGER_OCTETS = 262_144;

/** First octet of a TLS record that carries a handshake (RFC 8446 §5.1). */
const TLS_HANDSHAKE = 0x16;

/** Thrown by whoever finds that the session cannot go on; `reply` is the client's last. */
export class SessionOver extends Error {
  override readonly name = "SessionOver";
  constructor(readonly end: SessionEnd, readonly reply?: Reply, options?: ErrorOptions) {
    super(reply?.text ?? end, options);
  }
}

/** See the module. `run` it once. */
export class Session {
  readonly startedAt: number;
  /** The address at which the client reached us, or the first proxy before us. */
  server: Address;
  client: ClientFacts;
  /** IP address of whoever speaks here, also after it has spoken for another client (XCLIENT). */
  peer: string;
  state: State = "connected";
  /** What our last EHLO offered; nothing after HELO. */
  offered: Extensions = Extensions.none;
  transaction: Transaction | undefined;
  /** Mail transactions begun so far. */
  transactions = 0;
  /** What a trusted peer said with XFORWARD about the next message's client. */
  forwarded: ForwardedFacts | undefined;
  input: Input;
  readonly replies: ReplyQueue;

  #channel: Channel;
  #link: UpstreamLink | undefined;
  #errorsInARow = 0;
  #abort: AbortController | undefined;
  readonly #lines = new LineSplitter({ limit: maxAuthLine });
  readonly #parser = new CommandParser({ limit: maxCommandLine });
  /** Set while the session does nothing but wait for a command. */
  #interrupt: ((reason: SessionOver) => void) | undefined;
  #drain: Reply | undefined;

  constructor(
    readonly id: string,
    channel: Channel,
    readonly settings: Settings,
    readonly at: ListenerSettings,
  ) {
    this.#channel = channel;
    this.startedAt = settings.clock.now();
    this.server = channel.localAddress;
    this.client = this.#clientAt(channel.remoteAddress);
    this.peer = this.client.address;
    this.input = new Input(channel, settings.clock);
    this.replies = new ReplyQueue(channel, {
      clock: settings.clock,
      writeTimeout: settings.timeouts.write,
      finish: (reply) => this.#presentable(reply),
      written: (reply, label) => settings.observer.reply(this.facts, reply, label),
    });
  }

  /** What policies and observers are shown: a copy, so that looking changes nothing. */
  get facts(): SessionFacts {
    const { id, startedAt, client, server } = this;
    return { id, startedAt, client, server, listener: this.at.name };
  }

  /** Our name in this session (RFC 5321 §4.1.3 allows the literal where there is no name). */
  get hostname(): string {
    if (this.settings.hostname !== "") return this.settings.hostname;
    if (this.server.transport !== "tcp") return "localhost";
    const { host } = this.server;
    return host.includes(":") ? `[IPv6:${host}]` : `[${host}]`;
  }

  /** Ends with the session; for whatever is started on its behalf. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  /** Whether something is under way that a shutdown should let finish. */
  get busy(): boolean {
    return this.transaction !== undefined;
  }

  /** Serves the client until the end. Never rejects. */
  run(): Promise<void> {
    return this.#live(async () => {
      await this.#open();
      return await this.#converse();
    });
  }

  /** Tells the client no more than this, in place of the greeting. Never rejects. */
  refuse(reply: Reply): Promise<void> {
    return this.#live(() => Promise.resolve(this.dismissal(reply)));
  }

  async #live(converse: () => Promise<SessionOver>): Promise<void> {
    const { observer } = this.settings;
    observer.sessionOpened(this.facts);
    let over: SessionOver;
    let cause: unknown;
    try {
      over = await converse();
    } catch (error) {
      over = this.#over(error);
      cause = error === over ? over.cause : error;
    }
    this.state = "ended";
    await this.#close(over);
    observer.sessionClosed(this.facts, over.end, cause);
  }

  /** Lets an open transaction finish, then ends the session with 421; at once where none is open. */
  shutdown(): void {
    this.#drain = this.settings.replies.shutdown;
    if (!this.busy) this.#interrupt?.(this.dismissal(this.#drain));
  }

  /** Ends the session now, whatever it is doing; the upstream never sees an end of mail data. */
  abort(): void {
    this.#abort?.abort();
    this.#link?.abort();
    this.#channel.close();
  }

  /** Queues a reply to a command. */
  answer(verb: string, reply: ReplyName | Reply | Promise<Reply>): void {
    this.replies.push(
      typeof reply === "string"
        ? this.settings.replies[reply]
        : reply instanceof Promise
        ? reply.catch((error) => this.#mishap(error))
        : reply,
      verb,
    );
  }

  /** Answers a command that is wrong in itself; too many of them in a row end the session. */
  fault(verb: string, reply: ReplyName): void {
    this.answer(verb, reply);
    if (++this.#errorsInARow >= this.settings.limits.errors) {
      throw this.dismissal("tooManyErrors");
    }
  }

  /** An end with this last reply, to be thrown. */
  dismissal(reply: ReplyName | Reply): SessionOver {
    return new SessionOver(
      "dismissed",
      typeof reply === "string" ? this.settings.replies[reply] : reply,
    );
  }

  /**
   * Asks the policy.
   *
   * @returns Its refusal, to be answered; `undefined` to go on.
   * @throws {SessionOver} If it wants the connection closed.
   */
  async ask<P extends Phase>(phase: P, facts: PhaseFacts[P]): Promise<Reply | undefined> {
    const { judge } = this.settings;
    if (!judge.asks(phase)) return undefined;
    const verdict = await judge.judge(phase, facts);
    if (verdict?.kind === "disconnect") throw this.dismissal(verdict.reply);
    return verdict?.reply;
  }

  /**
   * The link to the upstream, opened where there is none that can be used.
   *
   * @throws {UpstreamFailure}
   * @throws {SessionOver} If the link on which the client had authenticated is gone: another one
   * would not know the client.
   */
  async acquire(): Promise<UpstreamLink> {
    if (this.#link?.usable) return this.#link;
    if (this.#link !== undefined) {
      if (this.authenticated) throw this.dismissal("noUpstreamAtHello");
      await this.release();
    }
    this.#link = await this.settings.upstream.connect(this.facts, this.signal);
    return this.#link;
  }

  /** Whether the upstream has accepted the client's login on the present link. */
  authenticated = false;

  /** Lets go of the link: the next transaction gets another. */
  async release(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    this.authenticated = false;
    await link?.quit();
  }

  /** What the client is told about a failure of the upstream; anything else is thrown on. */
  failure(error: unknown): Reply {
    if (!(error instanceof UpstreamFailure)) throw error;
    this.settings.observer.trouble(this.facts, error);
    return this.settings.replies[failureReplies[error.kind]];
  }

  /** Ends the open transaction, here and upstream (RFC 5321 §4.1.1.5). */
  async reset(): Promise<void> {
    const { transaction } = this;
    this.transaction = undefined;
    this.forwarded = undefined;
    if (transaction === undefined) return;
    if (transaction.message !== undefined) await transaction.message.cancel();
    else if (transaction.link.open) {
      await transaction.link.reset().catch((error) => this.failure(error));
    }
  }

  /** Reads one line that is not a command (an AUTH response); `undefined` at the client's end. */
  async readLine(): Promise<Line | undefined> {
    let line: Line | undefined;
    const out = { enqueue: (value: Line): void => void (line = value) };
    const until = this.#until(this.settings.timeouts.command);
    for (;;) {
      if (this.input.buffered > 0) this.input.take(this.#lines, out);
      if (line !== undefined) return line;
      if (!await this.input.fill(until(), "a line of the client")) return undefined;
    }
  }

  /** Moves the dialogue onto a channel after its TLS handshake; what was learnt before is gone. */
  async secure(): Promise<void> {
    const { tls, timeouts, clock } = this.settings;
    const timer = clock.after(timeouts.handshake, () => this.#channel.close());
    let channel: SecureChannel;
    try {
      channel = await tls!.accept(this.input.handOver(), this.signal);
    } catch (error) {
      throw new SessionOver("closed", undefined, { cause: error });
    } finally {
      timer.cancel();
    }
    this.#channel = channel;
    this.replies.channel = channel;
    this.input = new Input(channel, clock);
    this.#errorsInARow = 0;
    this.client = {
      ...this.client,
      hello: "",
      extended: false,
      tls: channel.tls,
      login: undefined,
    };
  }

  /** Puts the client in the place of the peer: PROXY header, XCLIENT. */
  identify(facts: Partial<ClientFacts>): void {
    const address = facts.address ?? this.client.address;
    this.client = { ...this.client, ...facts, trusted: this.settings.trusted.has(address) };
  }

  /** Asks the policy about the client and greets it (RFC 5321 §3.1). */
  async greet(verb: string): Promise<void> {
    const refusal = await this.ask("connect", this.facts);
    if (refusal !== undefined) throw this.dismissal(refusal);
    // RFC 5321 §4.2: the domain first. Nothing else: no program, no version.
    this.answer(verb, new Reply(220, `${this.hostname} ESMTP`));
  }

  async #open(): Promise<void> {
    if (this.at.proxyFrom !== undefined) await acceptProxyHeader(this, this.at.proxyFrom);
    if (this.at.implicitTls) await this.secure();
    await this.greet("");
  }

  async #converse(): Promise<SessionOver> {
    while (this.state !== "ended") {
      const parsed = await this.#nextCommand();
      if (parsed === undefined) return new SessionOver("vanished");
      await this.replies.room();
      if ("fault" in parsed) await this.#refuseFault(parsed);
      else await this.#obey(parsed);
    }
    return new SessionOver("quit");
  }

  async #nextCommand(): Promise<ParsedLine | undefined> {
    let parsed: ParsedLine | undefined;
    const parse = {
      enqueue: (line: Line): void =>
        this.#parser.transform(line, { enqueue: (command) => void (parsed = command) }),
    };
    const until = this.#until(this.settings.timeouts.command);
    for (;;) {
      if (this.#drain !== undefined && !this.busy) throw this.dismissal(this.#drain);
      if (this.input.buffered > 0) {
        if (this.#lines.pending === 0 && this.input.next === TLS_HANDSHAKE) {
          throw this.dismissal("foreignProtocol");
        }
        this.input.take(this.#lines, parse);
        if (parsed !== undefined) return parsed;
      }
      this.replies.flush();
      if (!await this.#interruptible(this.input.fill(until(), "a command"))) return undefined;
    }
  }

  /** A wait that `shutdown` may cut short. */
  #interruptible<T>(wait: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#interrupt = reject;
      wait.then(resolve, reject);
    }).finally(() => this.#interrupt = undefined);
  }

  /** Milliseconds left of a wait that begins now and covers several reads. */
  #until(milliseconds: number): () => number {
    const { clock } = this.settings;
    const end = clock.now() + milliseconds;
    return () => Math.max(0, end - clock.now());
  }

  async #refuseFault(parsed: Extract<ParsedLine, { fault: string }>): Promise<void> {
    const { verb, reply, fatal } = answerToFault(parsed);
    await this.replies.settled();
    if (fatal) throw this.dismissal(reply);
    this.fault(verb, reply);
  }

  async #obey(command: Command): Promise<void> {
    const { verb } = command;
    if (barriers.has(verb)) {
      await this.replies.settled();
      // What is known need not wait for what this command has to wait for.
      this.replies.flush();
    }
    const row = legality(this.state, verb);
    const handler = (handlers as Readonly<Record<Verb, Handler>>)[verb];
    if (row === undefined || "refuse" in row) {
      // Even a BDAT out of place has its octets behind it (RFC 3030 §2).
      await handler.swallow?.(this, command);
      return row === undefined
        ? this.fault(verb, "badSequence")
        : this.answer(verb, row.refuse);
    }
    const before = this.#errorsInARow;
    await handler.obey(this, command, row.next);
    if (this.#errorsInARow === before) this.#errorsInARow = 0;
  }

  #over(error: unknown): SessionOver {
    if (error instanceof SessionOver) return error;
    if (error instanceof TimeoutError) return this.dismissal("idle");
    if (error instanceof ChannelError) return new SessionOver("vanished");
    this.#mishap(error);
    return this.dismissal("internal");
  }

  /** Our own mistake: told to whoever watches, and to the client only that it may try again. */
  #mishap(error: unknown): Reply {
    this.settings.observer.trouble(this.facts, error);
    return this.settings.replies.temporary;
  }

  async #close(over: SessionOver): Promise<void> {
    const { timeouts, observer } = this.settings;
    // A transaction that has not been finished must not be finished by anybody else.
    if (this.transaction !== undefined) this.#link?.abort();
    await this.transaction?.message?.cancel();
    try {
      if (over.reply !== undefined) this.replies.push(over.reply, "");
      if (over.end === "quit" || over.end === "dismissed") {
        await this.replies.drained();
        await this.#channel.closeWrite();
        await this.#linger(this.#until(timeouts.linger));
      }
    } catch {
      // The client is gone: nothing is left to be said to it.
    }
    this.#channel.close();
    this.#abort?.abort();
    if (this.settings.judge.asks("close")) await this.settings.judge.judge("close", this.facts);
    await this.release().catch((error) => observer.trouble(this.facts, error));
  }

  /** Reads the rest away: closing with unread octets would reset the connection under our reply. */
  async #linger(until: () => number): Promise<void> {
    let octets = this.input.discard();
    while (octets < LINGER_OCTETS && await this.input.fill(until(), "the client to close")) {
      octets += this.input.discard();
    }
  }

  #clientAt(address: Address): ClientFacts {
    const tcp = address.transport === "tcp" ? address : { host: "", port: 0 };
    return {
      address: tcp.host,
      port: tcp.port,
      hello: "",
      extended: false,
      trusted: this.settings.trusted.has(tcp.host),
    };
  }

  /** RFC 6531 §3.7.4.3: UTF-8 in a reply only for a client that asked for SMTPUTF8. */
  #presentable(reply: Reply): Reply {
    const utf8 = this.transaction?.original.parameters.smtputf8 === true;
    return utf8 ? reply : reply.inAscii();
  }
}

/** The command of one verb, or of several. */
export type CommandOf<V extends Verb> = Command & { readonly verb: V };

/** How a verb is obeyed once it is known to be allowed. */
export interface Handler<V extends Verb = Verb> {
  /** `next` is the state that the table gives for success. */
  obey(session: Session, command: CommandOf<V>, next: State): Promise<void>;
  /** Reads away what follows a command that is refused by the table. */
  swallow?(session: Session, command: CommandOf<V>): Promise<void>;
}
