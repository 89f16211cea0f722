/**
 * An SMTP client in a test's hands, over real connections.
 *
 * @module
 */

import { createTlsClient } from "../../src/adapters/node_tls.ts";
import { denoDialer } from "../../src/adapters/deno/dialer.ts";
import { encode } from "../../src/bytes.ts";
import type { Channel, Target } from "../../src/channel.ts";
import { systemClock, within } from "../../src/clock.ts";
import type { Reply } from "../../src/rfc5321/reply.ts";
import { fuse } from "../../src/stages/fuse.ts";
import { LineSplitter } from "../../src/stages/line_splitter.ts";
import { ReplyParser } from "../../src/stages/reply_parser.ts";

/** A test that waits for a reply or a connection fails after this many milliseconds. */
const PATIENCE = 10_000;

/** See the module. */
export class Client implements Disposable {
  #channel: Channel;
  #parser = newParser();
  readonly #replies: Reply[] = [];
  #said = "the connection";

  private constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Connects, with TLS from the first octet where it is asked for, and waits for the greeting. */
  static async connect(
    target: Target,
    tls: "none" | "implicit" = "none",
    greeting = "220 ",
  ): Promise<Client> {
    const channel = await denoDialer.connect(target, AbortSignal.timeout(PATIENCE));
    const client = new Client(channel);
    try {
      if (tls === "implicit") await client.#handshake();
      await client.reply(greeting);
      return client;
    } catch (error) {
      channel.close();
      throw error;
    }
  }

  /** Connects and says EHLO. */
  static async greeted(target: Target): Promise<Client> {
    const client = await Client.connect(target);
    await client.say("EHLO client.example", "250 ");
    return client;
  }

  /** Sends octets, or text in UTF-8. */
  async send(data: string | Uint8Array): Promise<void> {
    this.#said = typeof data === "string" ? JSON.stringify(data) : `${data.length} octets`;
    await this.#channel.write(typeof data === "string" ? encode(data) : data);
  }

  /** The next reply, whose first line must begin so. */
  async reply(expected: string): Promise<Reply> {
    const wanted = `a reply "${expected}" to ${this.#said}`;
    const reply = await within(systemClock, PATIENCE, wanted, this.#next());
    const found = reply === undefined ? "the end" : `${reply.code} ${reply.lines[0]}`;
    if (reply === undefined || !found.startsWith(expected)) {
      throw new Error(`Waited for ${wanted}: found ${found}`);
    }
    return reply;
  }

  /** Says a command and waits for its reply. */
  async say(line: string, expected: string): Promise<Reply> {
    await this.send(`${line}\r\n`);
    return await this.reply(expected);
  }

  /** MAIL and one RCPT. */
  async envelope(reversePath: string, forwardPath: string, parameters = ""): Promise<void> {
    await this.say(`MAIL FROM:<${reversePath}>${parameters}`, "250 ");
    await this.say(`RCPT TO:<${forwardPath}>`, "250 ");
  }

  /** STARTTLS and its handshake, which believes any certificate. */
  async startTls(): Promise<void> {
    await this.say("STARTTLS", "220 ");
    await this.#handshake();
  }

  /** Waits for the end of the connection, before which nothing may come. */
  async ended(): Promise<void> {
    const reply = await within(systemClock, PATIENCE, "the end of the connection", this.#next());
    if (reply !== undefined) throw new Error(`Waited for the end: found ${reply}`);
  }

  /** Ends our side only. */
  async halfClose(): Promise<void> {
    await this.#channel.closeWrite();
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    this.#channel.close();
  }

  async #handshake(): Promise<void> {
    this.#channel = await createTlsClient().connect(
      this.#channel,
      { serverName: "a.example", verify: { kind: "none" } },
      AbortSignal.timeout(PATIENCE),
    );
    this.#parser = newParser();
  }

  async #next(): Promise<Reply | undefined> {
    const out = { enqueue: (reply: Reply): void => void this.#replies.push(reply) };
    while (this.#replies.length === 0) {
      const octets = await this.#channel.read();
      if (octets === undefined) return undefined;
      this.#parser.transform(octets, out);
    }
    return this.#replies.shift();
  }
}

function newParser() {
  return fuse(new LineSplitter({ limit: 1000 }), new ReplyParser());
}
