/**
 * The sessions that are open, with what has been said in them, and the transactions that they have
 * under way.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import { IdMap } from "../id_map.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { SessionFacts, TransactionFacts } from "../session/facts.ts";
import type {
  Answered,
  Observer,
  TransactionEnd,
  UpstreamAnswered,
  UpstreamOpened,
} from "../session/observer.ts";
import type { Phase, PhaseFacts, Ruling } from "../session/phases.ts";
import type { ParsedLine } from "../stages/command_parser.ts";
import { keptOf, lineOf, type Utterance } from "./dialogue.ts";
import { OpenSession } from "./open_session.ts";
import type { Pen } from "./pen.ts";
import type { TransactionLog } from "./transaction_log.ts";
import { TransactionDraft } from "./transaction_record.ts";
import type { DialogueLine, SessionDetail, SessionView } from "./views.ts";

/** Lines of dialogue that are kept of one session, while there are few; sometimes twice as many. */
const MOST_LINES = 100;
/** The same while there are many. */
const FEWEST_LINES = 10;
/** What they share, as long as each may keep the fewest. One that falls silent keeps what it has. */
const ALL_LINES = 100_000;

/** For how long somebody who has looked at a session is taken to look on, in milliseconds. */
const LOOK = 10_000;

/** Stands for each transaction while it is open, if nothing that is said in it is kept. */
const BRIEF = new TransactionDraft(0, 0, false);

/** See the module. */
export class SessionLog implements Observer {
  readonly #clock: Clock;
  readonly #transactions: TransactionLog;
  readonly #open = new IdMap<OpenSession>();
  /** The one that was found last: nearly always it is the one of the next event, too. */
  #found: OpenSession | undefined;
  #total = 0;

  /** @param transactions Where those are remembered that have ended. */
  constructor(clock: Clock, transactions: TransactionLog) {
    this.#clock = clock;
    this.#transactions = transactions;
  }

  /** How many are open. */
  get open(): number {
    return this.#open.size;
  }

  /** How many there have been. */
  get total(): number {
    return this.#total;
  }

  /** The newest, at most so many. */
  list(limit: number, pen: Pen): SessionView[] {
    const newest = this.#open.values().sort((a, b) => b.number - a.number).slice(0, limit);
    return newest.map((session) => session.view(pen));
  }

  /** One that is open. */
  detail(id: string, pen: Pen): SessionDetail | undefined {
    const session = this.#open.get(id);
    if (session === undefined) return undefined;
    return { ...session.view(pen), dialogue: this.linesAfter(id, 0, pen) };
  }

  /** What has been said after the line of that number. */
  linesAfter(id: string, number: number, pen: Pen): DialogueLine[] {
    return this.follow(id)?.(number, pen) ?? [];
  }

  /**
   * Tells what is said in an open one after the line of a number. It may be asked when the session
   * has ended too: the last lines come with the end.
   */
  follow(id: string): ((number: number, pen: Pen) => DialogueLine[]) | undefined {
    const session = this.#open.get(id);
    if (session === undefined) return undefined;
    const { dialogue } = session;
    return (number, pen) => {
      session.watchedUntil = this.#clock.now() + LOOK;
      this.#keepMail(session);
      return dialogue.lines.filter((said) => said.number > number).map((said) => lineOf(said, pen));
    };
  }

  /** Whether it is open. */
  has(id: string): boolean {
    return this.#open.has(id);
  }

  sessionOpened(facts: SessionFacts): void {
    this.#enter(facts);
  }

  sessionClosed({ id }: SessionFacts): void {
    this.#open.delete(id);
    this.#found = undefined;
  }

  secured(facts: SessionFacts): void {
    const { version, cipher } = facts.client.tls!;
    const now = this.#clock.now();
    const session = this.#active(facts, now);
    if (session !== undefined) this.#note(session, `TLS: ${version} ${cipher}`, now);
  }

  /**
   * @param at When, by the clock's `monotonic`.
   * @param now The same in milliseconds since 1970, where the caller knows it.
   */
  command(
    facts: SessionFacts,
    command: ParsedLine,
    at: number,
    now: number = this.#clock.now(),
  ): void {
    // One that has begun before anybody counted is met here.
    const session = this.#active(facts, now) ?? this.#enter(facts);
    session.closing = undefined;
    if ("verb" in command && command.verb !== undefined) session.doing = command.verb;
    if (!("fault" in command) && command.verb === "MAIL") {
      return this.#mail(session, command, at, now);
    }
    session.asked.push(session.draft);
    if (this.#isPassedOver(session, session.draft)) return;
    const said = { number: session.dialogue.next, at: now, command: keptOf(command) };
    this.#say(session, said, session.draft);
  }

  /** A new transaction takes its MAIL to itself. */
  #mail(session: OpenSession, command: ParsedLine, since: number, at: number): void {
    const { mail, dialogue, asked } = session;
    if (mail.awaited) this.#keepMail(session);
    asked.push(undefined);
    mail.awaited = true;
    mail.command = command;
    mail.said = undefined;
    mail.number = dialogue.next;
    mail.at = at;
    mail.since = since;
    dialogue.skip();
  }

