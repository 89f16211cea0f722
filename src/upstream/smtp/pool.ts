/**
 * Connections to an upstream that outlive the sessions that use them.
 *
 * One is lent for a mail transaction, or for as long as a session wants it, and comes back if nothing
 * of that session is left on it: no open transaction, no login, no reply outstanding. All connections
 * of a pool are made alike (address, TLS, name in EHLO) and none has been told of a client, so that
 * any of them is as good as another.
 *
 * @module
 */

import type { Clock, Timer } from "../../clock.ts";
import { deferred } from "../../deferred.ts";
import type { SessionFacts } from "../../session/facts.ts";
import { UpstreamFailure, type UpstreamLink } from "../../session/upstream.ts";
import type { SmtpLink } from "./link.ts";
import { Loan } from "./loan.ts";

/** How many connections there may be, and how long each is kept. */
export interface PoolOptions {
  /**
   * At a time, lent and idle ones. A session has one from its first recipient to the end of its mail
   * transaction: fewer than there are clients that dawdle there, and others wait.
   *
   * @default 100
   */
  readonly connections: number;
  /** Milliseconds that one is kept while nobody wants it. @default 60000 */
  readonly idleTime: number;
  /** Milliseconds after its making that one is not lent again. @default 600000 */
  readonly age: number;
  /** Mail transactions after which one is not lent again. @default 1000 */
  readonly messages: number;
  /**
   * Refusals after which one is not lent again: a server that counts mistakes (Postfix delays and
   * then disconnects) must not have those of one client weigh on another.
   *
   * @default 5
   */
  readonly refusals: number;
  /** Sessions that may wait for a connection; the next is told 451. @default 1000 */
  readonly waiting: number;
  /** Milliseconds that one of them waits. @default 30000 */
  readonly patience: number;
}

/** The defaults; the members of {@linkcode PoolOptions} tell the numbers. */
export const defaultPool: PoolOptions = {
  connections: 100,
  idleTime: 60_000,
  age: 600_000,
  messages: 1000,
  refusals: 5,
  waiting: 1000,
  patience: 30_000,
};

/** Makes a connection. @throws {UpstreamFailure} */
type Connect = (session: SessionFacts | undefined, signal: AbortSignal) => Promise<SmtpLink>;

/** One connection of the pool. */
export interface Pooled {
  readonly link: SmtpLink;
  /** By the clock's `monotonic`. */
  readonly madeAt: number;
  /** Has been in the pool before, so that it may be gone without our knowing. */
  used: boolean;
  idleSince: number;
}

/** A session that waits for a connection. */
interface Waiting {
  /** Gives it one, or leave to make one. */
  readonly resolve: (pooled: Pooled | undefined) => void;
  readonly reject: (failure: UpstreamFailure) => void;
}

