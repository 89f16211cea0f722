/**
 * The sink of a benchmark as a program: prints its port, then reads orders from standard input, one
 * as JSON on each line, and answers each with what has come so far.
 *
 *     deno run --allow-net=127.0.0.1 bench/_sink.ts
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import { SinkDialogue } from "./_sink_dialogue.ts";

/** What a connection costs from now on, as it does with a real server. */
export interface SinkOrder {
  /** Milliseconds before the greeting. */
  readonly delay: number;
  /** Milliseconds of processor time before it. */
  readonly work: number;
}

/** Since the start. */
export interface Sunk {
  readonly messages: number;
  readonly connections: number;
}

const READ = 262_144;
/** Most of those who wait for a command need no more; more is taken when more has come. */
const SMALL_READ = 4_096;

let cost: SinkOrder = { delay: 0, work: 0 };
let messages = 0;
let connections = 0;

async function write(conn: Deno.Conn, octets: Uint8Array): Promise<void> {
  for (let at = 0; at < octets.length;) at += await conn.write(octets.subarray(at));
}

async function setUp(): Promise<void> {
  const { delay, work } = cost;
  if (work > 0) {
    const end = performance.now() + work;
    while (performance.now() < end);
  }
  if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
}

async function converse(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay();
  connections++;
  await setUp();
  await write(conn, SinkDialogue.greeting);
  const dialogue = new SinkDialogue();
  let buffer = new Uint8Array(SMALL_READ);
  while (!dialogue.over) {
    const count = await conn.read(buffer);
    if (count === null) return;
    const before = dialogue.messages;
    const answer = dialogue.take(buffer.subarray(0, count));
    messages += dialogue.messages - before;
    if (answer.length > 0) await write(conn, answer);
    if (count === SMALL_READ && buffer.length < READ) buffer = new Uint8Array(READ);
  }
}

async function serve(listener: Deno.Listener<Deno.TcpConn>): Promise<void> {
  for await (const conn of listener) {
    // A client that is cut off is none of the sink's business.
    void converse(conn).catch(() => {}).finally(() => conn.close());
  }
}

if (import.meta.main) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  console.log(listener.addr.port);
  void serve(listener);
  const orders = Deno.stdin.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const order of orders) {
    cost = JSON.parse(order);
    console.log(JSON.stringify({ messages, connections } satisfies Sunk));
  }
  // Whoever gave the orders has ended, however that came about.
  Deno.exit();
}