  /** @param now Milliseconds since 1970, where the caller has just read the clock. */
  reply(
    facts: SessionFacts,
    reply: Reply,
    { verb, took }: Answered,
    now: number = this.#clock.now(),
  ): void {
    const session = this.#active(facts, now);
    if (session === undefined) return;
    // What nobody has asked for is the last that a session says.
    const draft = session.asked.isEmpty ? session.closing : session.asked.first;
    if (!reply.intermediate) session.asked.shift();
    if (this.#isPassedOver(session, draft)) return;
    const number = session.dialogue.next;
    this.#say(session, { number, at: now, reply, verb, took }, draft);
  }

  ruling<P extends Phase>(phase: P, facts: PhaseFacts[P], ruling: Ruling): void {
    if (ruling.asked === undefined || ruling.asked.length === 0) return;
    const session = "session" in facts ? (facts as TransactionFacts).session : facts;
    const draft = this.#drafted(session as SessionFacts);
    if (draft === undefined) return;
    const took = ruling.asked.reduce((sum, one) => sum + one.took, 0);
    draft.happen({ until: this.#clock.monotonic(), took, phase, ruling });
  }

  transactionOpened({ id, session: facts }: TransactionFacts): void {
    const session = this.#find(facts);
    if (session === undefined) return;
    session.transaction = id;
    const { mail } = session;
    if (!mail.awaited) {
      this.#begin(session, this.#clock.now(), this.#clock.monotonic());
      return;
    }
    mail.awaited = false;
    const draft = this.#begin(session, mail.at, mail.since);
    session.asked.last = draft;
    if (draft === BRIEF && !session.watched) return;
    draft.say(this.#keepMail(session)!, this.#room / 2);
  }

  /** @param now Milliseconds since 1970, where the caller has just read the clock. */
  transaction(
    facts: TransactionFacts,
    end: TransactionEnd,
    now: number = this.#clock.now(),
  ): void {
    const session = this.#find(facts.session) ?? this.#enter(facts.session);
    const draft = session.draft ?? this.#begin(session, now, this.#clock.monotonic());
    if (facts.octets > 0 && !this.#isPassedOver(session, draft)) {
      this.#note(session, `mail data: ${facts.octets} octets`, now);
    }
    session.transactions++;
    session.transaction = undefined;
    session.draft = undefined;
    if (session.asked.isEmpty) session.closing = draft;
    this.#remember(session, draft, facts, end, now);
  }

  #remember(
    session: OpenSession,
    open: TransactionDraft,
    facts: TransactionFacts,
    end: TransactionEnd,
    now: number,
  ): void {
    const { begunAt, begunSince } = session;
    if (this.#transactions.leavesOut(open, end, now)) return this.#transactions.skip();
    const draft = open === BRIEF ? new TransactionDraft(begunAt, begunSince, false) : open;
    const took = this.#clock.monotonic() - begunSince;
    this.#transactions.add({ draft, facts, session: session.facts, end, took });
  }

  upstreamOpened(facts: SessionFacts, upstream: string, { took, tls }: UpstreamOpened): void {
    const draft = this.#drafted(facts);
    if (draft === undefined) return;
    const result = tls === undefined
      ? `${upstream} in the clear`
      : `${upstream} under ${tls.version}`;
    draft.happen({ until: this.#clock.monotonic(), took, verb: "connect", result });
  }

  upstreamFailed(facts: SessionFacts, upstream: string, error: unknown, took: number): void {
    const result = `${upstream}: ${messageOf(error)}`;
    const until = this.#clock.monotonic();
    this.#drafted(facts)?.happen({ until, took, verb: "connect", result });
  }

  upstreamReply(
    facts: SessionFacts,
    upstream: string,
    { verb, at, took, reply }: UpstreamAnswered,
  ): void {
    const draft = this.#drafted(facts);
    if (draft === undefined) return;
    const result = reply ?? `${upstream}: no reply`;
    draft.happen({ until: at, took, verb, result });
  }

  /** The open transaction, where what happens in it is kept. */
  #drafted(facts: SessionFacts): TransactionDraft | undefined {
    const draft = this.#find(facts)?.draft;
    return draft?.detailed ? draft : undefined;
  }

  /** Whether what is said is not kept: nobody looks, and there are too many. The number tells of it. */
  #isPassedOver(session: OpenSession, draft: TransactionDraft | undefined): boolean {
    if (draft === undefined || draft.detailed) return false;
    if (session.watched) return false;
    session.dialogue.skip();
    return true;
  }

  #enter(facts: SessionFacts): OpenSession {
    const session = new OpenSession(facts, ++this.#total);
    this.#open.set(facts.id, session);
    return session;
  }

  #find(facts: SessionFacts): OpenSession | undefined {
    if (this.#found?.facts === facts) return this.#found;
    const session = this.#open.get(facts.id);
    this.#found = session;
    return session;
  }

  /** The session, which has just said or heard something, with what is known of its client by now. */
  #active(facts: SessionFacts, now: number): OpenSession | undefined {
    const session = this.#find(facts);
    if (session === undefined) return undefined;
    session.facts = facts;
    session.activeAt = now;
    return session;
  }

  /** A transaction begins. */
  #begin(session: OpenSession, at: number, since: number): TransactionDraft {
    session.begunAt = at;
    session.begunSince = since;
    return session.draft = this.#transactions.begins(at) ? new TransactionDraft(at, since) : BRIEF;
  }

  /** Keeps the line of the last MAIL, if there was one, with the others. */
  #keepMail({ mail, dialogue }: OpenSession): Utterance | undefined {
    const { command, number, at } = mail;
    if (mail.said !== undefined || command === undefined) return mail.said;
    mail.said = { number, at, command: keptOf(command) };
    dialogue.add(mail.said, this.#room);
    return mail.said;
  }

  #note(session: OpenSession, note: string, at: number): void {
    const number = session.dialogue.next;
    this.#say(session, { number, at, note }, session.draft);
  }

  #say(session: OpenSession, said: Utterance, draft: TransactionDraft | undefined): void {
    this.#keepMail(session);
    const room = this.#room;
    session.dialogue.add(said, room);
    draft?.say(said, room / 2);
  }

  /** Lines that a session may keep now. */
  get #room(): number {
    const share = Math.floor(ALL_LINES / this.#open.size);
    return Math.max(FEWEST_LINES, Math.min(MOST_LINES, share));
  }
}
