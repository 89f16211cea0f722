/**
 * The proxy: sessions over channels, however the channels came about.
 *
 * @module
 */

import type { Address, Channel, ChannelListener } from "./channel.ts";
import type { Clock } from "./clock.ts";
import { deferred } from "./deferred.ts";
import { IdMap } from "./id_map.ts";
import {
  type ListenerOptions,
  type ProxyOptions,
  type ResolvedOptions,
  resolveListener,
  resolveOptions,
} from "./options.ts";
import type { Policy } from "./policy/policy.ts";
import type { Observer } from "./session/observer.ts";
import { SessionServer } from "./session/server.ts";
import type { ListenerSettings, Settings } from "./session/settings.ts";
import type { Upstream } from "./session/upstream.ts";

/** Milliseconds for a session to end that the operator wants ended. */
const DISMISSAL = 5_000;

/**
 * All sessions of one configuration, and of those that {@linkcode Proxy.reload} puts in its place.
 * Made by {@linkcode createProxy}; it owns the upstreams that it was given, and no listener.
 *
 * @example Serving a listener, and an end in good order
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createProxy } from "@sluice/sluice";
 * import { denoDialer, listen } from "@sluice/sluice/deno";
 *
 * const proxy = createProxy({ hostname: "mx.example" });
 * const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 0 });
 * const served = proxy.serve(listener);
 *
 * const { address } = listener;
 * if (address.transport !== "tcp") throw new Error("not a TCP listener");
 * const client = await denoDialer.connect(address, AbortSignal.timeout(5_000));
 * assertEquals(new TextDecoder().decode(await client.read()), "220 mx.example ESMTP\r\n");
 *
 * const closed = proxy.close();
 * assertEquals(
 *   new TextDecoder().decode(await client.read()),
 *   "421 4.3.2 Shutting down\r\n",
 * );
 * client.close();
 * await Promise.all([served, closed]);
 * assertEquals(proxy.sessions, 0);
 * ```
 */
export class Proxy {
  #current: Generation;
  /** The current one, and those before it that still have sessions. */
  readonly #generations = new Set<Generation>();
  readonly #listeners = new Map<ChannelListener, Listening>();
  readonly #sessions = new IdMap<Served>();
  /** Distinguishes this process's sessions from those of another one in the same log. */
  readonly #prefix = crypto.randomUUID().slice(0, 8);
  #count = 0;
  #closing: Promise<void> | undefined;
  readonly #observers = new Set<Observer>();

  /**
   * Checks the options; neither listens nor connects.
   *
   * @throws {OptionError} If one of them cannot be used.
   */
  constructor(options: ProxyOptions) {
    this.#current = new Generation(resolveOptions(options, this.#observers));
    this.#generations.add(this.#current);
  }

