/**
 * An SMTP client that does one thing at a time and sends whatever a test gives it, for what no
 * well-behaved client would do: vanish in mid-data, send XCLIENT or a PROXY header.
 *
 * @module
 */

import { assertMatch } from "@std/assert";
import { encode } from "../../src/bytes.ts";
import { dotStuffed, type Message } from "./_messages.ts";

/** A client's session on a real connection. */
export class Client implements Disposable {
  #received = "";
  #closed = false;
  readonly #conn: Deno.Conn;
  readonly #decoder = new TextDecoder();

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** @param preface Sent at once: a PROXY header. */
  static async open(port: number, preface?: Uint8Array): Promise<Client> {
    const client = new Client(await Deno.connect({ hostname: "127.0.0.1", port }));
    if (preface) await client.send(preface);
    return client;
  }

  /** Like `open`, and reads the greeting. */
  static async connect(port: number, preface?: Uint8Array): Promise<Client> {
    const client = await Client.open(port, preface);
    await client.expect(/^220 /);
    return client;
  }

  /** Sends octets as they are; of a text, its UTF-8. */
  async send(octets: Uint8Array | string): Promise<void> {
    let rest = typeof octets === "string" ? encode(octets) : octets;
    while (rest.length > 0) rest = rest.subarray(await this.#conn.write(rest));
  }

  /**
   * The next reply, all its lines, without the last CRLF; `""` where the server has hung up.
   *
   * @throws {Error} If nothing comes for 15 s.
   */
  async reply(): Promise<string> {
    const watchdog = setTimeout(() => this.close(), 15_000);
    try {
      return await this.#readReply();
    } catch (error) {
      if (this.#closed) throw new Error("Waited 15 s for a reply", { cause: error });
      if (error instanceof Deno.errors.ConnectionReset) return "";
      throw error;
    } finally {
      clearTimeout(watchdog);
    }
  }

  async #readReply(): Promise<string> {
    const chunk = new Uint8Array(4096);
    while (true) {
      const whole = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3}(?: [^\r\n]*)?\r\n/.exec(this.#received)?.[0];
      if (whole !== undefined) {
        this.#received = this.#received.slice(whole.length);
        return whole.slice(0, -2);
      }
      const length = await this.#conn.read(chunk);
      if (length === null) return "";
      this.#received += this.#decoder.decode(chunk.subarray(0, length), { stream: true });
    }
  }

  /** The next reply, which must match. */
  async expect(pattern: RegExp): Promise<string> {
    const reply = await this.reply();
    assertMatch(reply, pattern);
    return reply;
  }

  /** Sends one command line and returns its reply. */
  async command(line: string): Promise<string> {
    await this.send(`${line}\r\n`);
    return await this.reply();
  }

  /** Sends command lines one after another; each must be answered by a 2xx or 3xx. */
  async commands(...lines: string[]): Promise<void> {
    for (const line of lines) assertMatch(await this.command(line), /^[23]/, line);
  }

  /**
   * A whole mail transaction, hello included, up to its first refusal.
   *
   * @returns The reply that refused it, or the reply to the end of mail data.
   */
  async attempt(
    message: Message,
    { verb = "EHLO", to = "box@test.example" }: { verb?: "EHLO" | "HELO"; to?: string } = {},
  ): Promise<string> {
    const lines = [
      `${verb} client.example.net`,
      "MAIL FROM:<sender@test.example>",
      `RCPT TO:<${to}>`,
      "DATA",
    ];
    for (const line of lines) {
      const reply = await this.command(line);
      if (!/^[23]/.test(reply)) return reply;
    }
    await this.send(dotStuffed(message.octets));
    return await this.command(".");
  }

  /** Ends our side only. */
  async closeWrite(): Promise<void> {
    await this.#conn.closeWrite();
  }

  /** Vanishes. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
