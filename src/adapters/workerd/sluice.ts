/**
 * A proxy as a worker of workerd: each connection is an event, and its session ends with it.
 *
 * @module
 */

import type { Channel } from "../../channel.ts";
import type { Reply } from "../../rfc5321/reply.ts";
import { SessionServer } from "../../session/server.ts";
import type { Settings } from "../../session/settings.ts";
import { useScanner } from "../../stages/scanner/scanner.ts";
import { type ResolvedWorkerd, resolveWorkerd, type WorkerdOptions } from "./options.ts";
import { SocketChannel, type WorkerdSocket } from "./socket.ts";

/** What workerd calls. */
export interface WorkerdHandler {
  /** Serves one inbound connection to its end. Never rejects: workerd would end with it. */
  connect(socket: WorkerdSocket): Promise<void>;
}

/**
 * Makes the default export of a worker that answers inbound TCP in a workerd of one's own (`serve
 * --experimental`, and the compatibility flag `experimental`). Hosted Workers accept no TCP.
 *
 * In workerd nothing that was opened for one connection can be used by another: each session has
 * upstream connections of its own, and no pool lives longer. A client that ends its side gets no more
 * replies, since workerd then ends both.
 *
 * @example A filter in front of a server
 * ```ts
 * import { sluice } from "@sluice/sluice/workerd";
 * import { definePolicy, reject } from "@sluice/sluice/policy";
 *
 * export default sluice({
 *   hostname: "mx.example",
 *   upstream: { target: { transport: "tcp", host: "127.0.0.1", port: 2526 }, tls: { mode: "none" } },
 *   policy: definePolicy({
 *     rcpt: ({ forwardPath }) =>
 *       forwardPath.domain === "mx.example" ? undefined : reject("550 5.7.1 No relaying"),
 *   }),
 * });
 * ```
 *
 * @throws {OptionError} If an option cannot be used, in workerd or anywhere.
 */
export function sluice(options: WorkerdOptions): WorkerdHandler {
  const worker = new Worker(resolveWorkerd(options));
  if (options.scanner !== undefined) useScanner(options.scanner);
  return { connect: (socket) => worker.serve(socket) };
}

/** What all sessions have in common: settings and a count, and nothing that was opened. */
class Worker {
  readonly #options: ResolvedWorkerd;
  #sessions = 0;

  constructor(options: ResolvedWorkerd) {
    this.#options = options;
  }

  async serve(socket: WorkerdSocket): Promise<void> {
    this.#sessions++;
    try {
      const channel = await SocketChannel.of(socket);
      await this.#converse(Object.assign(channel, { tls: this.#options.tls }));
    } catch (error) {
      // A client that has gone before it was anybody, or an upstream that cannot be closed.
      await socket.close().catch(() => {});
      this.#options.common.settings.observer.trouble(undefined, error);
    } finally {
      this.#sessions--;
    }
  }

  async #converse(channel: Channel): Promise<void> {
    const { common: { settings: common, sessions }, listener, own } = this.#options;
    // Random values are to be had only while an event is handled.
    const id = crypto.randomUUID().slice(0, 8);
    const refuse = (reply: Reply): Promise<void> =>
      new SessionServer(id, channel, common, listener).refuse(reply);
    if (this.#sessions > sessions) return await refuse(common.replies.tooManySessions);
    let settings: Settings;
    try {
      settings = { ...common, ...own() };
    } catch (error) {
      common.observer.trouble(undefined, error);
      return await refuse(common.replies.internal);
    }
    await new SessionServer(id, channel, settings, listener).run();
    await Promise.all([...settings.upstreams.byName.values()].map((one) => one.close()));
  }
}
