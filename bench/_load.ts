/**
 * A load generator: sessions that send one message after the other, each waiting for its replies.
 *
 * Reads orders from standard input, one as JSON on each line, and answers each with a line. A reply
 * that is not the expected one ends it all: what is measured must work.
 *
 *     echo '{"port":2525,"workload":{"title":"","sessions":10,"size":2048},"milliseconds":2000}' |
 *       deno run --allow-net=127.0.0.1 bench/_load.ts
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import { encode } from "../src/bytes.ts";
import { Client } from "./_load_client.ts";

/** What is sent, and how. */
export interface Workload {
  /** In words. */
  readonly title: string;
  /** Sessions that send at the same time. */
  readonly sessions: number;
  /** Octets of each message. */
  readonly size: number;
  /** A session ends after one message and another takes its place. */
  readonly once?: boolean;
  /** MAIL, RCPT and DATA go in one write (RFC 2920). */
  readonly pipelined?: boolean;
  /** Sessions beside these that only say NOOP, every five seconds. */
  readonly idle?: number;
  /** Messages are due at this rate a second, instead of each when the one before it is done. */
  readonly rate?: number;
  /** Ends after so many messages, however long that takes. */
  readonly messages?: number;
}

/** What the generator is asked for. */
export interface Order {
  /** Of 127.0.0.1. */
  readonly port: number;
  readonly workload: Workload;
  /** For so long messages are begun. */
  readonly milliseconds: number;
}

/** What it answers. */
export interface Load {
  /** Messages that were accepted. */
  readonly messages: number;
  /** From the first message to the last reply. */
  readonly milliseconds: number;
  /** Milliseconds that 99 of 100 messages took at the most, from when they were due. */
  readonly p99: number;
  /** Why it came to an early end. */
  readonly error?: string;
}

/** Milliseconds after which a turn has failed. */
const PATIENCE = 60_000;
/** Connections opened at once, where many are wanted. */
const AT_ONCE = 64;
/** Milliseconds between two NOOPs of an idle session. */
const IDLE = 5_000;
/** Milliseconds between two looks at which of them have to say one. */
const TICK = 50;

const LINE = 78;
/** One line of so many begins with a dot. */
const DOTS = 100;

/** Mail data with its end. */
function messageOf(size: number): Uint8Array {
  const header = "From: <a@client.example>\r\nTo: <b@sink.example>\r\nSubject: load\r\n\r\n";
  const plain = `${"x".repeat(LINE - 2)}\r\n`;
  const period = `..${plain.slice(2)}${plain.repeat(DOTS - 1)}`;
  const text = header + period.repeat(Math.ceil(size / period.length));
  return encode(`${text.slice(0, size - 2)}\r\n.\r\n`);
}

/** Idle sessions, until disposed of. */
class Idlers implements Disposable {
  readonly #clients: Client[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Why one of them has ended. */
  fault: unknown;

  async come(port: number, count: number): Promise<void> {
    while (this.#clients.length < count) {
      const missing = Math.min(AT_ONCE, count - this.#clients.length);
      const coming = Array.from({ length: missing }, () => Client.open(port));
      this.#clients.push(...await Promise.all(coming));
    }
    const each = Math.ceil(count * TICK / IDLE);
    let next = 0;
    this.#timer = setInterval(() => {
      for (let nth = 0; nth < each; nth++) {
        this.#clients[next++ % count].noop().catch((fault) => this.fault ??= fault);
      }
    }, TICK);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const client of this.#clients) client.close();
  }
}

/** That than which a hundredth is larger. */
function highest(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(0.99 * (values.length - 1))] ?? 0;
}

async function send({ port, workload, milliseconds }: Order): Promise<Load> {
  const { sessions, size, once = false, pipelined = false, rate, messages: most } = workload;
  const message = messageOf(size);
  using idlers = new Idlers();
  if (workload.idle !== undefined) await idlers.come(port, workload.idle);
  const took: number[] = [];
  const began = performance.now();
  let begun = 0;
  let failed = false;
  const goesOn = (): boolean =>
    !failed && (most === undefined ? performance.now() - began < milliseconds : begun < most);
  /** When the next message is due: now, or by the rate. */
  const due = async (): Promise<number> => {
    const nth = begun++;
    if (rate === undefined) return performance.now();
    const then = began + nth * 1_000 / rate;
    const wait = then - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    return then;
  };
  const session = async (): Promise<void> => {
    while (goesOn()) {
      const start = once ? await due() : undefined;
      using client = await Client.open(port);
      do {
        const from = start ?? await due();
        await (pipelined ? client.sendPipelined(message) : client.send(message));
        took.push(performance.now() - from);
      } while (!once && goesOn());
      await client.quit();
    }
  };
  const all = Array.from({ length: sessions }, () =>
    session().catch((fault) => {
      // The others end too, instead of sending on in the midst of the next turn.
      failed = true;
      throw fault;
    }));
  await Promise.all(all);
  if (idlers.fault !== undefined) throw idlers.fault;
  return { messages: took.length, milliseconds: performance.now() - began, p99: highest(took) };
}

/** Never rejects. */
async function obey(order: Order): Promise<Load> {
  const timer = setTimeout(() => Client.closeAll(), PATIENCE);
  try {
    return await send(order);
  } catch (error) {
    Client.closeAll();
    return { messages: 0, milliseconds: 0, p99: 0, error: String(error) };
  } finally {
    clearTimeout(timer);
  }
}

if (import.meta.main) {
  const orders = Deno.stdin.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const order of orders) console.log(JSON.stringify(await obey(JSON.parse(order))));
}
