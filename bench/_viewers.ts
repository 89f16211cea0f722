/**
 * Viewers of the admin's live streams: most of them read, some never do.
 *
 * @module
 */

import { encode } from "../src/bytes.ts";

/** What is watched, in turn. */
const streams = ["/api/transactions/stream", "/api/stats/stream"];

/** See the module. */
export class Viewers implements AsyncDisposable {
  readonly #admin: URL;
  readonly #sleepers: Deno.Conn[] = [];
  #leave = new AbortController();
  readonly #reading: Promise<void>[] = [];

  /** @param admin Where it is. */
  constructor(admin: URL) {
    this.#admin = admin;
  }

  /**
   * Opens so many streams that are read to their end, and so many that are never read. Of the latter
   * those are left that were not dropped since the last time.
   */
  async come(readers: number, sleepers: number): Promise<void> {
    const missing = sleepers + await this.dropped() - this.#sleepers.length;
    for (let nth = 0; nth < missing; nth++) {
      this.#sleepers.push(await this.#sleeper(streams[nth % streams.length]));
    }
    this.#leave = new AbortController();
    for (let nth = 0; nth < readers; nth++) await this.#read(streams[nth % streams.length]);
  }

  /** Those that read leave. */
  async leave(): Promise<void> {
    this.#leave.abort();
    await Promise.all(this.#reading.splice(0));
  }

  /** How many the admin has dropped so far. */
  async dropped(): Promise<number> {
    const response = await fetch(new URL("/api/stats", this.#admin));
    const { viewers } = await response.json();
    return viewers.dropped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave();
    for (const conn of this.#sleepers) conn.close();
  }

  /** Resolves when the stream is open. */
  async #read(path: string): Promise<void> {
    const { signal } = this.#leave;
    const { body } = await fetch(new URL(path, this.#admin), { signal });
    // It ends by leaving, which is an error to the stream.
    this.#reading.push(body!.pipeTo(new WritableStream(), { signal }).catch(() => {}));
  }

  async #sleeper(path: string): Promise<Deno.Conn> {
    const { hostname, port, host } = this.#admin;
    const conn = await Deno.connect({ hostname, port: Number(port) });
    await conn.write(encode(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`));
    return conn;
  }
}
