/**
 * What do sessions cost without a network?
 *
 * The whole proxy between a client and a sink in memory, from the greeting to QUIT: the reading of
 * commands and replies, five rules, statistics, the pool of upstream connections, and also the client
 * and the sink themselves, which do as little as they can. One iteration sends ten messages.
 *
 *     deno bench --allow-read bench/session_bench.ts
 *
 * @module
 */

import { memoryPair } from "../src/adapters/memory.ts";
import { encode, LF, SP } from "../src/bytes.ts";
import type { Channel, Dialer } from "../src/channel.ts";
import { systemClock } from "../src/clock.ts";
import { loadConfiguration } from "../src/config/load.ts";
import { policyOf } from "../src/config/policy.ts";
import type { ProxyOptions } from "../src/options.ts";
import { createProxy, type Proxy } from "../src/proxy.ts";
import { Stats } from "../src/stats/stats.ts";
import { smtpUpstream } from "../src/upstream/smtp/upstream.ts";
import { check, corpusOf, stuffed, texts } from "./_corpora.ts";
import readingPolicy from "./_reading_policy.ts";
import { SinkDialogue } from "./_sink_dialogue.ts";

const MESSAGES = 10;
const READ = 65_536;

/** Messages that have arrived. */
let sunk = 0;

async function sink(channel: Channel): Promise<void> {
  const dialogue = new SinkDialogue();
  await channel.write(SinkDialogue.greeting);
  while (!dialogue.over) {
    const octets = await channel.read(READ);
    if (octets === undefined) break;
    const before = dialogue.messages;
    const answer = dialogue.take(octets);
    sunk += dialogue.messages - before;
    if (answer.length > 0) await channel.write(answer);
  }
  channel.close();
}

const dialer: Dialer = {
  connect() {
    const [near, far] = memoryPair();
    void sink(far);
    return Promise.resolve(near);
  },
};

/** A client that counts replies, and looks at none. */
class Client {
  constructor(readonly channel: Channel) {}

  async ask(octets: Uint8Array, replies = 1): Promise<void> {
    await this.channel.write(octets);
    await this.wait(replies);
  }

  async wait(replies: number): Promise<void> {
    while (replies > 0) {
      const octets = await this.channel.read();
      if (octets === undefined) throw new Error("Found the end instead of a reply");
      // The proxy writes whole lines, and memory keeps them so.
      for (let at = 0, end: number; (end = octets.indexOf(LF, at)) !== -1; at = end + 1) {
        if (octets[at + 3] === SP) replies--;
      }
    }
  }
}

const EHLO = encode("EHLO client.example\r\n");
const MAIL = encode("MAIL FROM:<a@client.example>\r\n");
const RCPT = encode("RCPT TO:<b@sink.example>\r\n");
const DATA = encode("DATA\r\n");
const GROUP = encode("MAIL FROM:<a@client.example>\r\nRCPT TO:<b@sink.example>\r\nDATA\r\n");
const QUIT = encode("QUIT\r\n");

async function send(client: Client, message: Uint8Array): Promise<void> {
  for (const command of [MAIL, RCPT, DATA, message]) await client.ask(command);
}

async function sendPipelined(client: Client, message: Uint8Array): Promise<void> {
  await client.ask(GROUP, 3);
  await client.ask(message);
}

/** One session with so many messages. */
async function session(
  proxy: Proxy,
  messages: number,
  write: (client: Client) => Promise<void>,
): Promise<void> {
  const [far, near] = memoryPair();
  const ended = proxy.handle(atAddress(near));
  const client = new Client(far);
  await client.wait(1);
  await client.ask(EHLO);
  for (let nth = 0; nth < messages; nth++) await write(client);
  await client.ask(QUIT);
  far.close();
  await ended;
}

/** As from the network: rules ask for addresses. */
function atAddress(channel: Channel): Channel {
  return {
    localAddress: { transport: "tcp", host: "192.0.2.25", port: 25 },
    remoteAddress: { transport: "tcp", host: "192.0.2.1", port: 50_000 },
    read: (size) => channel.read(size),
    write: (octets) => channel.write(octets),
    closeWrite: () => channel.closeWrite(),
    close: () => channel.close(),
  };
}

function proxyWith(options: ProxyOptions): Proxy {
  const target = { transport: "tcp", host: "192.0.2.26", port: 25 } as const;
  return createProxy({
    hostname: "proxy.example",
    upstream: smtpUpstream({ target, dialer }),
    ...options,
  });
}

const rules = new URL("_relays/sluice/sluice.toml", import.meta.url).pathname;
const configuration = await loadConfiguration(rules, Deno.readTextFile);
const policy = policyOf(configuration, { tables: new Map(), clock: systemClock });

const proxies: Readonly<Record<string, Proxy>> = {
  "five rules, statistics": proxyWith({ policy, observers: [new Stats().observer] }),
  "five rules": proxyWith({ policy }),
  "no policy": proxyWith({}),
  "a filter that reads all": proxyWith({ policy: readingPolicy }),
};

function messageOf(octets: number): Uint8Array {
  const text = new TextDecoder().decode(corpusOf(texts["78-octet lines"], octets).octets);
  return encode(stuffed(`Subject: bench\r\n\r\n${text}`));
}

const small = messageOf(2_048);
const large = messageOf(51_200);
const huge = messageOf(2_097_152);

/** How ten messages are sent. */
const workloads: Readonly<Record<string, (proxy: Proxy) => Promise<void>>> = {
  "10 × 2 KB in one session": (proxy) => session(proxy, MESSAGES, (c) => send(c, small)),
  "10 × 2 KB in one session, pipelined": (proxy) =>
    session(proxy, MESSAGES, (c) => sendPipelined(c, small)),
  "10 × 50 KB in one session": (proxy) => session(proxy, MESSAGES, (c) => send(c, large)),
  "10 × 2 MB in one session": (proxy) => session(proxy, MESSAGES, (c) => send(c, huge)),
  "10 × 2 KB, a session each": async (proxy) => {
    for (let nth = 0; nth < MESSAGES; nth++) await session(proxy, 1, (c) => send(c, small));
  },
};

for (const [group, run] of Object.entries(workloads)) {
  for (const [name, proxy] of Object.entries(proxies)) {
    Deno.bench({
      name,
      group,
      baseline: name === "five rules, statistics",
      async fn() {
        const before = sunk;
        await run(proxy);
        check(sunk - before, MESSAGES);
      },
    });
  }
}