  /** Sessions that have begun and not ended, those that are being refused with 421 among them. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Addresses of the listeners that are served. */
  get listening(): readonly Address[] {
    return [...this.#listeners.keys()].map(({ address }) => address);
  }

  /** Whether `close` has been called. */
  get closing(): boolean {
    return this.#closing !== undefined;
  }

  /** The policy that the next session has. */
  get policy(): Policy {
    return this.#current.policy;
  }

  /** The upstreams that the next session can use, by name; that of the option `upstream` is `default`. */
  get upstreams(): ReadonlyMap<string, Upstream> {
    return this.#current.settings.upstreams.byName;
  }

  /** Where the time comes from. */
  get clock(): Clock {
    return this.#current.settings.clock;
  }

  /**
   * Tells one more observer of what happens, in sessions that have begun too, also after a reload.
   *
   * @returns Ends that when it is disposed of.
   */
  observe(observer: Observer): Disposable {
    this.#observers.add(observer);
    return { [Symbol.dispose]: () => void this.#observers.delete(observer) };
  }

  /**
   * Ends one session with 421; one that waits for its upstream is cut off after five seconds. The
   * upstream never sees the end of a message that has not come to its end.
   *
   * @param id As in `SessionFacts`.
   * @returns False where there is no such session.
   */
  disconnect(id: string): boolean {
    const served = this.#sessions.get(id);
    if (served === undefined) return false;
    const { session, ended } = served;
    session.dismiss();
    const timer = this.clock.after(DISMISSAL, () => session.abort());
    void ended.then(() => timer.cancel());
    return true;
  }

  /**
   * Serves the connections of a listener until it is closed, by its owner or by `close`.
   *
   * @throws {OptionError} At once, for options that cannot be used.
   */
  serve(listener: ChannelListener, options: ListenerOptions = {}): Promise<void> {
    const settings = resolveListener(options, this.#current.settings, listener.address);
    this.#listeners.set(listener, { options, settings });
    return this.#accept(listener);
  }

  /**
   * Puts other options in the place of the present ones, all of them or, where one cannot be used,
   * none. A session that has begun keeps those that it began with to its end; the next one has the
   * new ones. An upstream that is not among the new ones is closed when the last session that could
   * use it has ended.
   *
   * @param options Everything: what is left out gets its default, and not what it was before.
   * @param listeners Options of listeners, of those that are served and of those that will be; one
   * that is left out keeps its own. A listener that is no longer wanted is closed by its owner.
   * Not to be called after `close`.
   * @returns Settles when the last session with the old options has ended.
   * @throws {OptionError} At once, for options that cannot be used; nothing has changed then.
   */
  reload(
    options: ProxyOptions,
    listeners: ReadonlyMap<ChannelListener, ListenerOptions> = new Map(),
  ): Promise<void> {
    const next = new Generation(resolveOptions(options, this.#observers));
    const served = [...this.#listeners].map(([listener, { options }]) =>
      [listener, options] as const
    );
    const listening = [...new Map([...served, ...listeners])].map(([listener, options]) => {
      const settings = resolveListener(options, next.settings, listener.address);
      return [listener, { options, settings }] as const;
    });
    const last = this.#current;
    this.#generations.add(next);
    this.#current = next;
    for (const [listener, settings] of listening) {
      if (this.#listeners.has(listener)) this.#listeners.set(listener, settings);
    }
    return this.#retire(last);
  }

  /**
   * Serves one connection to its end. Never rejects.
   *
   * @throws {OptionError} At once, for options that cannot be used.
   */
  handle(channel: Channel, options: ListenerOptions = {}): Promise<void> {
    return this.#handle(channel, resolveListener(options, this.#current.settings));
  }

  /**
   * Takes no new sessions, lets open transactions finish, tells everybody else 421.
   *
   * @param deadline Milliseconds after which what is left is cut off. Default 30000.
   */
  close(deadline: number = 30_000): Promise<void> {
    this.#closing ??= this.#drain(deadline);
    return this.#closing;
  }

  async #accept(listener: ChannelListener): Promise<void> {
    for await (const channel of listener) {
      // A listener that yields is listed: it is taken off behind this loop, and nowhere else.
      const { settings } = this.#listeners.get(listener)!;
      // Its owner is #sessions: `close` waits for it, and it never rejects.
      void this.#handle(channel, settings);
    }
    this.#listeners.delete(listener);
  }

  #handle(channel: Channel, listener: ListenerSettings): Promise<void> {
    const generation = this.#current;
    const { settings } = generation;
    const id = `${this.#prefix}-${(this.#count++).toString(36)}`;
    const session = new SessionServer(id, channel, settings, listener);
    // RFC 5321 §3.8: 421 is the way to say "not now".
    const run = this.#closing !== undefined
      ? session.refuse(settings.replies.shutdown)
      : this.#sessions.size >= generation.limit
      ? session.refuse(settings.replies.tooManySessions)
      : session.run();
    generation.enter();
    const ended = run.finally(() => {
      this.#sessions.delete(id);
      generation.leave();
    });
    this.#sessions.set(id, { session, ended });
    return ended;
  }

  async #drain(deadline: number): Promise<void> {
    const { clock } = this.#current.settings;
    for (const listener of this.#listeners.keys()) listener.close();
    const served = this.#sessions.values();
    for (const { session } of served) session.shutdown();
    const timer = clock.after(deadline, () => {
      for (const { session } of this.#sessions.values()) session.abort();
    });
    await Promise.all(served.map(({ ended }) => ended));
    timer.cancel();
    await Promise.all([...this.#generations].map((generation) => this.#retire(generation)));
  }

  #retire(generation: Generation): Promise<void> {
    return generation.retired ??= this.#close(generation);
  }

  /** Closes the upstreams that only this generation has, once its sessions have ended. */
  async #close(generation: Generation): Promise<void> {
    await generation.ended();
    this.#generations.delete(generation);
    const kept = new Set([...this.#generations].flatMap(({ upstreams }) => upstreams));
    const left = generation.upstreams.filter((upstream) => !kept.has(upstream));
    await Promise.all(left.map((upstream) => upstream.close()));
  }
}

/** A session, and its end. */
interface Served {
  readonly session: SessionServer;
  readonly ended: Promise<void>;
}

/** What a listener was told, and what has become of it under the current options. */
interface Listening {
  readonly options: ListenerOptions;
  readonly settings: ListenerSettings;
}

/** The sessions that began under the same options. */
class Generation {
  readonly settings: Settings;
  /** Sessions at a time, those of other generations among them. */
  readonly limit: number;
  readonly policy: Policy;
  readonly upstreams: readonly Upstream[];
  /** Set when no session begins any more; settles when nothing is left of it. */
  retired: Promise<void> | undefined;
  readonly #ended = deferred<void>();
  #sessions = 0;

  constructor({ settings, sessions, policy }: ResolvedOptions) {
    this.settings = settings;
    this.policy = policy;
    this.limit = sessions;
    this.upstreams = [...new Set(settings.upstreams.byName.values())];
  }

  enter(): void {
    this.#sessions++;
  }

  leave(): void {
    this.#sessions--;
    if (this.retired !== undefined && this.#sessions === 0) this.#ended.resolve();
  }

  /** Settles when the last session has ended; none begins any more. */
  ended(): Promise<void> {
    if (this.#sessions === 0) this.#ended.resolve();
    return this.#ended.promise;
  }
}

/**
 * Makes a proxy from its options, of which each has a default: without any it takes every message
 * and keeps the last 100 of them in memory.
 *
 * @example A message from the client to the store
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { CaptureUpstream, createProxy, MemoryStore } from "@sluice/sluice";
 * import { memoryPair } from "@sluice/sluice/testing";
 *
 * const store = new MemoryStore();
 * const upstream = new CaptureUpstream("capture:", store);
 * const proxy = createProxy({ upstream, hostname: "mx.example", trace: false });
 *
 * const [client, server] = memoryPair();
 * const session = proxy.handle(server);
 * const reply = async () => new TextDecoder().decode(await client.read());
 * const say = async (lines: string) => {
 *   await client.write(new TextEncoder().encode(lines));
 *   return await reply();
 * };
 * await reply(); // 220 mx.example ESMTP
 * await say("HELO client.example\r\n");
 * await say("MAIL FROM:<a@client.example>\r\n");
 * await say("RCPT TO:<b@mx.example>\r\n");
 * await say("DATA\r\n");
 * assertEquals(await say("Subject: Hi\r\n\r\nHello\r\n.\r\n"), "250 2.0.0 Ok: kept as memory\r\n");
 * await say("QUIT\r\n");
 * client.close();
 * await session;
 * await proxy.close();
 *
 * const [message] = store.messages;
 * assertEquals(message.reversePath.address, "a@client.example");
 * assertEquals(new TextDecoder().decode(message.content), "Subject: Hi\r\n\r\nHello\r\n");
 * ```
 *
 * @throws {OptionError} If an option cannot be used; nothing has been started then.
 */
export function createProxy(options: ProxyOptions = {}): Proxy {
  return new Proxy(options);
}
