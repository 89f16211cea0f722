/**
 * A session (RFC 5321 §3.1) as the handlers of its commands see it: who the client is, what has been
 * said, the replies, and the link to the upstream. It knows no runtime and reads no command itself.
 *
 * @module
 */

import { type Address, type Channel, ChannelError, type SecureChannel } from "../channel.ts";
import { TimeoutError, within } from "../clock.ts";
import { Extensions } from "../rfc5321/extension.ts";
import { maxAuthLine } from "../rfc5321/limits.ts";
import { Reply } from "../rfc5321/reply.ts";
import { LineSplitter } from "../stages/line_splitter.ts";
import type { ClientFacts, ForwardedFacts, SessionFacts } from "./facts.ts";
import { Input } from "./input.ts";
import type { SessionEnd, TransactionEnd } from "./observer.ts";
import type { Phase, PhaseFacts, Ruling, SessionJudge } from "./phases.ts";
import { failureReplies, type ReplyName } from "./replies.ts";
import { SessionOver } from "./over.ts";
import { type Asked, ReplyQueue } from "./reply_queue.ts";
import type { ListenerSettings, Settings } from "./settings.ts";
import type { State } from "./state.ts";
import { refusedAt, type Transaction } from "./transaction.ts";
import { UpstreamFailure, type UpstreamLink } from "./upstream.ts";
import { type Soon, when } from "../soon.ts";
import { linkWatched } from "./watched_link.ts";
import { DEFAULT_UPSTREAM } from "./upstreams.ts";

/** Why what a session has started is called off; made once, because every session ends. */
const ENDED = new Error("The session has ended");
/** What comes of asking nobody. */
const PROCEED: Ruling = { steps: [] };

/** See the module. */
export class Session {
  readonly startedAt: number;
  /** The address at which the client reached us, or the first proxy before us. */
  server: Address;
  client: ClientFacts;
  /** IP address by which the right to speak for others is judged: a gateway's until EHLO. */
  peer: string;
  state: State = "connected";
  /** What our last EHLO offered; nothing after HELO. */
  offered: Extensions = Extensions.none;
  /** The upstream takes commands in groups (RFC 2920), as far as we knew at EHLO. */
  upstreamPipelines = false;
  transaction: Transaction | undefined;
  /** Told of the end of each transaction. */
  concluded: (() => void) | undefined;
  /** Mail transactions begun so far. */
  transactions = 0;
  /** What a trusted peer said with XFORWARD about the next message's client. */
  forwarded: ForwardedFacts | undefined;
  input: Input;
  readonly replies: ReplyQueue;

  /** Faults since the last command that was none. */
  errorsInARow = 0;
  /** Since when the client has been waiting, by the clock's `monotonic`. */
  askedAt: number;
  /** The framer of commands and AUTH responses. */
  readonly lines = new LineSplitter({ limit: maxAuthLine });
  /** The policy, as it was when the session began. */
  readonly judge: SessionJudge;
  /** Whether the upstream has accepted the client's login, on a link that must not be lost then. */
  authenticated = false;

  #channel: Channel;
  /** Of the client as it is known now. */
  #facts: SessionFacts | undefined;
  #link: UpstreamLink | undefined;
  /** Name of the link's upstream. */
  #linked = DEFAULT_UPSTREAM;
  #abort: AbortController | undefined;

