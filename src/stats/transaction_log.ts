/**
 * The last mail transactions, in a ring of bounded weight, and the search in it.
 *
 * @module
 */

import type { Path } from "../rfc5321/path.ts";
import type { Envelope, TransactionFacts } from "../session/facts.ts";
import type { TransactionEnd } from "../session/observer.ts";
import { Allowance } from "./allowance.ts";
import { type Pen, pens } from "./pen.ts";
import {
  outcomeOf,
  type TransactionDraft,
  type TransactionRecord,
  viewOf,
  weightOf,
} from "./transaction_record.ts";
import type { Outcome, TransactionView } from "./views.ts";

/** Which transactions are wanted; each one that is given has to be met. Texts without case. */
export interface TransactionFilter {
  /** Stands in the reverse-path or in a forward-path, original or current. */
  readonly address?: string;
  /** Stands in the client's address, name or EHLO name, or in the login. */
  readonly client?: string;
  /** What became of it. */
  readonly outcome?: Outcome;
  /** Name of a rule or check that has said something. */
  readonly rule?: string;
  /** Stands in the last reply or in the reply to a recipient. */
  readonly reply?: string;
}

/** Room for the weight of one transaction: several times that of one recipient's. */
const AVERAGE_WEIGHT = 50;

/**
 * See the module. To remember costs more than all else that is done for statistics, so of a burst only
 * some are remembered; the numbers count all.
 */
export class TransactionLog {
  readonly #room: number;
  readonly #next: () => number;
  /** By number; what was not remembered leaves a gap. */
  readonly #records = new Map<number, TransactionRecord>();
  #weight = 0;
  #number = 0;
  /** To be remembered with all that is said in them. */
  readonly #detailed: Allowance;
  /** And without. */
  readonly #brief: Allowance;

  /**
   * @param room How many are kept at most; fewer where they are large, but always the last one.
   * @param perSecond Transactions a second that are remembered with all that is said in them; and
   * so many more of those that are not accepted, without. Default: all.
   * @param next The number of the next one, above that of the last. Default: one more.
   */
  constructor(
    room: number,
    perSecond: number = Infinity,
    next: () => number = () => this.#number + 1,
  ) {
    this.#room = room;
    this.#detailed = new Allowance(perSecond);
    this.#brief = new Allowance(perSecond);
    this.#next = next;
  }

  /** The number of the last one, 0 before the first. */
  get last(): number {
    return this.#number;
  }

  /**
   * Whether all that is said in the transaction which begins now is to be kept.
   *
   * @param now Milliseconds since 1970.
   */
  begins(now: number): boolean {
    return this.#detailed.take(now);
  }

  /**
   * Whether there are too many for one that has ended now to be remembered.
   *
   * @param now Milliseconds since 1970.
   */
  leavesOut(draft: TransactionDraft, end: TransactionEnd, now: number): boolean {
    if (draft.detailed) return false;
    return end.kind === "accepted" || !this.#brief.take(now);
  }

  /** Counts one that is left out. */
  skip(): void {
    this.#number = this.#next();
  }

  /**
   * Counts one, remembers it, and forgets the oldest for it.
   *
   * @returns What is remembered.
   */
  add(record: Omit<TransactionRecord, "number" | "weight">): TransactionRecord {
    this.#number = this.#next();
    const facts = settled(record.facts);
    const numbered = { ...record, facts, number: this.#number, weight: weightOf(record) };
    this.#records.set(this.#number, numbered);
    this.#weight += numbered.weight;
    while (this.#records.size > 1 && this.#isFull) this.#forget();
    return numbered;
  }

  get #isFull(): boolean {
    return this.#records.size > this.#room || this.#weight > this.#room * AVERAGE_WEIGHT;
  }

  #forget(): void {
    const [[number, { weight }]] = this.#records;
    this.#weight -= weight;
    this.#records.delete(number);
  }

