/**
 * Several upstreams as one: each session gets a connection to one of them.
 *
 * Members of the lowest priority are used first, those of the next one only where none of them can
 * be. A member that could not be reached, or was lost before a reply, is down for a while, and then
 * asked in the background before clients are sent to it again. Where all are down, they are tried
 * all the same.
 *
 * @module
 */

import { type Clock, systemClock, TimeoutError, type Timer, within } from "../clock.ts";
import { OptionError } from "../errors.ts";
import { CommonOffer, type Offers } from "../session/common_offer.ts";
import type { SessionFacts } from "../session/facts.ts";
import {
  type PoolState,
  type Upstream,
  UpstreamFailure,
  type UpstreamLink,
  type UpstreamOffer,
} from "../session/upstream.ts";
import { failureOfAll } from "./failure_of_all.ts";
import { Health } from "./health.ts";
import { blame, candidates, type Member } from "./member.ts";
import { memberLink } from "./member_link.ts";
import type { Strategy } from "./strategy.ts";

/** Milliseconds after which members that have not said what they offer do not count. */
const PATIENCE = 5_000;

/** One of several upstreams. */
export interface BalancedMember {
  /** It is closed with the whole. */
  readonly upstream: Upstream;
  /** Its share among those of the same priority, greater than 0. @default 1 */
  readonly weight?: number;
  /** Lower ones come first. @default 0 */
  readonly priority?: number;
}

/** Where members come from, if they can change. */
export interface MemberSource {
  /**
   * Those of now, at least one; the same array for the same members.
   *
   * @throws {UpstreamFailure} If there are none.
   */
  members(): Promise<readonly BalancedMember[]>;
  /** Closes all upstreams that it has named. */
  close(): Promise<void>;
}

/** Options of a {@linkcode BalancedUpstream}. */
export interface BalancedOptions {
  /** Which of several equals gets the next session. @default "round-robin" */
  readonly strategy?: Strategy;
  /** Members that one session tries. @default 5 */
  readonly attempts?: number;
  /**
   * Milliseconds for all of them. Each may take half of what is left, the last all of it.
   *
   * @default 60000 A client waits for five minutes (RFC 5321 §4.5.3.2.2).
   */
  readonly timeLimit?: number;
  /** Milliseconds after which all members are asked anew, from the first session on. @default never */
  readonly probeInterval?: number;
  /** Members are ways to one server: what one offers, all do. @default false */
  readonly oneServer?: boolean;
  /** Times all waits. @default The runtime's clock. */
  readonly clock?: Clock;
  /** From 0 up to, and not including, 1. @default Math.random */
  readonly random?: () => number;
}

/**
 * Several upstreams as one; the module says how they are chosen.
 *
 * @example The second one while the first cannot be reached
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import {
 *   BalancedUpstream,
 *   CaptureUpstream,
 *   MemoryStore,
 *   type Upstream,
 *   UpstreamFailure,
 * } from "@sluice/sluice";
 *
 * const unreachable = () => Promise.reject(new UpstreamFailure("unreachable", "Nobody there"));
 * const first: Upstream = {
 *   name: "first",
 *   offer: unreachable,
 *   connect: unreachable,
 *   close: () => Promise.resolve(),
 * };
 * const second = new CaptureUpstream("second", new MemoryStore());
 * const both = new BalancedUpstream("both", [
 *   { upstream: first, priority: 0 },
 *   { upstream: second, priority: 1 },
 * ]);
 * const { extensions } = await both.offer();
 * assertEquals(extensions.has("8BITMIME"), true);
 * await both.close();
 * ```
 */
export class BalancedUpstream implements Upstream {
  /** For logs. */
  readonly name: string;
  readonly #source: MemberSource;
  readonly #options: Required<Omit<BalancedOptions, "probeInterval">>;
  readonly #interval: number | undefined;
  readonly #common = new CommonOffer("each");
  /** What the source has said last. */
  #named: readonly BalancedMember[] | undefined;
  /** By priority, and then in the order of the source. */
  #members: readonly Member[] = [];
  readonly #probes = new Set<Promise<void>>();
  #timer: Timer | undefined;
  #closed = false;

