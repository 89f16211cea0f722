/**
 * How each upstream does, as the sessions find it.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import { IdMap } from "../id_map.ts";
import type { SessionFacts } from "../session/facts.ts";
import type { Observer, UpstreamAnswered, UpstreamOpened } from "../session/observer.ts";
import { type Upstream, UpstreamFailure } from "../session/upstream.ts";
import type { UpstreamView } from "./views.ts";
import { WindowedHistogram } from "./windowed_histogram.ts";

/** What is known of one. */
class Tally {
  /** Ids of the sessions that are connected; none has two connections to the same upstream. */
  readonly connections = new IdMap<true>();
  connected = 0;
  failed = 0;
  /** Milliseconds since 1970; absent where a connection has come about since. */
  failedAt: number | undefined;
  lastError: UpstreamView["lastError"];
  readonly connecting: WindowedHistogram;
  readonly answering: WindowedHistogram;

  constructor(clock: Clock) {
    this.connecting = new WindowedHistogram(clock);
    this.answering = new WindowedHistogram(clock);
  }
}

/** Names beyond these are not remembered: a policy may make up names. */
const MOST = 1_000;

/** See the module. */
export class UpstreamLog implements Observer {
  readonly #clock: Clock;
  readonly #tallies = new Map<string, Tally>();
  readonly #met: (name: string, connections: () => number) => void;
  /** The one that was told of last. */
  #last: { readonly name: string; readonly tally: Tally } | undefined;

  /** @param met Told of each upstream at its first event, and how to learn of its open connections. */
  constructor(clock: Clock, met: (name: string, connections: () => number) => void) {
    this.#clock = clock;
    this.#met = met;
  }

  /**
   * Milliseconds that what an upstream offers may be old to tell its health, at most so many: of a
   * time before the last failure it tells nothing.
   */
  maxAge(name: string, most: number): number {
    const { failedAt = -Infinity } = this.#tallies.get(name) ?? {};
    return Math.min(most, this.#clock.now() - failedAt);
  }

  /**
   * Those upstreams, with what each offers, no older than `maxAge`; one that offers nothing could not be
   * asked now.
   */
  of(
    upstreams: ReadonlyMap<string, Upstream>,
    offers: ReadonlyMap<string, readonly string[]>,
  ): UpstreamView[] {
    return Array.from(upstreams, ([name, { name: url }]) => {
      const tally = this.#tallies.get(name) ?? new Tally(this.#clock);
      const { connections, connected, failed, lastError } = tally;
      const offered = offers.get(name);
      return {
        name,
        url,
        health: offered === undefined ? "down" : "up",
        ...offered !== undefined && { offers: offered },
        connections: connections.size,
        connected,
        failed,
        connecting: tally.connecting.view(),
        answering: tally.answering.view(),
        ...lastError !== undefined && { lastError },
      };
    });
  }

  upstreamOpened({ id }: SessionFacts, upstream: string, { took, reused }: UpstreamOpened): void {
    const tally = this.#tally(upstream);
    if (tally === undefined) return;
    tally.failedAt = undefined;
    tally.connections.set(id, true);
    if (reused) return;
    tally.connected++;
    tally.connecting.record(took);
  }

  upstreamFailed(_session: SessionFacts, upstream: string, error: unknown): void {
    if (isCalledOff(error)) return;
    const tally = this.#tally(upstream);
    if (tally === undefined) return;
    tally.failedAt = this.#clock.now();
    tally.failed++;
    tally.lastError = { at: tally.failedAt, text: messageOf(error) };
  }

  /** @param now Milliseconds since 1970, where the caller knows it. */
  upstreamReply(
    _session: SessionFacts,
    upstream: string,
    { verb, took, reply }: UpstreamAnswered,
    now: number = this.#clock.now(),
  ): void {
    const tally = this.#tally(upstream);
    if (tally === undefined) return;
    if (reply === undefined) {
      tally.lastError = { at: now, text: `No reply to ${verb}` };
    } else if (verb === "message") tally.answering.record(took, now);
  }

  upstreamClosed({ id }: SessionFacts, upstream: string): void {
    this.#tally(upstream)?.connections.delete(id);
  }

  #tally(name: string): Tally | undefined {
    if (this.#last?.name === name) return this.#last.tally;
    const tally = this.#tallies.get(name) ?? this.#meet(name);
    if (tally !== undefined) this.#last = { name, tally };
    return tally;
  }

  #meet(name: string): Tally | undefined {
    if (this.#tallies.size >= MOST) return undefined;
    const tally = new Tally(this.#clock);
    this.#tallies.set(name, tally);
    this.#met(name, () => tally.connections.size);
    return tally;
  }
}

/** Whether it was no fault of the upstream: the session has ended before there was a connection. */
export function isCalledOff(error: unknown): boolean {
  return error instanceof UpstreamFailure && error.kind === "aborted";
}
