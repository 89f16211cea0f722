/**
 * A client that says one line at a time.
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import type { Target } from "../../src/channel.ts";

/** See the module. */
export class Client {
  readonly #conn: Deno.Conn;
  readonly #lines: ReadableStreamDefaultReader<string>;

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
    this.#lines = conn.readable.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
  }

  static async connect(target: Target): Promise<Client> {
    if (target.transport !== "tcp") throw new Error("not a TCP listener");
    return new Client(await Deno.connect({ hostname: target.host, port: target.port }));
  }

  /** The last line of the next reply; `""` after the end of the connection. */
  async reply(): Promise<string> {
    for (;;) {
      const { value = "" } = await this.#lines.read();
      if (value[3] !== "-") return value;
    }
  }

  /** Sends a line and waits for its reply. */
  async say(line: string): Promise<string> {
    await this.#conn.write(new TextEncoder().encode(`${line}\r\n`));
    return await this.reply();
  }

  async close(): Promise<void> {
    await this.#lines.cancel();
  }
}
