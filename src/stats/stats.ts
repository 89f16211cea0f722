/**
 * Statistics of a proxy: what it is told as an observer, and what whoever wants to know is shown.
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import type { TransactionFacts } from "../session/facts.ts";
import type { Observer, TransactionEnd } from "../session/observer.ts";
import type { Ruling } from "../session/phases.ts";
import { HeavyHitters } from "./heavy_hitters.ts";
import { History } from "./history.ts";
import { Metrics } from "./metrics.ts";
import { Rate } from "./rate.ts";
import { RuleLog } from "./rule_log.ts";
import { SessionLog } from "./session_log.ts";
import { outcomeOf } from "./transaction_record.ts";
import { TransactionLog } from "./transaction_log.ts";
import { UpstreamLog } from "./upstream_log.ts";
import { type Outcome, outcomes, type StatsView } from "./views.ts";
import { WallClock } from "./wall_clock.ts";
import { WindowedHistogram } from "./windowed_histogram.ts";

/** However much mail there is, the last transactions reach back for half as many seconds. */
const SECONDS = 5;

/** How many of the most frequent are shown. */
const TOP = 10;

/** What statistics can be told. */
export interface StatsOptions {
  /** Mail transactions that are remembered; fewer where they are large. @default 1000 */
  readonly transactions?: number;
  /**
   * So many a second, a quarter of them at once, are remembered with all that was said in them, and
   * so many more of those that were not accepted, without.
   *
   * @default A fifth of `transactions`
   */
  readonly perSecond?: number;
  /**
   * The number of the next transaction, above that of the last; several that share it count together.
   *
   * @default one more
   */
  readonly nextNumber?: () => number;
  /** Times everything. @default The runtime's clock. */
  readonly clock?: Clock;
}

/** See the module. Its memory is bounded, whatever happens. */
export class Stats {
  /** For Prometheus. */
  readonly metrics: Metrics;
  /** Those that are open. */
  readonly sessions: SessionLog;
  /** The last ones. */
  readonly transactions: TransactionLog;
  /** What each rule does. */
  readonly rules = new RuleLog();
  /** How each upstream does. */
  readonly upstreams: UpstreamLog;
  /** The last day. */
  readonly history: History;
  /** For the option `observers`, or `Proxy.observe`. */
  readonly observer: Observer;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #outcomes: Record<Outcome, number>;
  #octets = 0;
  readonly #sessionRate: Rate;
  readonly #transactionRate: Rate;
  readonly #octetRate: Rate;
  readonly #commandTimes: WindowedHistogram;
  readonly #policyTimes: WindowedHistogram;
  readonly #upstreamTimes: WindowedHistogram;
  readonly #clients: HeavyHitters;
  readonly #senderDomains: HeavyHitters;
  readonly #recipientDomains: HeavyHitters;

