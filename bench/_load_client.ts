/**
 * One session of the load generator: octets made beforehand, replies of which only the code is read.
 *
 * @module
 */

import { encode, LF, SP } from "../src/bytes.ts";

const EHLO = encode("EHLO client.example\r\n");
const MAIL = encode("MAIL FROM:<a@client.example>\r\n");
const RCPT = encode("RCPT TO:<b@sink.example>\r\n");
const DATA = encode("DATA\r\n");
const GROUP = encode("MAIL FROM:<a@client.example>\r\nRCPT TO:<b@sink.example>\r\nDATA\r\n");
const NOOP = encode("NOOP\r\n");
const QUIT = encode("QUIT\r\n");

/** First digits of the replies to a command, and of those to the group. */
const DONE = "2";
const GO_AHEAD = "3";
const GROUP_DONE = "223";

/** Octets of replies that may wait to be read. */
const BUFFER = 4_096;
/** Where the octet behind the code is. */
const SEPARATOR = 3;

/** See the module. */
export class Client implements Disposable {
  static readonly #open = new Set<Client>();
  readonly #conn: Deno.TcpConn;
  readonly #buffer = new Uint8Array(BUFFER);
  /** What was read and not looked at is in the buffer from here… */
  #from = 0;
  /** … to here. */
  #to = 0;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    Client.#open.add(this);
  }

  /** Connects and introduces itself. */
  static async open(port: number): Promise<Client> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay();
    const client = new Client(conn);
    try {
      await client.#replies(DONE);
      await client.#ask(EHLO, DONE);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** Ends all there are, so that what they wait for fails. */
  static closeAll(): void {
    for (const client of Client.#open) client.close();
  }

  /** Sends a message, one command after the other. */
  async send(message: Uint8Array): Promise<void> {
    await this.#ask(MAIL, DONE);
    await this.#ask(RCPT, DONE);
    await this.#ask(DATA, GO_AHEAD);
    await this.#ask(message, DONE);
  }

  /** Sends a message, its commands at once. */
  async sendPipelined(message: Uint8Array): Promise<void> {
    await this.#ask(GROUP, GROUP_DONE);
    await this.#ask(message, DONE);
  }

  async noop(): Promise<void> {
    await this.#ask(NOOP, DONE);
  }

  async quit(): Promise<void> {
    await this.#ask(QUIT, DONE);
  }

  /** Idempotent. */
  close(): void {
    if (Client.#open.delete(this)) this.#conn.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #ask(octets: Uint8Array, expected: string): Promise<void> {
    for (let at = 0; at < octets.length;) at += await this.#conn.write(octets.subarray(at));
    await this.#replies(expected);
  }

  /** Waits for replies whose codes begin with these digits. */
  async #replies(digits: string): Promise<void> {
    for (const digit of digits) await this.#reply(digit);
  }

  async #reply(digit: string): Promise<void> {
    for (;;) {
      const end = this.#buffer.subarray(0, this.#to).indexOf(LF, this.#from);
      if (end === -1) {
        await this.#read();
        continue;
      }
      const start = this.#from;
      this.#from = end + 1;
      if (this.#buffer[start + SEPARATOR] !== SP) continue;
      if (this.#buffer[start] === digit.charCodeAt(0)) return;
      const text = new TextDecoder().decode(this.#buffer.subarray(start, end));
      throw new Error(`Cannot send: found the reply "${text.trimEnd()}", expected ${digit}xx`);
    }
  }

  async #read(): Promise<void> {
    this.#buffer.copyWithin(0, this.#from, this.#to);
    this.#to -= this.#from;
    this.#from = 0;
    const count = await this.#conn.read(this.#buffer.subarray(this.#to));
    if (count === null || count === 0) throw new Error("Cannot send: the connection has ended");
    this.#to += count;
  }
}
