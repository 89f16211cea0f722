/**
 * Serves one client connection, from its first octet to its last: greeting, commands one after the
 * other, and the end. What each command does stands in `commands.ts`; which is allowed when, in
 * `state.ts`.
 *
 * @module
 */

import { type Channel, ChannelError } from "../channel.ts";
import { TimeoutError, within } from "../clock.ts";
import type { NameCache } from "../dns/name_cache.ts";
import type { Command, Verb } from "../rfc5321/command.ts";
import { maxCommandLine } from "../rfc5321/limits.ts";
import type { Reply } from "../rfc5321/reply.ts";
import { type Soon, when } from "../soon.ts";
import { CommandParser, type ParsedLine } from "../stages/command_parser.ts";
import type { Line } from "../stages/line_splitter.ts";
import { handlers } from "./commands.ts";
import { answerToFault } from "./faults.ts";
import type { Handler } from "./handler.ts";
import { acceptProxyHeader } from "./identity.ts";
import { SessionOver } from "./over.ts";
import { Session } from "./session.ts";
import type { ListenerSettings, Settings } from "./settings.ts";
import { barriers, legality } from "./state.ts";

/** Octets read and thrown away after our last reply, so that it is not lost to a reset. */
const LINGER_OCTETS = 262_144;

/** First octet of a TLS record that carries a handshake (RFC 8446 §5.1). */
const TLS_HANDSHAKE = 0x16;

