/**
 * An SMTP server that takes every message and keeps none, as cheaply as Deno can: what stands behind
 * the proxy in a benchmark. Prints its port.
 *
 * It relies on clients that wait for 354 before the mail data, and for the reply to its end before
 * anything else.
 *
 *     deno run --allow-net=127.0.0.1 bench/_sink.ts
 *
 * @module
 */

import { encode } from "../src/bytes.ts";

const OK = encode("250 2.0.0 Ok\r\n");

/** By verb; anything else is 500. */
const replies: Readonly<Record<string, Uint8Array>> = {
  EHLO: encode("250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n"),
  MAIL: OK,
  RCPT: OK,
  RSET: OK,
  NOOP: OK,
  DATA: encode("354 Go ahead\r\n"),
  QUIT: encode("221 2.0.0 Bye\r\n"),
};
const GREETING = encode("220 sink.example ESMTP\r\n");
const UNKNOWN = encode("500 5.5.1 What?\r\n");

const END_OF_DATA = encode("\r\n.\r\n");
const READ = 65_536;

const decoder = new TextDecoder();

async function write(conn: Deno.Conn, octets: Uint8Array): Promise<void> {
  for (let at = 0; at < octets.length;) at += await conn.write(octets.subarray(at));
}

/** Takes mail data to its end. */
async function takeMessage(conn: Deno.Conn, buffer: Uint8Array): Promise<void> {
  // The last octets of what was read before stand in front of what is read.
  const kept = END_OF_DATA.length - 1;
  buffer.fill(0, 0, kept);
  for (;;) {
    const count = await conn.read(buffer.subarray(kept));
    if (count === null) throw new Error("Cannot take a message: found its end in the midst of it");
    const end = kept + count;
    const last = end - END_OF_DATA.length;
    if (END_OF_DATA.every((octet, at) => buffer[last + at] === octet)) return;
    buffer.copyWithin(0, end - kept, end);
  }
}

async function converse(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay();
  const buffer = new Uint8Array(READ);
  await write(conn, GREETING);
  let text = "";
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) return;
    text += decoder.decode(buffer.subarray(0, count));
    const lines = text.split("\r\n");
    text = lines.pop()!;
    for (const line of lines) {
      const verb = line.slice(0, 4).toUpperCase();
      await write(conn, replies[verb] ?? UNKNOWN);
      if (verb === "QUIT") return;
      if (verb !== "DATA") continue;
      await takeMessage(conn, buffer);
      await write(conn, OK);
    }
  }
}

if (import.meta.main) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  console.log(listener.addr.port);
  for await (const conn of listener) {
    // A client that is cut off is none of the sink's business.
    void converse(conn).catch(() => {}).finally(() => conn.close());
  }
}