  constructor(
    readonly id: string,
    channel: Channel,
    readonly settings: Settings,
    readonly at: ListenerSettings,
  ) {
    this.#channel = channel;
    this.judge = settings.judge.open();
    this.startedAt = settings.clock.now();
    this.askedAt = settings.clock.monotonic();
    this.server = channel.localAddress;
    const { tls } = channel;
    this.client = { ...this.#clientAt(channel.remoteAddress), ...tls !== undefined && { tls } };
    this.peer = this.client.address;
    this.input = new Input(channel, settings.clock);
    this.replies = new ReplyQueue(channel, {
      clock: settings.clock,
      writeTimeout: settings.timeouts.write,
      finish: (reply, asked, now) => this.#finish(reply, asked, now),
      failed: (error) => this.mishap(error),
    });
  }

  /** The client's, after TLS the secure one. */
  get channel(): Channel {
    return this.#channel;
  }

  /** What policies and observers are shown: a copy, so that looking changes nothing. */
  get facts(): SessionFacts {
    const { id, startedAt, client, server } = this;
    if (this.#facts?.client !== client || this.#facts.server !== server) {
      this.#facts = Object.freeze({ id, startedAt, client, server, listener: this.at.name });
    }
    return this.#facts;
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

  /** Everything has been cut off; asked without making a signal. */
  get aborted(): boolean {
    return this.#abort?.signal.aborted === true;
  }

  /** Whether something is under way that a shutdown should let finish. */
  get busy(): boolean {
    return this.transaction !== undefined;
  }

  /** Cuts everything off. */
  abort(): void {
    // Also for what has not been started yet.
    this.#abort ??= new AbortController();
    this.#abort.abort(ENDED);
    this.#link?.abort();
    this.#channel.close();
  }

  /** Lets go of everything at the end. */
  async leave(end: SessionEnd): Promise<void> {
    this.#abort?.abort(ENDED);
    // A transaction that has not been finished must not be finished by anybody else.
    const { transaction } = this;
    if (transaction !== undefined) {
      this.conclude(transaction.endWithout(end === "quit" ? "abandoned" : "broken"));
      await this.#callOff(transaction);
    }
    if (this.#link !== undefined) await this.#hangUp();
  }

  /** A connection that is lent goes back without the transaction; one of our own ends with us. */
  async #callOff(transaction: Transaction): Promise<void> {
    const link = this.#link;
    const { clock, timeouts } = this.settings;
    if (link?.release === undefined) link?.abort();
    const undone = transaction.undoing ?? transaction.message?.cancel() ??
      this.resetUpstream(transaction);
    await within(clock, timeouts.linger, "the upstream to forget a transaction", undone)
      .catch(() => link?.abort());
  }

  /** Milliseconds left of a wait that begins now and covers several reads. */
  countdown(milliseconds: number): () => number {
    const { clock } = this.settings;
    const end = clock.monotonic() + milliseconds;
    return () => Math.max(0, end - clock.monotonic());
  }

  /** A reply of the table, or one that is a reply already. */
  own(reply: ReplyName | Reply): Reply {
    return typeof reply === "string" ? this.settings.replies[reply] : reply;
  }

  /** Queues a reply to a command. */
  answer(verb: string, reply: ReplyName | Reply | Promise<Reply>): void {
    const known = reply instanceof Promise ? reply : this.own(reply);
    this.replies.push(known, { verb, since: this.askedAt });
  }

  /** From here on the client waits for a reply. */
  asked(): void {
    this.askedAt = this.settings.clock.monotonic();
  }

  /** Answers a command that is wrong in itself; too many of them in a row end the session. */
  fault(verb: string, reply: ReplyName | Reply): void {
    this.answer(verb, reply);
    if (++this.errorsInARow >= this.settings.limits.errors) {
      throw this.dismissal("tooManyErrors");
    }
  }

  /** An end with this last reply, to be thrown. */
  dismissal(reply: ReplyName | Reply): SessionOver {
    return new SessionOver("dismissed", this.own(reply));
  }

  /**
   * Asks the policy.
   *
   * @throws {SessionOver} If it wants the connection closed.
   */
  rule<P extends Phase>(phase: P, facts: PhaseFacts[P]): Soon<Ruling> {
    const { transaction } = this;
    const ruling = this.judge.asks(phase) ? this.judge.judge(phase, facts) : PROCEED;
    return when(ruling, (ruling) => {
      this.settings.observer.ruling(phase, facts, ruling);
      const at = refusedAt[phase];
      if (at !== undefined) transaction?.steps.push(...ruling.steps);
      if (!ruling.close) return ruling;
      if (at !== undefined) transaction?.refuse(at, ruling.refusal!, true);
      return this.#dismissed(ruling.refusal!);
    });
  }

  async #dismissed(reply: Reply): Promise<never> {
    // What was asked of the upstream before is still answered by it.
    await this.replies.settled();
    throw this.dismissal(reply);
  }

  /** The same where nothing can come of it but a refusal; `undefined` to go on. */
  refusal<P extends Phase>(phase: P, facts: PhaseFacts[P]): Soon<Reply | undefined> {
    return when(this.rule(phase, facts), ({ refusal }) => refusal);
  }

  /** Tells observers of a place at which nobody is asked. */
  pass<P extends Phase>(phase: P, facts: PhaseFacts[P]): void {
    this.settings.observer.ruling(phase, facts, PROCEED);
  }

  /**
   * The link to an upstream, opened where there is none that can be used.
   *
   * @throws {UpstreamFailure}
   * @throws {SessionOver} If the link on which the client had authenticated is gone: another one
   * would not know the client.
   */
  acquire(name: string = DEFAULT_UPSTREAM): Soon<UpstreamLink> {
    if (this.#link?.usable && this.#linked === name) return this.#link;
    if (this.authenticated && name === DEFAULT_UPSTREAM) throw this.dismissal("noUpstreamAtHello");
    const link = this.#link === undefined
      ? linkWatched(this, name)
      : this.#hangUp().then(() => linkWatched(this, name));
    return when(link, (link) => {
      this.#linked = name;
      return this.#link = link;
    });
  }

  /** Lets go of the link, and of the login that it alone knew: the client is another one now. */
  release(): Soon<void> {
    if (this.authenticated) this.identify({ login: undefined });
    this.authenticated = false;
    if (this.#link !== undefined) return this.#hangUp();
  }

  async #hangUp(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    await link?.quit();
  }

  /** What the client is told about a failure of the upstream; anything else is thrown on. */
  failure(error: unknown): Reply {
    if (!(error instanceof UpstreamFailure)) throw error;
    this.settings.observer.trouble(this.facts, error);
    return this.settings.replies[failureReplies[error.kind]];
  }

  /** The open transaction is over: whoever wants to know is told how. */
  conclude(end: TransactionEnd): void {
    const { transaction } = this;
    this.transaction = undefined;
    this.forwarded = undefined;
    this.settings.observer.transaction(transaction!.facts, end);
    this.lendOn();
    this.concluded?.();
  }

  /** Between two transactions somebody else may use the connection. */
  lendOn(): void {
    if (!this.authenticated && this.#link?.release?.()) this.#link = undefined;
  }

  /** Ends the open transaction, here and upstream (RFC 5321 §4.1.1.5). */
  reset(): Soon<void> {
    this.forwarded = undefined;
    if (this.transaction !== undefined) return this.#abandon(this.transaction);
  }

  async #abandon(transaction: Transaction): Promise<void> {
    this.conclude(transaction.endWithout("abandoned"));
    if (transaction.message !== undefined) await transaction.message.cancel();
    else await this.resetUpstream(transaction);
    this.lendOn();
  }

  /** Ends a transaction upstream; one that cannot be reached any more has ended by itself. */
  async resetUpstream({ link }: Transaction): Promise<void> {
    if (link?.open) await link.reset().catch((error) => this.failure(error));
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
    this.input.close();
    this.input = new Input(channel, clock);
    this.errorsInARow = 0;
    this.client = {
      ...this.client,
      hello: "",
      extended: false,
      tls: channel.tls,
      login: undefined,
    };
    this.settings.observer.secured(this.facts);
  }

  /** Puts the client in the place of the peer (PROXY header, XCLIENT), or tells more about it. */
  identify(facts: Partial<ClientFacts>): void {
    const address = facts.address ?? this.client.address;
    this.client = { ...this.client, ...facts, trusted: this.settings.trusted.has(address) };
  }

  /** Asks the policy about the client and greets it (RFC 5321 §3.1). */
  greet(verb: string): Soon<void> {
    const silence = (milliseconds: number): Promise<boolean> => this.#isSilent(milliseconds);
    return when(this.refusal("connect", { ...this.facts, silence }), (refusal) => {
      if (refusal !== undefined) throw this.dismissal(refusal);
      // RFC 5321 §4.2: the domain first. Nothing else: no program, no version.
      const protocol = this.at.protocol === "lmtp" ? "LMTP" : "ESMTP";
      this.answer(verb, new Reply(220, `${this.hostname} ${protocol}`));
    });
  }

  /** Waits for the client to speak; what it says stays buffered. */
  async #isSilent(milliseconds: number): Promise<boolean> {
    try {
      if (this.input.buffered === 0) await this.input.fill(milliseconds, "the time to greet");
    } catch (error) {
      // A client that is gone has said nothing either: the next read finds that out.
      if (!(error instanceof TimeoutError) && !(error instanceof ChannelError)) throw error;
    }
    return this.input.buffered === 0;
  }

  /** Our own mistake: told to whoever watches, and to the client only that it may try again. */
  mishap(error: unknown): Reply {
    this.settings.observer.trouble(this.facts, error);
    return this.settings.replies.temporary;
  }

  #clientAt(address: Address): ClientFacts {
    const tcp = address.transport === "tcp" ? address : { host: "", port: 0 };
    return {
      address: tcp.host,
      port: tcp.port,
      hello: "",
      extended: false,
      login: this.at.login,
      trusted: this.settings.trusted.has(tcp.host),
    };
  }

  #finish(reply: Reply, { verb, since }: Asked, now: number): Reply {
    const { observer, replyNames } = this.settings;
    // RFC 6531 §3.7.4.3: UTF-8 in a reply only for a client that asked for SMTPUTF8.
    const utf8 = this.transaction?.original.parameters.smtputf8 === true;
    const presentable = utf8 ? reply : reply.inAscii();
    observer.reply(this.facts, presentable, {
      verb,
      at: now,
      took: now - since,
      name: replyNames.get(reply),
    });
    return presentable;
  }
}