/** See the module. `run` or `refuse` it, once. */
export class SessionServer {
  readonly #session: Session;
  readonly #parser = new CommandParser({ limit: maxCommandLine });
  /** What the last line taken has turned out to be. */
  #parsed: ParsedLine | undefined;
  readonly #keep = { enqueue: (parsed: ParsedLine): void => void (this.#parsed = parsed) };
  readonly #parse = { enqueue: (line: Line): void => this.#parser.transform(line, this.#keep) };
  /** Milliseconds left to the client for a command: one that waits for a reply is not idle. */
  readonly #patience = (now: number): number => {
    const { replies, settings: { timeouts } } = this.#session;
    return replies.lastWritten(now) + timeouts.command - now;
  };
  /** The session is to end with this once no transaction is open. */
  #dismissal: Reply | undefined;

  /** As in logs. */
  get id(): string {
    return this.#session.id;
  }

  constructor(id: string, channel: Channel, settings: Settings, at: ListenerSettings) {
    this.#session = new Session(id, channel, settings, at);
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
    const session = this.#session;
    // A client that awaits a TLS handshake cannot read it, and one is too dear for a refusal.
    const over = session.at.implicitTls ? new SessionOver("closed") : session.dismissal(reply);
    return this.#live(() => Promise.resolve(over));
  }

  /** Lets an open transaction finish, then ends the session with 421; at once where none is open. */
  shutdown(): void {
    const session = this.#session;
    const reply = this.#dismissal = session.settings.replies.shutdown;
    const interrupt = (): void => session.input.interrupt(session.dismissal(reply));
    if (session.busy) session.concluded = interrupt;
    else interrupt();
  }

  /** Ends the session with 421 as soon as it waits for the client, in mid-message too. */
  dismiss(): void {
    const session = this.#session;
    this.#dismissal = session.settings.replies.disconnected;
    session.input.interrupt(session.dismissal(this.#dismissal));
  }

  /** Ends the session now, whatever it is doing; the upstream never sees an end of mail data. */
  abort(): void {
    this.#session.abort();
  }

  async #live(converse: () => Promise<SessionOver>): Promise<void> {
    const session = this.#session;
    const { observer } = session.settings;
    observer.sessionOpened(session.facts);
    let over: SessionOver;
    let cause: unknown;
    try {
      over = await converse();
    } catch (error) {
      over = this.#over(error);
      cause = error === over ? over.cause : error;
    }
    session.state = "ended";
    await this.#close(over);
    observer.sessionClosed(session.facts, over.end, cause);
  }

  async #open(): Promise<void> {
    const session = this.#session;
    const { proxyFrom, implicitTls } = session.at;
    if (proxyFrom !== undefined) await acceptProxyHeader(session, proxyFrom);
    if (implicitTls) await session.secure();
    const { names } = session.settings;
    // A name that is not known yet is waited for: rules about the client may ask for it at once.
    if (names !== undefined) await this.#lookUp(names);
    const greeted = session.greet("");
    if (greeted !== undefined) await greeted;
  }

  async #lookUp(names: NameCache): Promise<void> {
    const session = this.#session;
    const { clock, observer } = session.settings;
    const began = clock.monotonic();
    const name = await names.of(session.client.address, session.signal);
    if (name !== undefined) session.identify({ name });
    observer.lookedUp(session.facts, clock.monotonic() - began);
  }

  async #converse(): Promise<SessionOver> {
    const session = this.#session;
    while (session.state !== "ended") {
      const parsed = this.#nextCommand();
      if (parsed === undefined) {
        if (!await this.#fill()) return new SessionOver("vanished");
        continue;
      }
      if (session.replies.full) await session.replies.room();
      session.asked();
      session.settings.observer.command(session.facts, parsed, session.askedAt);
      const obeyed = "fault" in parsed ? this.#refuseFault(parsed) : this.#obey(parsed);
      if (obeyed !== undefined) await obeyed;
    }
    return new SessionOver("quit");
  }

  /** What of the client's octets is a command; `undefined` where more have to come. */
  #nextCommand(): ParsedLine | undefined {
    const session = this.#session;
    if (this.#dismissal !== undefined && !session.busy) {
      throw session.dismissal(this.#dismissal);
    }
    if (session.input.buffered === 0) return undefined;
    if (session.lines.pending === 0 && session.input.next === TLS_HANDSHAKE) {
      throw session.dismissal("foreignProtocol");
    }
    this.#parsed = undefined;
    session.input.take(session.lines, this.#parse);
    return this.#parsed;
  }

  /** Waits for the client, which has its replies before; false once it has ended its side. */
  #fill(): Promise<boolean> {
    const { input, replies, settings: { clock } } = this.#session;
    replies.flush();
    const now = clock.monotonic();
    const left = Math.max(0, this.#patience(now));
    return input.fill(left, "a command", { now, patience: this.#patience });
  }

  async #refuseFault(parsed: Extract<ParsedLine, { fault: string }>): Promise<void> {
    const session = this.#session;
    const { verb, reply, gravity } = answerToFault(parsed);
    await session.replies.settled();
    if (gravity === "fatal") throw session.dismissal(reply);
    if (gravity === "address") return session.answer(verb, reply);
    session.fault(verb, reply);
  }

  #obey(command: Command): Soon<void> {
    const { replies } = this.#session;
    if (!barriers.has(command.verb)) return this.#carryOut(command);
    return when(replies.settled(), () => {
      const obeyed = this.#carryOut(command);
      // What is known need not wait for what this command has to wait for.
      if (obeyed !== undefined) replies.flush();
      return obeyed;
    });
  }

  #carryOut(command: Command): Soon<void> {
    const session = this.#session;
    const { verb } = command;
    const row = legality(session.state, verb, session.at.protocol);
    const handler = (handlers as Readonly<Record<Verb, Handler>>)[verb];
    if (row === undefined || "refuse" in row) {
      // Even a BDAT out of place has its octets behind it (RFC 3030 §2).
      return when(
        handler.swallow?.(session, command),
        () =>
          row === undefined ? session.fault(verb, "badSequence") : session.answer(verb, row.refuse),
      );
    }
    const before = session.errorsInARow;
    return when(handler.obey(session, command, row.next), () => {
      if (session.errorsInARow === before) session.errorsInARow = 0;
    });
  }

  #over(error: unknown): SessionOver {
    const session = this.#session;
    if (error instanceof SessionOver) return error;
    if (error instanceof TimeoutError) return session.dismissal("idle");
    if (error instanceof ChannelError) return new SessionOver("vanished");
    session.mishap(error);
    return session.dismissal("internal");
  }

  async #close(over: SessionOver): Promise<void> {
    const session = this.#session;
    const { clock, timeouts } = session.settings;
    session.input.goOn();
    // The upstream need not wait for what the client still has to read.
    const left = session.leave(over.end);
    try {
      if (over.reply !== undefined) {
        session.asked();
        session.answer("", over.reply);
      }
      if (over.end === "quit" || over.end === "dismissed") {
        await session.replies.drained();
        const ended = session.channel.closeWrite();
        await within(clock, timeouts.write, "the client to take the end", ended);
        await this.#linger(session.countdown(timeouts.linger));
      }
    } catch {
      // The client is gone: nothing is left to be said to it.
    }
    session.channel.close();
    session.input.close();
    session.replies.close();
    await left;
    const { facts, judge, settings: { observer } } = session;
    observer.ruling("close", facts, await judge.judge("close", facts));
  }

  /** Reads the rest away: closing with unread octets would reset the connection under our reply. */
  async #linger(left: () => number): Promise<void> {
    const { input } = this.#session;
    let octets = input.discard();
    while (octets < LINGER_OCTETS && await input.fill(left(), "the client to close")) {
      octets += input.discard();
    }
  }
}
