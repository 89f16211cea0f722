/**
 * An HTTP server that can be ended, whatever its clients do.
 *
 * @module
 */

import type { Target } from "../channel.ts";
import { systemClock, within } from "../clock.ts";

/** Milliseconds for answers that have begun, and for clients to take them. */
const GRACE = 1_000;

/** See the module. */
export class HttpServer {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #abort = new AbortController();
  /** What is being answered, until the last octet has been taken. */
  readonly #open = new Set<Promise<void>>();

  /**
   * Listens.
   *
   * @throws If the address cannot be listened at.
   */
  constructor(
    { host: hostname, port }: Target & { readonly transport: "tcp" },
    answer: (request: Request) => Response | Promise<Response>,
  ) {
    const { signal } = this.#abort;
    this.#server = Deno.serve({ hostname, port, signal, onListen: () => {} }, (request, info) => {
      const open = info.completed.catch(() => {}).finally(() => this.#open.delete(open));
      this.#open.add(open);
      return answer(request);
    });
  }

  /** Where it listens, with the port that it was given where it may be any. */
  get address(): Target & { readonly transport: "tcp" } {
    const { hostname: host, port } = this.#server.addr;
    return { transport: "tcp", host, port };
  }

  /**
   * Lets answers that have begun come to their end, and listens no longer. A client that does not
   * take its answer, or has sent half of a request, is cut off after a second.
   *
   * Not by Deno's own `shutdown`, which waits for such a client as long as it likes.
   */
  async close(): Promise<void> {
    const answered = Promise.all(this.#open);
    await within(systemClock, GRACE, "open answers", answered).catch(() => {});
    this.#abort.abort();
    await this.#server.finished;
  }
}
