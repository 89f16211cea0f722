/**
 * What has gone on for the last 5 minutes, the last hour and the last day, in about 80 kB.
 *
 * There is a ring of equal steps for each of the three, and all that is recorded goes to all of them,
 * a second at a time. No timer moves them: a step ends when something is recorded or asked for after
 * it.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { type HistoryView, type Outcome, outcomes } from "./views.ts";
import { LogHistogram } from "./windowed_histogram.ts";

/** How far back one may look. */
export type Span = "5m" | "1h" | "1d";

/** For each span the length of a step in milliseconds, and how many of them it has. */
const spans: Readonly<Record<Span, { readonly step: number; readonly steps: number }>> = {
  "5m": { step: 1_000, steps: 300 },
  "1h": { step: 10_000, steps: 360 },
  "1d": { step: 300_000, steps: 288 },
};

const SECOND = 1_000;

/** What has happened in the present second. Each step of a span is made of whole ones. */
class Second {
  readonly transactions = Object.fromEntries(
    outcomes.map((outcome) => [outcome, 0]),
  ) as Record<Outcome, number>;
  octets = 0;
  readonly upstream = new LogHistogram();
  readonly policy = new LogHistogram();

  clear(): void {
    for (const outcome of outcomes) this.transactions[outcome] = 0;
    this.octets = 0;
    this.upstream.clear();
    this.policy.clear();
  }
}

/** The steps of one span, and the present one, which is not over. */
class Ring {
  readonly #transactions: Readonly<Record<Outcome, Float64Array>>;
  readonly #octets: Float64Array;
  readonly #sessions: Float64Array;
  readonly #upstreamP99: Float64Array;
  readonly #policyP99: Float64Array;
  /** Of the present step. */
  readonly #upstream = new LogHistogram();
  readonly #policy = new LogHistogram();
  readonly #step: number;
  readonly #steps: number;
  /** The number of the present step since 1970. */
  #present: number;

  constructor({ step, steps }: { step: number; steps: number }, now: number) {
    this.#step = step;
    this.#steps = steps;
    this.#present = Math.floor(now / step);
    const series = () => new Float64Array(steps + 1);
    this.#transactions = Object.fromEntries(
      outcomes.map((outcome) => [outcome, series()]),
    ) as Record<Outcome, Float64Array>;
    this.#octets = series();
    this.#sessions = series();
    this.#upstreamP99 = series();
    this.#policyP99 = series();
  }

  /** Where the present step has its numbers. */
  get #place(): number {
    return this.#placeOf(this.#present);
  }

  #placeOf(number: number): number {
    return number % (this.#steps + 1);
  }

  /** Adds a second of the present step. */
  add({ transactions, octets, upstream, policy }: Second): void {
    const place = this.#place;
    for (const outcome of outcomes) this.#transactions[outcome][place] += transactions[outcome];
    this.#octets[place] += octets;
    this.#upstream.merge(upstream);
    this.#policy.merge(policy);
  }

  /** Makes the step of `now` the present one; up to now so many sessions were open. */
  advance(now: number, sessions: number): void {
    const present = Math.floor(now / this.#step);
    if (present === this.#present) return;
    const ended = this.#place;
    this.#sessions[ended] = sessions;
    this.#upstreamP99[ended] = this.#upstream.quantile(0.99);
    this.#policyP99[ended] = this.#policy.quantile(0.99);
    this.#upstream.clear();
    this.#policy.clear();
    // If the clock was put back, what lies ahead of it now is forgotten.
    const first = Math.min(present, this.#present) + 1;
    const last = Math.max(present, this.#present);
    for (let number = Math.max(first, last - this.#steps); number <= last; number++) {
      this.#empty(this.#placeOf(number), sessions);
    }
    this.#present = present;
  }

  /** In a step in which nothing happens the sessions stay open. */
  #empty(place: number, sessions: number): void {
    for (const outcome of outcomes) this.#transactions[outcome][place] = 0;
    this.#octets[place] = 0;
    this.#sessions[place] = sessions;
    this.#upstreamP99[place] = 0;
    this.#policyP99[place] = 0;
  }

  view(): HistoryView {
    // The oldest step is the one that the next will take the place of.
    const oldest = this.#place + 1;
    const inOrder = (series: Float64Array): number[] =>
      Array.from({ length: this.#steps }, (_, n) => series[this.#placeOf(oldest + n)]);
    return {
      from: (this.#present - this.#steps) * this.#step,
      step: this.#step,
      series: {
        transactions: Object.fromEntries(
          outcomes.map((outcome) => [outcome, inOrder(this.#transactions[outcome])]),
        ) as Record<Outcome, number[]>,
        octets: inOrder(this.#octets),
        sessions: inOrder(this.#sessions),
        upstreamP99: inOrder(this.#upstreamP99),
        policyP99: inOrder(this.#policyP99),
      },
    };
  }
}

/** The recent past, step by step. */
export class History {
  readonly #clock: Pick<Clock, "now">;
  readonly #bySpan: Readonly<Record<Span, Ring>>;
  readonly #rings: readonly Ring[];
  readonly #second = new Second();
  /** The number of that one since 1970. */
  #present: number;
  #sessions = 0;

  /**
   * Has recorded nothing yet.
   *
   * @param clock Says when something happens, and when it is asked for.
   */
  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
    const now = clock.now();
    this.#present = Math.floor(now / SECOND);
    this.#bySpan = {
      "5m": new Ring(spans["5m"], now),
      "1h": new Ring(spans["1h"], now),
      "1d": new Ring(spans["1d"], now),
    };
    this.#rings = Object.values(this.#bySpan);
  }

  /**
   * A mail transaction has ended.
   *
   * @param octets Of the message; they count if it was accepted.
   * @param now Milliseconds since 1970, where the caller has just read the clock.
   */
  recordTransaction(outcome: Outcome, octets: number, now: number = this.#clock.now()): void {
    this.#advance(now);
    this.#second.transactions[outcome]++;
    if (outcome === "accepted") this.#second.octets += octets;
  }

  /** From now on so many sessions are open. */
  recordSessions(open: number): void {
    this.#advance(this.#clock.now());
    this.#sessions = open;
  }

  /**
   * The upstream has answered a message after so many milliseconds.
   *
   * @param now Milliseconds since 1970, where the caller has just read the clock.
   */
  recordUpstream(took: number, now: number = this.#clock.now()): void {
    this.#advance(now);
    this.#second.upstream.record(took);
  }

  /**
   * The policy has answered a question after so many milliseconds.
   *
   * @param now Milliseconds since 1970, where the caller has just read the clock.
   */
  recordPolicy(took: number, now: number = this.#clock.now()): void {
    this.#advance(now);
    this.#second.policy.record(took);
  }

  /**
   * The steps of a span that are over: 300 of 1 s, 360 of 10 s, or 288 of 5 min. The present one is
   * not among them, for it would look like a fall.
   *
   * What was before the start is 0, and so is what was between if nothing happened for long; only
   * sessions stay open.
   */
  view(span: Span): HistoryView {
    this.#advance(this.#clock.now());
    return this.#bySpan[span].view();
  }

  #advance(now: number): void {
    const present = Math.floor(now / SECOND);
    if (present === this.#present) return;
    for (const ring of this.#rings) {
      ring.add(this.#second);
      ring.advance(now, this.#sessions);
    }
    this.#second.clear();
    this.#present = present;
  }
}
