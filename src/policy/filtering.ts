/**
 * Asks the filters of a policy: all at once, because they read the same message while it comes. The
 * first refusal decides, and nobody waits for the others then; otherwise what all of them have said
 * counts, in the order of their definitions.
 *
 * @module
 */

import { TimeoutError, type Timer } from "../clock.ts";
import type { HeaderEdit } from "../message/header_section.ts";
import { deferred } from "../deferred.ts";
import { DECIDED, TooMuch } from "../message/feed.ts";
import type { Message } from "../message/message.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { PhaseFacts, Ruling, Verdict } from "../session/phases.ts";
import { type Soon, when } from "../soon.ts";
import { Asking, type Definition, failureOf, type JudgeOptions, NOTHING } from "./asking.ts";
import type { Answer } from "./policy.ts";

/** Made once, because every message comes to that. */
const ANSWERED = new Error("The filter has answered");

/** Lets so many at a time do something, the others wait for their turn. */
export class Turns {
  #left: number;
  readonly #waiting: (() => void)[] = [];

  /** @param most Default: any number. */
  constructor(most: number = Infinity) {
    this.#left = most;
  }

  /** Waits until it is somebody's turn, who ends it; there is no promise where it is at once. */
  take(): Promise<void> | void {
    if (this.#left > 0) this.#left--;
    else return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** A turn is over. */
  end(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#left++;
    else next();
  }
}

/** What a session of a policy has. */
export interface Filtered {
  readonly definitions: readonly Definition[];
  /** What each definition keeps. */
  readonly kept: readonly unknown[];
  /** Those of each definition, in all sessions. */
  readonly turns: readonly Turns[];
  readonly options: JudgeOptions;
}

type FilterFacts = PhaseFacts["filter"];

/** See the module. Never rejects. */
export async function askFilters(session: Filtered, facts: FilterFacts): Promise<Ruling> {
  const { definitions, options } = session;
  const asking = new Asking(options, "filter");
  const over = new AbortController();
  const { ended, signal } = facts.message;
  const leave = (): void => over.abort(signal.reason);
  signal.addEventListener("abort", leave);
  if (signal.aborted) leave();
  const message: Message = {
    ended,
    signal: over.signal,
    stream: (options) => facts.message.stream(options),
  };
  const own = { ...facts, message };
  const said = await decisive(
    definitions.map((definition, nth) =>
      definition.filter === undefined
        ? NOTHING
        : asking.listen(definition, () => read(session, nth, own), false)
    ),
  );
  signal.removeEventListener("abort", leave);
  over.abort(DECIDED);
  // Who is late may still have something to say, but nobody listens.
  return { ...summed(said), steps: [...asking.steps], asked: [...asking.inquiries] };
}

/** The first refusal, or what all have said. */
function decisive(answers: readonly Soon<readonly Verdict[]>[]): Promise<readonly Verdict[]> {
  return new Promise((resolve, reject) => {
    const said: (readonly Verdict[])[] = [];
    let missing = answers.length;
    for (const [nth, answer] of answers.entries()) {
      const hear = (verdicts: readonly Verdict[]): void => {
        said[nth] = verdicts;
        const refusal = verdicts.find(({ kind }) => kind === "reject" || kind === "disconnect");
        if (refusal !== undefined) resolve([refusal]);
        else if (--missing === 0) resolve(said.flat());
      };
      if (answer instanceof Promise) answer.then(hear, reject);
      else hear(answer);
    }
  });
}

/** What several verdicts come to that were given independently of each other. */
export function summed(verdicts: readonly Verdict[]): Omit<Ruling, "steps" | "asked"> {
  const edits: HeaderEdit[] = [];
  let beyond: Reply | undefined;
  let score: number | undefined;
  let discard = false;
  let quarantine = false;
  for (const verdict of verdicts) {
    if (verdict.kind === "reject") return { refusal: verdict.reply };
    if (verdict.kind === "disconnect") return { refusal: verdict.reply, close: true };
    if (verdict.kind === "edit") {
      edits.push(...verdict.edits);
      beyond ??= verdict.beyond;
    }
    if (verdict.kind === "score") score = (score ?? 0) + verdict.points;
    discard ||= verdict.kind === "discard";
    quarantine ||= verdict.kind === "quarantine";
  }
  return {
    // What one wants to keep another must not lose.
    ...quarantine ? { quarantine } : discard && { discard },
    ...edits.length > 0 && { edits, beyond },
    ...score !== undefined && { score },
  };
}

/** One filter at its work: in its turn, with its limits. */
async function read(
  { definitions, kept, turns, options }: Filtered,
  nth: number,
  facts: FilterFacts,
): Promise<Answer> {
  const definition = definitions[nth];
  const { name = "policy", reading = {}, timeLimit = options.timeLimit } = definition;
  const { message } = facts;
  const lost = deferred<never>();
  lost.promise.catch(() => {});
  const abort = (): void => lost.reject(message.signal.reason);
  message.signal.addEventListener("abort", abort);
  const answered = new AbortController();
  const own = { limit: reading.octets, failed: lost.reject, signal: answered.signal };
  // From the first octet, whenever the filter comes to read it.
  let first: ReadableStream<Uint8Array> | undefined = message.stream(own);
  const limited = {
    ...message,
    stream: () => {
      const stream = first ?? message.stream(own);
      first = undefined;
      return stream;
    },
  };
  // A client may be slow: the time of a filter begins with the end of the message.
  let timer: Timer | undefined;
  const expired = (): void => lost.reject(new TimeoutError(`${name} at filter`, timeLimit));
  void message.ended.then(
    () => {
      if (!answered.signal.aborted) timer = options.clock.after(timeLimit, expired);
    },
    () => {},
  );
  const turn = turns[nth].take();
  try {
    if (turn !== undefined) await Promise.race([turn, lost.promise]);
    const check = definition.filter as (facts: FilterFacts, own: unknown) => Soon<Answer>;
    return await Promise.race([check({ ...facts, message: limited }, kept[nth]), lost.promise]);
  } catch (error) {
    // Nobody waits for it any more: that is no failure.
    if (message.signal.aborted) return undefined;
    if (!(error instanceof TooMuch) || reading.larger === undefined) throw error;
    options.failed("filter", name, error);
    return failureOf(reading.larger, options.onFailure) as Answer;
  } finally {
    message.signal.removeEventListener("abort", abort);
    timer?.cancel();
    // What nobody reads, or nobody any more, must not keep the message waiting.
    answered.abort(ANSWERED);
    void when(turn, () => turns[nth].end());
  }
}
