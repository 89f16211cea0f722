/**
 * Sessions in memory, twenty at a time, each with a message, before statistics; prints how many.
 *
 *     deno run tests/session/_many_sessions.ts
 *
 * @module
 */

import { memoryPair } from "../../src/adapters/memory.ts";
import { encode } from "../../src/bytes.ts";
import type { Channel, Dialer } from "../../src/channel.ts";
import { createProxy } from "../../src/proxy.ts";
import { Stats } from "../../src/stats/stats.ts";
import { sharedTimers } from "../../src/shared_timers.ts";
import { smtpUpstream } from "../../src/upstream/smtp/upstream.ts";

const AT_ONCE = 20;
const EACH = 500;

const has = (octets: Uint8Array, text: string): boolean =>
  new TextDecoder().decode(octets).includes(text);

async function sink(channel: Channel): Promise<void> {
  const ok = encode("250 2.0.0 Ok\r\n");
  await channel.write(encode("220 sink.example ESMTP\r\n"));
  for (let octets = await channel.read(); octets !== undefined; octets = await channel.read()) {
    // Those that are sent as a group come at once.
    const both = has(octets, "MAIL FROM") && has(octets, "RCPT TO");
    if (both) await channel.write(ok);
    await channel.write(has(octets, "DATA") ? encode("354 Go on\r\n") : ok);
  }
}

const dialer: Dialer = {
  connect() {
    const [near, far] = memoryPair();
    void sink(far);
    return Promise.resolve(near);
  },
};

const lines = [
  ...["EHLO client.example", "MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA"],
  ...["Subject: Hi\r\n\r\nHi\r\n.", "QUIT"],
].map((line) => encode(`${line}\r\n`));

const clock = sharedTimers();
const target = { transport: "tcp", host: "192.0.2.1", port: 25 } as const;
const proxy = createProxy({ clock, upstream: smtpUpstream({ target, dialer, clock }) });
const stats = new Stats({ clock });
proxy.observe(stats.observer);

async function client(): Promise<void> {
  for (let nth = 0; nth < EACH; nth++) {
    const [far, near] = memoryPair();
    const ended = proxy.handle(near);
    await far.read();
    for (const line of lines) {
      await far.write(line);
      await far.read();
    }
    far.close();
    await ended;
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, client));
await proxy.close();
console.log(`\naccepted ${stats.view({ draining: false }).transactions.accepted}`);
