/**
 * How each upstream does, as the sessions find it.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { SessionFacts } from "../session/facts.ts";
import type { Observer, UpstreamAnswered, UpstreamOpened } from "../session/observer.ts";
import type { Upstream } from "../session/upstream.ts";
import type { UpstreamView } from "./views.ts";
import { WindowedHistogram } from "./windowed_histogram.ts";

/** What is known of one. */
class Tally {
  connections = 0;
  connected = 0;
  failed = 0;
  health: UpstreamView["health"] = "unknown";
  lastError: UpstreamView["lastError"];
  readonly connecting: WindowedHistogram;
  readonly answering: WindowedHistogram;

  constructor(clock: Clock) {
    this.connecting = new WindowedHistogram(clock);
    this.answering = new WindowedHistogram(clock);
  }
}

/** See the module. */
export class UpstreamLog implements Observer {
  readonly #clock: Clock;
  /** By name; names come from the configuration, so there are few. */
  readonly #tallies = new Map<string, Tally>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Those upstreams, with what each offers as far as that is known. */
  of(
    upstreams: ReadonlyMap<string, Upstream>,
    offers: ReadonlyMap<string, readonly string[]>,
  ): UpstreamView[] {
    return Array.from(upstreams, ([name, { name: url }]) => {
      const tally = this.#tally(name);
      const { connections, connected, failed, health, lastError } = tally;
      const offered = offers.get(name);
      return {
        name,
        url,
        health: health === "unknown" && offered !== undefined ? "up" : health,
        ...offered !== undefined && { offers: offered },
        connections,
        connected,
        failed,
        connecting: tally.connecting.view(),
        answering: tally.answering.view(),
        ...lastError !== undefined && { lastError },
      };
    });
  }

  upstreamOpened(_session: SessionFacts, upstream: string, { took }: UpstreamOpened): void {
    const tally = this.#tally(upstream);
    tally.health = "up";
    tally.connections++;
    tally.connected++;
    tally.connecting.record(took);
  }

  upstreamFailed(_session: SessionFacts, upstream: string, error: unknown): void {
    const tally = this.#tally(upstream);
    tally.health = "down";
    tally.failed++;
    tally.lastError = { at: this.#clock.now(), text: messageOf(error) };
  }

  upstreamReply(
    _session: SessionFacts,
    upstream: string,
    { verb, took, reply }: UpstreamAnswered,
  ): void {
    const tally = this.#tally(upstream);
    if (reply === undefined) {
      tally.lastError = { at: this.#clock.now(), text: `No reply to ${verb}` };
    } else if (verb === "message") tally.answering.record(took);
  }

  upstreamClosed(_session: SessionFacts, upstream: string): void {
    this.#tally(upstream).connections--;
  }

  #tally(name: string): Tally {
    let tally = this.#tallies.get(name);
    if (tally === undefined) this.#tallies.set(name, tally = new Tally(this.#clock));
    return tally;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
