/**
 * Live streams to viewers. What is new is computed and encoded once for all who are at the same
 * place, at intervals and never on behalf of mail; a viewer costs one entry in a queue.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import {
  encodeEvent,
  EVENT_STREAM_HEADERS,
  GREETING,
  HEARTBEAT,
  parseLastEventId,
} from "./sse_format.ts";
import { type Awaitable, use } from "./source.ts";
import type { Viewer, Viewers } from "./sse_viewers.ts";

export { StalledError, Viewers, type ViewersOptions } from "./sse_viewers.ts";

/** Milliseconds after which a viewer that was sent nothing is sent a comment. */
const HEARTBEAT_INTERVAL = 15_000;

/** What is told to viewers as one event. */
export interface Batch {
  /** How far it goes; never below the id that was asked for, unless that was not one of ours. */
  readonly id: number;
  /** Type of the event. */
  readonly event: string;
  /** Sent as JSON. Says itself what was left out. */
  readonly data: object;
  /** Nothing comes after it: the stream ends there. */
  readonly last?: boolean;
}

/** There is nothing to tell up to there, so nobody need look at it again. */
export type Passed = Pick<Batch, "id">;

/**
 * What is new after an id.
 *
 * @param id What the viewer has seen: an id of ours, or any number that it claims; `undefined`
 * where it comes new. A batch without content is a better answer to that than none, for with it
 * the viewer has a place.
 * An answer that takes time comes when it comes; nobody is asked again for a viewer that waits for it.
 */
export type Since = (id: number | undefined) => Awaitable<Batch | Passed | undefined>;

/** What feeds have in common. */
export interface FeedOptions {
  /** Turns the one timer of a feed. */
  readonly clock: Clock;
  /** All who watch, whatever they watch. */
  readonly viewers: Viewers;
  /** Milliseconds between two looks at what is new. */
  readonly interval: number;
}

/** One feed. */
export interface LiveFeedOptions extends FeedOptions {
  /** Asked once at each interval for each place at which viewers are: commonly one. */
  readonly since: Since;
  /** The last viewer has left. */
  readonly emptied?: () => void;
}

/** What has become of a place. */
interface News {
  readonly id: number | undefined;
  readonly octets?: Uint8Array;
  readonly last?: boolean;
}

/**
 * One source with any number of viewers, and a timer as long as there are any.
 *
 * An error that `since` throws ends the streams of all viewers: they may come again.
 */
export class LiveFeed {
  readonly #options: LiveFeedOptions;
  readonly #viewers = new Set<Viewer>();
  /** Those whose news are on their way. */
  readonly #waiting = new Set<Viewer>();
  #timer: Timer | undefined;

  /**
   * Makes a feed that does nothing until somebody watches.
   *
   * @param options What it tells, and when.
   */
  constructor(options: LiveFeedOptions) {
    this.#options = options;
  }

  /**
   * Answers somebody who wants to watch. What is new for it is queued before it reads.
   *
   * @param lastEventId The header of that name, if there was one.
   * @returns `undefined` where there are too many viewers, which is 503.
   * @throws What `since` threw.
   */
  respond(lastEventId?: string | null): Response | undefined {
    const news = this.#newsSince(parseLastEventId(lastEventId));
    const now = this.#options.clock.monotonic();
    const viewer = this.#options.viewers.admit(now, (viewer) => this.#departed(viewer));
    if (viewer === undefined) return undefined;
    this.#viewers.add(viewer);
    this.#schedule();
    viewer.send(GREETING, now);
    this.#deliver(viewer, news);
    return new Response(viewer.stream, { headers: EVENT_STREAM_HEADERS });
  }

  #schedule(): void {
    this.#timer ??= this.#options.clock.after(this.#options.interval, () => {
      this.#timer = undefined;
      try {
        this.#tick();
      } catch (error) {
        for (const viewer of this.#viewers) viewer.fail(error);
      }
      if (this.#viewers.size > 0) this.#schedule();
    });
  }

  #departed(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#options.emptied?.();
  }

  #tick(): void {
    const now = this.#options.clock.monotonic();
    const known = new Map<number | undefined, Awaitable<News>>();
    for (const viewer of this.#viewers) {
      if (viewer.dropIfStalled(now) || viewer.ending || this.#waiting.has(viewer)) continue;
      const { position } = viewer;
      const news = known.get(position) ?? this.#newsSince(position);
      known.set(position, news);
      this.#deliver(viewer, news);
      if (now - viewer.sentAt >= HEARTBEAT_INTERVAL) viewer.send(HEARTBEAT, now);
    }
  }

  #deliver(viewer: Viewer, news: Awaitable<News>): void {
    const { clock } = this.#options;
    if (!(news instanceof Promise)) return tell(viewer, news, clock.monotonic());
    this.#waiting.add(viewer);
    news.then((come) => tell(viewer, come, clock.monotonic()), (error) => viewer.fail(error))
      .finally(() => this.#waiting.delete(viewer));
  }

  #newsSince(id: number | undefined): Awaitable<News> {
    return use(this.#options.since(id), (found): News => {
      if (found === undefined) return { id };
      if (!("event" in found)) return found;
      const octets = encodeEvent(found.id, found.event, JSON.stringify(found.data));
      return { id: found.id, octets, last: found.last };
    });
  }
}

function tell(viewer: Viewer, { id, octets, last }: News, now: number): void {
  viewer.position = id;
  if (octets !== undefined) viewer.send(octets, now);
  if (last) viewer.end();
}

/**
 * Feeds of one kind by what their viewers ask for: a filter, a session. Each is gone with its last
 * viewer.
 */
export class LiveFeeds {
  readonly #options: FeedOptions;
  readonly #feeds = new Map<string, LiveFeed>();

  /**
   * Makes none yet.
   *
   * @param options Of each feed.
   */
  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** How many there are; never more than viewers. */
  get size(): number {
    return this.#feeds.size;
  }

  /**
   * Answers somebody who wants to watch.
   *
   * @param key The same for the same `since`.
   * @param since Used where `key` has no feed yet.
   * @param lastEventId As for {@linkcode LiveFeed.respond}, and so are the answer and the errors.
   */
  respond(key: string, since: Since, lastEventId?: string | null): Response | undefined {
    const emptied = () => void this.#feeds.delete(key);
    const feed = this.#feeds.get(key) ?? new LiveFeed({ ...this.#options, since, emptied });
    const response = feed.respond(lastEventId);
    if (response !== undefined) this.#feeds.set(key, feed);
    return response;
  }
}
