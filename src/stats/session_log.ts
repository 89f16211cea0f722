/**
 * The sessions that are open, with what has been said in them, and the transactions that they have
 * under way.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
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
import { Dialogue, lineOf, type Utterance } from "./dialogue.ts";
import type { Pen } from "./pen.ts";
import { type Happening, TransactionDraft } from "./transaction_record.ts";
import type { DialogueLine, SessionDetail, SessionView } from "./views.ts";

/** Lines of dialogue that are kept of one session, while there are few. */
const MOST_LINES = 100;
/** The same while there are many. */
const FEWEST_LINES = 10;
/** Lines that all sessions together may keep, as long as each may keep the fewest. */
const ALL_LINES = 100_000;

/** What is told when a transaction is over. */
export type Ended = (
  draft: TransactionDraft,
  transaction: TransactionFacts,
  session: SessionFacts,
  end: TransactionEnd,
) => void;

/** One session. */
class OpenSession {
  readonly dialogue = new Dialogue();
  doing = "";
  activeAt: number;
  /** Transactions that have ended. */
  transactions = 0;
  /** The one that is open. */
  draft: TransactionDraft | undefined;
  /** One that is over but for its last reply. */
  closing: TransactionDraft | undefined;
  /** Id of that one. */
  transaction: string | undefined;

  constructor(public facts: SessionFacts) {
    this.activeAt = facts.startedAt;
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

/** See the module. */
export class SessionLog implements Observer {
  readonly #clock: Clock;
  readonly #ended: Ended;
  readonly #open = new Map<string, OpenSession>();
  #total = 0;

  constructor(clock: Clock, ended: Ended) {
    this.#clock = clock;
    this.#ended = ended;
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
    const newest = [...this.#open.values()].slice(-limit).reverse();
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
    const lines = this.#open.get(id)?.dialogue.lines ?? [];
    return lines.filter((said) => said.number > number).map((said) => lineOf(said, pen));
  }

  /** Whether it is open. */
  has(id: string): boolean {
    return this.#open.has(id);
  }

  sessionOpened(facts: SessionFacts): void {
    this.#total++;
    this.#open.set(facts.id, new OpenSession(facts));
  }

  sessionClosed({ id }: SessionFacts): void {
    this.#open.delete(id);
  }

  secured(facts: SessionFacts): void {
    const { version, cipher } = facts.client.tls!;
    this.#say(facts, (line) => ({ ...line, note: `TLS: ${version} ${cipher}` }));
  }

  command(facts: SessionFacts, command: ParsedLine): void {
    const session = this.#session(facts);
    if (session === undefined) return;
    const at = this.#clock.now();
    session.activeAt = at;
    session.closing = undefined;
    const verb = "fault" in command ? undefined : command.verb;
    session.doing = verb ?? "";
    this.#add(session, { number: session.dialogue.next, at, command });
  }

  reply(facts: SessionFacts, reply: Reply, { verb, took }: Answered): void {
    this.#say(facts, (line) => ({ ...line, reply, verb, took }));
  }

  ruling<P extends Phase>(phase: P, facts: PhaseFacts[P], ruling: Ruling): void {
    if (ruling.asked === undefined || ruling.asked.length === 0) return;
    const took = ruling.asked.reduce((sum, one) => sum + one.took, 0);
    const session = "session" in facts ? (facts as TransactionFacts).session : facts;
    this.#happen(session as SessionFacts, { at: this.#clock.now(), took, phase, ruling });
  }

  transactionOpened({ id, session: { id: of } }: TransactionFacts): void {
    const session = this.#open.get(of);
    if (session === undefined) return;
    session.transaction = id;
    session.draft = new TransactionDraft(session.activeAt);
    // MAIL itself.
    const last = session.dialogue.lines.at(-1);
    if (last !== undefined) session.draft.say(last);
  }

  transaction(facts: TransactionFacts, end: TransactionEnd): void {
    const session = this.#open.get(facts.session.id);
    if (session === undefined) return;
    const draft = session.draft ?? new TransactionDraft(this.#clock.now());
    session.transactions++;
    session.transaction = undefined;
    session.draft = undefined;
    session.closing = draft;
    if (facts.octets > 0) {
      const note = `mail data: ${facts.octets} octets`;
      this.#add(session, { number: session.dialogue.next, at: this.#clock.now(), note });
    }
    this.#ended(draft, facts, session.facts, end);
  }

  upstreamOpened(facts: SessionFacts, upstream: string, { took, tls }: UpstreamOpened): void {
    const result = tls === undefined
      ? `${upstream} in the clear`
      : `${upstream} under ${tls.version}`;
    this.#happen(facts, { at: this.#clock.now(), took, verb: "connect", result });
  }

  upstreamFailed(facts: SessionFacts, upstream: string, error: unknown, took: number): void {
    const why = error instanceof Error ? error.message : String(error);
    const result = `${upstream}: ${why}`;
    this.#happen(facts, { at: this.#clock.now(), took, verb: "connect", result });
  }

  upstreamReply(
    facts: SessionFacts,
    upstream: string,
    { verb, took, reply }: UpstreamAnswered,
  ): void {
    const result = reply ?? `${upstream}: no reply`;
    this.#happen(facts, { at: this.#clock.now(), took, verb, result });
  }

  #happen(facts: SessionFacts, happening: Happening): void {
    this.#open.get(facts.id)?.draft?.happen(happening);
  }

  #say(facts: SessionFacts, make: (line: { number: number; at: number }) => Utterance): void {
    const session = this.#session(facts);
    if (session === undefined) return;
    session.activeAt = this.#clock.now();
    this.#add(session, make({ number: session.dialogue.next, at: session.activeAt }));
  }

  /** The session, with what is known of its client by now. */
  #session(facts: SessionFacts): OpenSession | undefined {
    const session = this.#open.get(facts.id);
    if (session !== undefined) session.facts = facts;
    return session;
  }

  #add(session: OpenSession, said: Utterance): void {
    const share = Math.floor(ALL_LINES / this.#open.size);
    session.dialogue.add(said, Math.max(FEWEST_LINES, Math.min(MOST_LINES, share)));
    (session.closing ?? session.draft)?.say(said);
  }
}