/** See the module. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #clock: Clock;
  readonly #connect: Connect;
  /** The one that came back last is lent first: the others grow old and go. */
  readonly #idle: Pooled[] = [];
  readonly #waiting = new Set<Waiting>();
  readonly #farewells = new Set<Promise<void>>();
  /** Lent and idle ones. */
  readonly #all = new Set<Pooled>();
  /** Those that are being made. */
  #making = 0;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: PoolOptions, clock: Clock, connect: Connect) {
    this.#options = options;
    this.#clock = clock;
    this.#connect = connect;
  }

  /** Connections that are open or being made. */
  get open(): number {
    return this.#all.size + this.#making;
  }

  /** Those that wait to be lent. */
  get idle(): number {
    return this.#idle.length;
  }

  /** Sessions that wait for one. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Lends an idle connection, if there is one. */
  lend(session: SessionFacts): UpstreamLink | undefined {
    const now = this.#clock.monotonic();
    for (let pooled = this.#idle.pop(); pooled !== undefined; pooled = this.#idle.pop()) {
      if (this.#good(pooled, now)) return new Loan(this, pooled, session);
      this.retire(pooled);
    }
    return undefined;
  }

  /**
   * Lends a connection.
   *
   * @param signal Calls it off.
   * @throws {UpstreamFailure} `busy` where there is none in time.
   */
  async connect(session: SessionFacts, signal: AbortSignal): Promise<UpstreamLink> {
    // Nothing tells of an end that is past.
    if (signal.aborted) throw new UpstreamFailure("aborted", "The session has ended");
    return this.lend(session) ?? new Loan(this, await this.#next(session, signal), session);
  }

  /**
   * Makes one in place of one that turned out to be gone: nobody who waits comes before it.
   *
   * @throws {UpstreamFailure}
   */
  replace(lost: Pooled, session: SessionFacts, signal: AbortSignal): Promise<Pooled> {
    this.#all.delete(lost);
    this.#making++;
    return this.#make(session, signal);
  }

  /** Takes one in that was made for something else and is as good as any. */
  adopt(link: SmtpLink): boolean {
    if (this.#closed || this.open >= this.#options.connections) return false;
    this.giveBack(this.#enter(link));
    return true;
  }

  /** Takes one back from a session that has left nothing on it. */
  giveBack(pooled: Pooled): void {
    const now = this.#clock.monotonic();
    if (!this.#good(pooled, now)) return this.retire(pooled);
    pooled.used = true;
    const waiting = this.#firstWaiting();
    if (waiting !== undefined) return waiting.resolve(pooled);
    pooled.idleSince = now;
    this.#idle.push(pooled);
    this.#watch();
  }

  /** Takes one back that nobody else may have. */
  retire(pooled: Pooled): void {
    // RFC 5321 §4.1.1.10: QUIT, and nobody waits for its reply.
    const farewell = pooled.link.quit().finally(() => {
      this.#farewells.delete(farewell);
      this.#forget(pooled);
    });
    this.#farewells.add(farewell);
  }

  /** Takes one back that must not be used any more, at once. */
  abort(pooled: Pooled): void {
    pooled.link.abort();
    this.#forget(pooled);
  }

  /** Closes the idle ones; those that are lent are closed when they come back. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const waiting of this.#waiting) {
      waiting.reject(new UpstreamFailure("aborted", "The upstream is being closed"));
    }
    this.#waiting.clear();
    for (const pooled of this.#idle.splice(0)) this.retire(pooled);
    while (this.#farewells.size > 0) await Promise.all(this.#farewells);
  }

  /** A new one, or the first that comes back where there may be no more. */
  async #next(session: SessionFacts, signal: AbortSignal): Promise<Pooled> {
    if (this.open >= this.#options.connections) {
      const pooled = await this.#wait(signal);
      if (pooled !== undefined) return pooled;
    } else this.#making++;
    return await this.#make(session, signal);
  }

  /** Makes one that is counted already. */
  async #make(session: SessionFacts, signal: AbortSignal): Promise<Pooled> {
    try {
      return this.#enter(await this.#connect(session, signal));
    } catch (error) {
      this.#freed();
      throw error;
    } finally {
      this.#making--;
    }
  }

  #enter(link: SmtpLink): Pooled {
    const now = this.#clock.monotonic();
    const pooled = { link, madeAt: now, used: false, idleSince: now };
    this.#all.add(pooled);
    return pooled;
  }

  /** @returns Nothing where another connection may be made: it is counted already. */
  #wait(signal: AbortSignal): Promise<Pooled | undefined> {
    const { waiting: most, patience } = this.#options;
    if (this.#waiting.size >= most) {
      return Promise.reject(new UpstreamFailure("busy", `${most} sessions wait for a connection`));
    }
    const { promise, resolve, reject } = deferred<Pooled | undefined>();
    const waiting: Waiting = { resolve, reject };
    const give = (kind: "busy" | "aborted", message: string): void => {
      this.#waiting.delete(waiting);
      reject(new UpstreamFailure(kind, message));
    };
    const late = (): void => give("busy", `No connection became free within ${patience} ms`);
    const timer = this.#clock.after(patience, late);
    const abort = (): void => give("aborted", "The session has ended");
    signal.addEventListener("abort", abort);
    this.#waiting.add(waiting);
    return promise.finally(() => {
      timer.cancel();
      signal.removeEventListener("abort", abort);
    });
  }

  #good({ link, madeAt }: Pooled, now: number): boolean {
    const { age, messages, refusals } = this.#options;
    return !this.#closed && link.usable && link.transactions < messages &&
      link.refusals < refusals && now - madeAt < age;
  }

  /** One is gone. */
  #forget(pooled: Pooled): void {
    if (this.#all.delete(pooled)) this.#freed();
  }

  /** Somebody who waits may make one in the place of one that is gone. */
  #freed(): void {
    const waiting = this.#firstWaiting();
    if (waiting === undefined) return;
    this.#making++;
    waiting.resolve(undefined);
  }

  /** Who has waited longest waits no more. */
  #firstWaiting(): Waiting | undefined {
    if (this.#waiting.size === 0) return undefined;
    const [waiting] = this.#waiting;
    this.#waiting.delete(waiting);
    return waiting;
  }

  /** One timer for all idle connections: that of the one which has waited longest. */
  #watch(): void {
    if (this.#timer !== undefined || this.#idle.length === 0) return;
    const left = this.#idle[0].idleSince + this.#options.idleTime - this.#clock.monotonic();
    this.#timer = this.#clock.after(Math.max(1, left), () => {
      this.#timer = undefined;
      const since = this.#clock.monotonic() - this.#options.idleTime;
      while (this.#idle.length > 0 && this.#idle[0].idleSince <= since) {
        this.retire(this.#idle.shift()!);
      }
      this.#watch();
    });
  }
}
