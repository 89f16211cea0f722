/**
 * A load generator: sessions that send one message after the other, each waiting for its replies.
 *
 * Reads orders from standard input, one as JSON on each line, and answers each with a line. A reply
 * that is not the expected one ends it all: what is measured must work.
 *
 *     echo '{"port":2525,"workload":"persistent","milliseconds":2000}' |
 *       deno run --allow-net=127.0.0.1 bench/_load.ts
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import { encode, LF, SP } from "../src/bytes.ts";

/** What is sent, and how. */
export interface Workload {
  /** In words. */
  readonly title: string;
  /** Sessions at the same time. */
  readonly sessions: number;
  /** Octets of each message. */
  readonly size: number;
  /** A session ends after one message and another takes its place. */
  readonly once?: boolean;
}

/** Workloads by name. */
export const workloads = {
  persistent: { title: "10 persistent sessions, 2 KB", sessions: 10, size: 2_048 },
  once: { title: "a connection for each message, 2 KB", sessions: 20, size: 2_048, once: true },
  large: { title: "10 persistent sessions, 50 KB", sessions: 10, size: 51_200 },
} as const satisfies Record<string, Workload>;

/** What the generator is asked for. */
export interface Order {
  /** Of 127.0.0.1. */
  readonly port: number;
  readonly workload: keyof typeof workloads;
  /** For so long messages are begun. */
  readonly milliseconds: number;
}

/** What it answers. */
export interface Load {
  /** Messages that were accepted. */
  readonly messages: number;
  /** From the first connection to the last reply. */
  readonly milliseconds: number;
}

/** The digit 0. */
const ZERO = 0x30;
/** The shortest reply: a code, a space, CRLF. */
const SHORTEST = 6;
const LINE = 78;

/** Mail data with its end. */
function messageOf(size: number): Uint8Array {
  const header = "From: <a@client.example>\r\nTo: <b@sink.example>\r\nSubject: load\r\n\r\n";
  const line = `${"x".repeat(LINE - 2)}\r\n`;
  const body = line.repeat(Math.ceil((size - header.length) / LINE));
  return encode(`${(header + body).slice(0, size - 2)}\r\n.\r\n`);
}

/** One session. */
class Client implements Disposable {
  readonly #conn: Deno.TcpConn;
  readonly #buffer = new Uint8Array(4096);

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  /** Connects and introduces itself. */
  static async open(port: number): Promise<Client> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay();
    const client = new Client(conn);
    await client.#reply(2);
    await client.#ask(EHLO);
    return client;
  }

  async send(message: Uint8Array): Promise<void> {
    await this.#ask(MAIL);
    await this.#ask(RCPT);
    await this.#ask(DATA, 3);
    await this.#ask(message);
  }

  async quit(): Promise<void> {
    await this.#ask(QUIT);
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }

  async #ask(octets: Uint8Array, digit = 2): Promise<void> {
    for (let at = 0; at < octets.length;) at += await this.#conn.write(octets.subarray(at));
    await this.#reply(digit);
  }

  /** Waits for a reply whose code begins with this digit. */
  async #reply(digit: number): Promise<void> {
    const buffer = this.#buffer;
    for (let length = 0;;) {
      const count = await this.#conn.read(buffer.subarray(length));
      if (count === null) throw new Error("Cannot send: the connection has ended");
      length += count;
      if (length < SHORTEST || buffer[length - 1] !== LF) continue;
      const last = buffer.lastIndexOf(LF, length - 2) + 1;
      if (buffer[last + 3] !== SP) continue;
      if (buffer[last] === ZERO + digit) return;
      const text = new TextDecoder().decode(buffer.subarray(0, length));
      throw new Error(`Cannot send: found the reply ${text.trimEnd()}, expected ${digit}xx`);
    }
  }
}

const EHLO = encode("EHLO client.example\r\n");
const MAIL = encode("MAIL FROM:<a@client.example>\r\n");
const RCPT = encode("RCPT TO:<b@sink.example>\r\n");
const DATA = encode("DATA\r\n");
const QUIT = encode("QUIT\r\n");

async function obey({ port, workload, milliseconds }: Order): Promise<Load> {
  const { sessions, size, once = false }: Workload = workloads[workload];
  const message = messageOf(size);
  const began = performance.now();
  const goesOn = (): boolean => performance.now() - began < milliseconds;
  let messages = 0;
  const session = async (): Promise<void> => {
    while (goesOn()) {
      using client = await Client.open(port);
      do {
        await client.send(message);
        messages++;
      } while (!once && goesOn());
      await client.quit();
    }
  };
  await Promise.all(Array.from({ length: sessions }, session));
  return { messages, milliseconds: performance.now() - began };
}

if (import.meta.main) {
  const orders = Deno.stdin.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const order of orders) console.log(JSON.stringify(await obey(JSON.parse(order))));
}