  /** The one with this id. */
  get(id: string): TransactionRecord | undefined {
    for (const record of this.#backwards()) if (record.facts.id === id) return record;
    return undefined;
  }

  /**
   * The newest that the filter lets through, the newest first.
   *
   * @param search `before`: only those with a lower number. Default: all.
   */
  find(
    filter: TransactionFilter,
    limit: number,
    { before = Infinity, pen = pens.plain }: { readonly before?: number; readonly pen?: Pen } = {},
  ): TransactionRecord[] {
    const matches = matcher(filter, pen);
    const found: TransactionRecord[] = [];
    for (const record of this.#backwards(before)) {
      if (found.length === limit) break;
      if (matches(record)) found.push(record);
    }
    return found;
  }

  /**
   * Those after this number that the filter lets through, the newest first, and how many more. Those
   * that are not in the ring count among these, whatever the filter: nobody can ask them any more.
   *
   * @param search `upto`: only those with no higher number. Default: all.
   */
  since(
    number: number,
    filter: TransactionFilter,
    limit: number,
    { upto = this.#number, pen = pens.plain }: { readonly upto?: number; readonly pen?: Pen } = {},
  ): { readonly records: TransactionRecord[]; readonly skipped: number } {
    const matches = matcher(filter, pen);
    const records: TransactionRecord[] = [];
    let skipped = Math.max(0, upto - number);
    for (const record of this.#backwards(upto + 1)) {
      if (record.number <= number) break;
      const wanted = matches(record);
      if (wanted && records.length < limit) records.push(record);
      if (!wanted || records.at(-1) === record) skipped--;
    }
    return { records, skipped };
  }

  *#backwards(before: number = Infinity): Generator<TransactionRecord> {
    const records = [...this.#records.values()];
    for (let place = records.length - 1; place >= 0; place--) {
      if (records[place].number < before) yield records[place];
    }
  }
}

/** As they are now: replies that are still on their way would change them. */
function settled(facts: TransactionFacts): TransactionFacts {
  const copyOf = (envelope: Envelope): Envelope => {
    const { reversePath, parameters, recipients } = envelope;
    return { reversePath, parameters, recipients: [...recipients] };
  };
  const { original, current, steps } = facts;
  return { ...facts, original: copyOf(original), current: copyOf(current), steps: [...steps] };
}

/** Views of several. */
export function viewsOf(records: readonly TransactionRecord[], pen: Pen): TransactionView[] {
  return records.map((record) => viewOf(record, pen));
}

type Matcher = (record: TransactionRecord) => boolean;

/** By what the pen writes: what is not shown cannot be guessed letter by letter either. */
function matcher(filter: TransactionFilter, pen: Pen): Matcher {
  const all: Matcher[] = [];
  const { address, client, outcome, rule, reply } = filter;
  if (address !== undefined) all.push(byAddress(address.toLowerCase(), pen));
  if (client !== undefined) all.push(byClient(client.toLowerCase(), pen));
  if (outcome !== undefined) all.push(({ end }) => outcomeOf(end) === outcome);
  if (rule !== undefined) all.push(({ facts }) => facts.steps.some(({ check }) => check === rule));
  if (reply !== undefined) all.push(byReply(reply.toLowerCase(), pen));
  return (record) => all.every((matches) => matches(record));
}

function byAddress(part: string, pen: Pen): Matcher {
  const inPath = (path: Path): boolean => pen.address(path).toLowerCase().includes(part);
  return ({ facts: { original, current } }) =>
    [original, current].some(({ reversePath, recipients }) =>
      inPath(reversePath) || recipients.some(({ forwardPath }) => inPath(forwardPath))
    );
}

function byClient(part: string, pen: Pen): Matcher {
  return ({ session: { client: { address, name = "", hello, login } } }) =>
    [address, name, hello, login === undefined ? "" : pen.login(login)]
      .some((text) => text.toLowerCase().includes(part));
}

function byReply(part: string, pen: Pen): Matcher {
  return ({ end, facts: { original } }) => {
    const replies = original.recipients.flatMap(({ reply }) => reply ?? []);
    if ("reply" in end) replies.push(end.reply);
    return replies.some((reply) => pen.reply(reply).toLowerCase().includes(part));
  };
}
