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
import { SessionServer } from "./session/server.ts";
import type { ListenerSettings } from "./session/settings.ts";

/**
 * All sessions of one configuration. Made by {@linkcode createProxy}; it owns the upstream that it
 * was given, and no listener.
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
  readonly #options: ResolvedOptions;
  readonly #listeners = new Set<ChannelListener>();
  readonly #sessions = new Map<SessionServer, Promise<void>>();
  /** Distinguishes this process's sessions from those of another one in the same log. */
  readonly #prefix = crypto.randomUUID().slice(0, 8);
  #count = 0;
  #closing: Promise<void> | undefined;

  /**
   * Checks the options; neither listens nor connects.
   *
   * @throws {OptionError} If one of them cannot be used.
   */
  constructor(options: ProxyOptions) {
    this.#options = resolveOptions(options);
  }

  /** Sessions that have begun and not ended, those that are being refused with 421 among them. */
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
    const session = new SessionServer(id, channel, settings, listener);
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
    const { clock, upstreams } = this.#options.settings;
    for (const listener of this.#listeners) listener.close();
    for (const session of this.#sessions.keys()) session.shutdown();
    const timer = clock.after(deadline, () => {
      for (const session of this.#sessions.keys()) session.abort();
    });
    await Promise.all(this.#sessions.values());
    timer.cancel();
    await upstreams.close();
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
