/**
 * The proxy: sessions over channels, however the channels came about.
 *
 * @module
 */

import type { Channel, ChannelListener } from "./channel.ts";
import {
  type ListenerOptions,
  type ProxyOptions,
  type ResolvedOptions,
  resolveListener,
  resolveOptions,
} from "./options.ts";
import { Session } from "./session/session.ts";
import type { ListenerSettings } from "./session/settings.ts";

/** See the module; made by {@linkcode createProxy}. */
export class Proxy {
  readonly #options: ResolvedOptions;
  readonly #listeners = new Set<ChannelListener>();
  readonly #sessions = new Map<Session, Promise<void>>();
  /** Distinguishes this process's sessions from those of another one in the same log. */
  readonly #prefix = crypto.randomUUID().slice(0, 8);
  #count = 0;
  #closing: Promise<void> | undefined;

  /** @throws {OptionError} */
  constructor(options: ProxyOptions) {
    this.#options = resolveOptions(options);
  }

  /** Number of sessions now. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /**
   * Serves the connections of a listener until it is closed, by its owner or by `close`.
   *
   * @throws {OptionError} At once, for options that cannot be used.
   */
  serve(listener: ChannelListener, options: ListenerOptions = {}): Promise<void> {
    const settings = resolveListener(options, this.#options.settings);
    return this.#accept(listener, settings);
  }

  /**
   * Serves one connection to its end. Never rejects.
   *
   * @throws {OptionError} At once, for options that cannot be used.
   */
  handle(channel: Channel, options: ListenerOptions = {}): Promise<void> {
    return this.#handle(channel, resolveListener(options, this.#options.settings));
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

  async #accept(listener: ChannelListener, settings: ListenerSettings): Promise<void> {
    this.#listeners.add(listener);
    for await (const channel of listener) {
      // Its owner is #sessions: `close` waits for it, and it never rejects.
      void this.#handle(channel, settings);
    }
    this.#listeners.delete(listener);
  }

  #handle(channel: Channel, listener: ListenerSettings): Promise<void> {
    const { settings, sessions } = this.#options;
    const id = `${this.#prefix}-${(this.#count++).toString(36)}`;
    const session = new Session(id, channel, settings, listener);
    // RFC 5321 §3.8: 421 is the way to say "not now".
    const run = this.#closing !== undefined
      ? session.refuse(settings.replies.shutdown)
      : this.#sessions.size >= sessions
      ? session.refuse(settings.replies.tooManySessions)
      : session.run();
    const ended = run.finally(() => this.#sessions.delete(session));
    this.#sessions.set(session, ended);
    return ended;
  }

  async #drain(deadline: number): Promise<void> {
    const { clock, upstream } = this.#options.settings;
    for (const listener of this.#listeners) listener.close();
    for (const session of this.#sessions.keys()) session.shutdown();
    const timer = clock.after(deadline, () => {
      for (const session of this.#sessions.keys()) session.abort();
    });
    await Promise.all(this.#sessions.values());
    timer.cancel();
    await upstream.close();
  }
}

/**
 * Makes a proxy.
 *
 * @throws {OptionError} If an option cannot be used; nothing has been started then.
 */
export function createProxy(options: ProxyOptions = {}): Proxy {
  return new Proxy(options);
}