  /**
   * Begins to count.
   *
   * @param options How much is remembered.
   */
  constructor(options: StatsOptions = {}) {
    const { transactions = 1000, perSecond, nextNumber, clock = systemClock } = options;
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.#outcomes = Object.fromEntries(outcomes.map((one) => [one, 0])) as Record<Outcome, number>;
    this.#sessionRate = new Rate(clock);
    this.#transactionRate = new Rate(clock);
    this.#octetRate = new Rate(clock);
    this.#commandTimes = new WindowedHistogram(clock);
    this.#policyTimes = new WindowedHistogram(clock);
    this.#upstreamTimes = new WindowedHistogram(clock);
    this.#clients = new HeavyHitters(clock);
    this.#senderDomains = new HeavyHitters(clock);
    this.#recipientDomains = new HeavyHitters(clock);
    this.metrics = new Metrics(this.#startedAt);
    this.history = new History(clock);
    this.transactions = new TransactionLog(
      transactions,
      perSecond ?? Math.ceil(transactions / SECONDS),
      nextNumber,
    );
    this.upstreams = new UpstreamLog(clock, (name, connections) => {
      this.metrics.upstreamConnections.with(name).read(connections);
    });
    this.sessions = new SessionLog(clock, this.transactions);
    this.metrics.sessions.read(() => this.sessions.open);
    this.observer = this.#tell();
  }

  /** The conditions of a rule were looked at; `took` in milliseconds. */
  readonly looked = (rule: string, met: boolean, took: number): void => {
    this.rules.looked(rule, met, took);
    this.metrics.looked(rule, met, took);
  };

  /**
   * What goes on as a whole, now.
   *
   * @param rest What is no matter of statistics.
   * @param top How many of the most frequent are shown. Default 10.
   */
  view<Rest extends Pick<StatsView, "draining">>(
    rest: Rest,
    top: number = TOP,
  ): Omit<StatsView, "draining" | "viewers"> & Rest {
    return {
      at: this.#clock.now(),
      startedAt: this.#startedAt,
      sessions: { open: this.sessions.open, total: this.sessions.total },
      transactions: { ...this.#outcomes },
      octets: this.#octets,
      rates: {
        sessions: this.#sessionRate.perSecond,
        transactions: this.#transactionRate.perSecond,
        octets: this.#octetRate.perSecond,
      },
      latencies: {
        command: this.#commandTimes.view(),
        policy: this.#policyTimes.view(),
        upstream: this.#upstreamTimes.view(),
      },
      top: {
        clients: this.#clients.top(top),
        senderDomains: this.#senderDomains.top(top),
        recipientDomains: this.#recipientDomains.top(top),
      },
      ...rest,
    };
  }

  /**
   * Tells each part what it counts. Mail passes here, so each call stands by itself, and one moment is
   * that of all.
   */
  #tell(): Observer {
    const { metrics, sessions, rules, upstreams } = this;
    const clock = this.#clock;
    const wall = new WallClock(clock);
    return {
      sessionOpened: (session) => {
        sessions.sessionOpened(session);
        this.#sessionRate.add();
        this.history.recordSessions(sessions.open);
      },
      sessionClosed: (session, end) => {
        metrics.sessionClosed(session, end);
        sessions.sessionClosed(session);
        this.history.recordSessions(sessions.open);
      },
      secured: (session) => {
        metrics.secured(session);
        sessions.secured(session);
      },
      lookedUp: (session, took) => metrics.lookedUp(session, took),
      command: (session, command, at) => {
        metrics.command(session, command);
        sessions.command(session, command, at, wall.at(at));
      },
      reply: (session, reply, to) => {
        const now = wall.at(to.at);
        metrics.reply(session, reply, to);
        sessions.reply(session, reply, to, now);
        this.#commandTimes.record(to.took, now);
      },
      ruling: (phase, facts, ruling) => {
        // Where nobody is asked, nobody has anything to say.
        if (ruling.asked === undefined && ruling.steps.length === 0) return;
        metrics.ruling(phase, facts, ruling);
        sessions.ruling(phase, facts, ruling);
        rules.ruling(phase, facts, ruling);
        this.#sumRuling(ruling);
      },
      difference: (session, phase) => metrics.difference(session, phase),
      transactionOpened: (transaction) => sessions.transactionOpened(transaction),
      transaction: (transaction, end) => {
        const now = clock.now();
        metrics.transaction(transaction, end);
        sessions.transaction(transaction, end, now);
        this.#sumTransaction(transaction, end, now);
      },
      upstreamOpened: (session, upstream, opened) => {
        metrics.upstreamOpened(session, upstream, opened);
        sessions.upstreamOpened(session, upstream, opened);
        upstreams.upstreamOpened(session, upstream, opened);
      },
      upstreamFailed: (session, upstream, error, took) => {
        metrics.upstreamFailed(session, upstream, error);
        sessions.upstreamFailed(session, upstream, error, took);
        upstreams.upstreamFailed(session, upstream, error);
      },
      upstreamReply: (session, upstream, answered) => {
        metrics.upstreamReply(session, upstream, answered);
        sessions.upstreamReply(session, upstream, answered);
        if (answered.verb !== "message") {
          return upstreams.upstreamReply(session, upstream, answered, wall.at(answered.at));
        }
        // The history takes any step back for a clock that was put back.
        const now = clock.now();
        upstreams.upstreamReply(session, upstream, answered, now);
        this.#upstreamTimes.record(answered.took, now);
        this.history.recordUpstream(answered.took, now);
      },
      upstreamClosed: (session, upstream) => upstreams.upstreamClosed(session, upstream),
      dropped: (session, octets) => metrics.dropped(session, octets),
      trouble: (session, error) => metrics.trouble(session, error),
    };
  }

  #sumRuling({ asked = [] }: Ruling): void {
    if (asked.length === 0) return;
    const took = asked.reduce((sum, one) => sum + one.took, 0);
    const now = this.#clock.now();
    this.#policyTimes.record(took, now);
    this.history.recordPolicy(took, now);
  }

  #sumTransaction(facts: TransactionFacts, end: TransactionEnd, now: number): void {
    const { session, original, octets } = facts;
    const outcome = outcomeOf(end);
    this.#outcomes[outcome]++;
    this.#transactionRate.add(1, now);
    if (outcome === "accepted") {
      this.#octets += octets;
      this.#octetRate.add(octets, now);
    }
    this.history.recordTransaction(outcome, octets, now);
    this.#clients.add(session.client.address, now);
    this.#senderDomains.add(original.reversePath.domain, now);
    for (const { forwardPath } of original.recipients) {
      this.#recipientDomains.add(forwardPath.domain, now);
    }
  }
}