  /**
   * Puts upstreams together.
   *
   * @param members At least one, or where they come from.
   * @throws {OptionError} If there is none, or an option cannot be used.
   */
  constructor(
    name: string,
    members: readonly BalancedMember[] | MemberSource,
    options: BalancedOptions = {},
  ) {
    this.name = name;
    this.#source = "members" in members ? members : fixed(members);
    this.#options = {
      strategy: options.strategy ?? "round-robin",
      attempts: atLeast(1, "attempts", options.attempts ?? 5),
      timeLimit: atLeast(1, "timeLimit", options.timeLimit ?? 60_000),
      oneServer: options.oneServer ?? false,
      clock: options.clock ?? systemClock,
      random: options.random ?? Math.random,
    };
    const { probeInterval } = options;
    this.#interval = probeInterval === undefined
      ? undefined
      : atLeast(1, "probeInterval", probeInterval);
  }

  /** What members keep, together; absent where none keeps any. */
  get pool(): PoolState | undefined {
    const pools = this.#members.flatMap(({ upstream }) => upstream.pool ?? []);
    if (pools.length === 0) return undefined;
    const sum = (of: keyof PoolState): number => pools.reduce((sum, pool) => sum + pool[of], 0);
    return { open: sum("open"), idle: sum("idle"), waiting: sum("waiting") };
  }

  /** What all that are up offer; of those that are down where none is up. */
  async offer(maxAge?: number): Promise<UpstreamOffer> {
    const members = await this.#present();
    if (this.#options.oneServer) {
      return await this.#first(members, (member) => this.#offerOf(member, maxAge));
    }
    const up = members.filter(({ health }) => !health.down);
    return this.#common.of(await this.#offers(up.length > 0 ? up : members, maxAge));
  }

  /** Tries one after the other until one has greeted. */
  async connect(session: SessionFacts, signal: AbortSignal): Promise<UpstreamLink> {
    return await this.#first(
      await this.#present(),
      (member, milliseconds) => this.#open(member, milliseconds, session, signal),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#source.close();
    await Promise.all(this.#probes);
  }

  /** The members of now. Those that have been down for long enough are asked whether they still are. */
  async #present(): Promise<readonly Member[]> {
    const named = await this.#source.members();
    if (named !== this.#named) this.#learn(named);
    this.#startTimer();
    if (this.#members.some(({ health }) => !health.down)) {
      for (const member of this.#members) if (member.health.due) this.#probe(member);
    }
    return this.#members;
  }

  #learn(named: readonly BalancedMember[]): void {
    const known = new Map(this.#members.map((member) => [member.upstream, member]));
    const { clock, random } = this.#options;
    this.#named = named;
    this.#members = named.map(({ upstream, weight = 1, priority = 0 }): Member => {
      const member = known.get(upstream) ?? {
        upstream,
        health: new Health(clock, random),
        connections: 0,
        credit: 0,
        probing: false,
      };
      return Object.assign(member, { weight, priority });
    }).sort((one, other) => one.priority - other.priority);
  }

  /**
   * The first result that `use` has for a member.
   *
   * @throws {UpstreamFailure} The most telling failure, with what all of them say.
   */
  async #first<T>(
    members: readonly Member[],
    use: (member: Member, milliseconds: number) => Promise<T>,
  ): Promise<T> {
    const { clock, strategy, attempts, timeLimit } = this.#options;
    const end = clock.monotonic() + timeLimit;
    const failures: UpstreamFailure[] = [];
    for (const member of candidates(strategy, members)) {
      const left = end - clock.monotonic();
      if (failures.length === attempts || left <= 0) break;
      const last = failures.length + 1 === Math.min(attempts, members.length);
      try {
        return await use(member, last ? left : left / 2);
      } catch (error) {
        if (!(error instanceof UpstreamFailure) || error.kind === "aborted") throw error;
        failures.push(error);
      }
    }
    throw failureOfAll(failures, members.length - failures.length);
  }

  async #open(
    member: Member,
    milliseconds: number,
    session: SessionFacts,
    signal: AbortSignal,
  ): Promise<UpstreamLink> {
    const { upstream, health } = member;
    const limit = new AbortController();
    const abort = (): void => limit.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    member.connections++;
    const opening = upstream.connect(session, limit.signal);
    try {
      const link = await within(this.#options.clock, milliseconds, "a connection", opening);
      health.succeeded();
      return memberLink(link, {
        lost: () => health.failed(),
        ended: () => void member.connections--,
      });
    } catch (error) {
      member.connections--;
      // It has no room, which is no fault of its server.
      const full = (upstream.pool?.waiting ?? 0) > 0;
      limit.abort(error);
      // Whatever comes of it now, nobody wants it.
      opening.then((link) => link.abort(), () => {});
      if (!signal.aborted) throw blame(member, error, full);
      // Where this is a member itself, it has let its own time pass with this one.
      if (signal.reason instanceof TimeoutError) health.failed();
      throw new UpstreamFailure("aborted", "The session has ended", { cause: error });
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  async #offerOf(member: Member, maxAge: number | undefined): Promise<UpstreamOffer> {
    try {
      return await member.upstream.offer(maxAge);
    } catch (error) {
      throw blame(member, error);
    }
  }

  /**
   * What each of those that are asked offers, in the order of all members. After a while whoever has
   * not answered does not count, if anybody has.
   *
   * @throws {UpstreamFailure} If nobody has.
   */
  #offers(asked: readonly Member[], maxAge: number | undefined): Promise<Offers> {
    const all = this.#members;
    return new Promise((resolve, reject) => {
      const offers = new Map<Member, UpstreamOffer>();
      const failures: UpstreamFailure[] = [];
      let left = asked.length;
      let patient = true;
      const look = (): void => {
        if (left > 0 && (patient || offers.size === 0)) return;
        timer.cancel();
        if (offers.size > 0) resolve(all.map((member) => offers.get(member)));
        else reject(failureOfAll(failures, 0));
      };
      const timer = this.#options.clock.after(PATIENCE, () => {
        patient = false;
        look();
      });
      for (const member of asked) {
        this.#offerOf(member, maxAge)
          .then((offer) => void offers.set(member, offer))
          .catch((error) => {
            if (error instanceof UpstreamFailure) failures.push(error);
            else reject(error);
          })
          .finally(() => {
            left--;
            look();
          });
      }
    });
  }

  #startTimer(): void {
    if (this.#interval === undefined || this.#timer !== undefined || this.#closed) return;
    this.#timer = this.#options.clock.after(this.#interval, () => {
      this.#timer = undefined;
      this.#startTimer();
      for (const member of this.#members) this.#probe(member);
    });
  }

  /** Asks a member in the background. */
  #probe(member: Member): void {
    if (member.probing || this.#closed) return;
    member.probing = true;
    const probe = this.#offerOf(member, 0)
      .then(() => member.health.answered(), () => {})
      .finally(() => {
        member.probing = false;
        this.#probes.delete(probe);
      });
    this.#probes.add(probe);
  }
}

function fixed(members: readonly BalancedMember[]): MemberSource {
  if (members.length === 0) throw new OptionError("members", "none", "at least one");
  for (const { weight = 1 } of members) {
    if (!(weight > 0 && weight < Infinity)) {
      throw new OptionError("weight", weight, "a number greater than 0");
    }
  }
  return {
    members: () => Promise.resolve(members),
    close: async () => {
      await Promise.all(members.map(({ upstream }) => upstream.close()));
    },
  };
}

function atLeast(least: number, option: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new OptionError(option, value, `a whole number of at least ${least}`);
}
