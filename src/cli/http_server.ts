/**
 * An HTTP server that goes on, whatever becomes of its socket, and can be ended, whatever its clients
 * do.
 *
 * @module
 */

import type { Target } from "../channel.ts";
import { systemClock, type Timer, within } from "../clock.ts";
import { printAddress } from "./address.ts";

/** Milliseconds for answers that have begun, and for clients to take them. */
const GRACE = 1_000;
/** Requests at a time: room for all live streams, and an end to what strangers can pile up. */
const MOST = 512;
/** Milliseconds before it listens again: at first, and at most. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 10_000;

type TcpTarget = Target & { readonly transport: "tcp" };

/** What a server is told. */
export interface HttpServerOptions {
  readonly answer: (request: Request) => Response | Promise<Response>;
  /** Told that nobody can be let in for a while. */
  readonly trouble: (error: Error) => void;
}

/** See the module. */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #abort = new AbortController();
  /** What is being answered, until the last octet has been taken. */
  readonly #open = new Set<Promise<void>>();
  /** Where it listens, with the port that it was given where it may be any. */
  readonly address: TcpTarget;
  /** Settles when the present socket is closed. */
  #served: Promise<void>;
  #pause = FIRST_PAUSE;
  #again: Timer | undefined;

  /**
   * Listens.
   *
   * @throws If the address cannot be listened at.
   */
  constructor(at: TcpTarget, options: HttpServerOptions) {
    this.#options = options;
    const { addr: { hostname: host, port }, finished } = this.#listen(at);
    this.address = { transport: "tcp", host, port };
    this.#served = this.#watch(finished);
  }

  #listen({ host: hostname, port }: TcpTarget): Deno.HttpServer<Deno.NetAddr> {
    const { signal } = this.#abort;
    return Deno.serve({ hostname, port, signal, onListen: () => {} }, (request, info) => {
      // Whoever is heard has been let in.
      this.#pause = FIRST_PAUSE;
      if (this.#open.size >= MOST) return new Response(null, { status: 503 });
      const open = info.completed.catch(() => {}).finally(() => this.#open.delete(open));
      this.#open.add(open);
      return this.#options.answer(request);
    });
  }

  /** Deno closes the socket for good once nobody can be accepted, for want of descriptors too. */
  async #watch(finished: Promise<void>): Promise<void> {
    const why = await finished.catch((error) => error);
    if (!this.#abort.signal.aborted) this.#listenLater(why);
  }

  #listenLater(cause: unknown): void {
    const pause = this.#pause;
    this.#pause = Math.min(pause * 2, LONGEST_PAUSE);
    const what = `Cannot listen at ${printAddress(this.address)}, trying again in ${pause} ms`;
    const why = cause instanceof Error ? `: ${cause.message}` : "";
    this.#options.trouble(new Error(what + why, { cause }));
    this.#again = systemClock.after(pause, () => {
      try {
        this.#served = this.#watch(this.#listen(this.address).finished);
      } catch (error) {
        this.#listenLater(error);
      }
    });
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
    this.#again?.cancel();
    await this.#served;
  }
}
