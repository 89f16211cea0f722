/**
 * What is tried on every runtime.
 *
 * @module
 */

import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { concat, encode } from "../../src/bytes.ts";
import type { Target } from "../../src/channel.ts";
import { Client } from "./_client.ts";
import type { Capability, Host, Runtime } from "./_suite.ts";
import { DEADLY, type Received, type TestUpstream } from "./_upstream.ts";

/** What a case has to play with. */
export interface Stage {
  readonly host: Host;
  readonly upstream: TestUpstream;
  readonly runtime: Runtime;
}

/** One of them. */
export interface Case {
  readonly name: string;
  /** It is skipped where this is lacking. */
  readonly needs?: Capability;
  play(stage: Stage): Promise<void>;
}

const MIB = 1024 * 1024;

/** All octets that mail data may hold, dots where they matter, and a line of the greatest length. */
const message: Uint8Array = concat([
  encode("Subject: every octet\r\n\r\n.\r\n..\r\n.x\r\n\r\n"),
  Uint8Array.from({ length: 255 }, (_, nth) => nth + 1).filter((octet) =>
    !"\r\n".includes(
      String.fromCharCode(octet),
    )
  ),
  encode(`\r\n${"y".repeat(998)}\r\n.\r\n`),
]);

/** Lines of 78 octets, so many that they make this size and a little more. */
function lines(size: number): Uint8Array {
  const line = encode(`${"x".repeat(76)}\r\n`);
  const all = new Uint8Array(Math.ceil(size / line.length) * line.length);
  for (let at = 0; at < all.length; at += line.length) all.set(line, at);
  return all;
}

/** RFC 5321 §4.5.2, and the end of mail data. */
function stuffed(content: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (let at = 0; at < content.length; at++) {
    if (content[at] !== 0x2e || (at > 0 && content[at - 1] !== 0x0a)) continue;
    pieces.push(content.subarray(from, at), encode("."));
    from = at;
  }
  return concat([...pieces, content.subarray(from), encode(".\r\n")]);
}

/** Says EHLO, sends a message by DATA, and says goodbye. */
async function deliver(to: Target, sender: string, content: Uint8Array): Promise<void> {
  using client = await Client.greeted(to);
  await client.envelope(sender, "b@mx.example");
  await client.say("DATA", "354 ");
  await client.send(stuffed(content));
  await client.reply("250 ");
  await client.say("QUIT", "221 ");
  await client.ended();
}

/** The only message of a sender. */
function only(upstream: TestUpstream, sender: string): Received {
  const found = upstream.messages.filter(({ reversePath }) => reversePath === sender);
  assertEquals(found.length, 1, `messages of ${sender}`);
  return found[0];
}

function assertSame(found: Uint8Array, expected: Uint8Array): void {
  assertEquals(found.length, expected.length);
  assert(expected.every((octet, at) => octet === found[at]), "the octets differ");
}

/** Highest resident memory of a process until now, in octets. */
function peakOf(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}

/** Makes the memory that it has now the highest (proc(5), clear_refs). */
function resetPeak(pid: number): void {
  Deno.writeTextFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** To any upstream that takes mail. */
export const relaying: readonly Case[] = [
  {
    name: "a message by DATA arrives octet for octet",
    async play({ host, upstream }) {
      await deliver(host.smtp, "data@client.example", message);
      assertSame(only(upstream, "data@client.example").content, message);
    },
  },
  {
    name: "a message by BDAT arrives octet for octet",
    async play({ host, upstream }) {
      using client = await Client.greeted(host.smtp);
      await client.envelope("bdat@client.example", "b@mx.example", " BODY=8BITMIME");
      const [head, tail] = [message.subarray(0, 100), message.subarray(100)];
      await client.send(concat([encode(`BDAT ${head.length}\r\n`), head]));
      await client.reply("250 ");
      await client.send(concat([encode(`BDAT ${tail.length} LAST\r\n`), tail]));
      await client.reply("250 ");
      assertSame(only(upstream, "bdat@client.example").content, message);
    },
  },
  {
    name: "a message of 1 MiB arrives octet for octet",
    async play({ host, upstream }) {
      const large = lines(MIB);
      await deliver(host.smtp, "large@client.example", large);
      assertSame(only(upstream, "large@client.example").content, large);
    },
  },
];

/** To an upstream that cannot prove who it is. */
export const mistrusting: readonly Case[] = [
  {
    name: "no mail goes there",
    async play({ host, upstream }) {
      using client = await Client.connect(host.smtp);
      await client.send("EHLO client.example\r\n");
      await client.reply("421 4.4.1 ");
      await client.ended();
      assertEquals(upstream.messages, []);
    },
  },
];

/** One client that goes away in mid data, one way or the other. */
function vanishing(how: string, leave: (client: Client) => void | Promise<void>): Case {
  return {
    name: `the upstream sees no end of a message whose client ${how} in mid data`,
    async play({ host, upstream }) {
      const sender = `${how.replaceAll(" ", "-")}@client.example`;
      using client = await Client.greeted(host.smtp);
      await client.envelope(sender, "b@mx.example");
      await client.say("DATA", "354 ");
      await client.send(lines(200_000));
      await leave(client);
      await upstream.abandoned(sender);
      assertEquals(upstream.messages.filter(({ reversePath }) => reversePath === sender), []);
    },
  };
}

/** Through a listener in the clear to an upstream at TCP. */
export const cases: readonly Case[] = [
  {
    name: "it greets, and offers what it and its upstream have",
    async play({ host, runtime: { lacks } }) {
      using client = await Client.connect(host.smtp);
      const { lines: [first, ...keywords] } = await client.say("EHLO client.example", "250 ");
      assertEquals(first.split(" ")[0], "proxy.example");
      for (const keyword of ["PIPELINING", "8BITMIME", "CHUNKING", "ENHANCEDSTATUSCODES"]) {
        assert(keywords.includes(keyword), `${keyword} is missing in ${keywords}`);
      }
      // What a runtime is said to lack, it does not offer.
      assertEquals(keywords.includes("STARTTLS"), lacks.starttls === undefined);
    },
  },
  ...relaying,
  {
    name: "replies to pipelined commands come in their order, a refused recipient among them",
    async play({ host, upstream }) {
      using client = await Client.greeted(host.smtp);
      const recipients = ["b@mx.example", "refused@mx.example", "c@mx.example"];
      await client.send(
        ["MAIL FROM:<group@client.example>", ...recipients.map((path) => `RCPT TO:<${path}>`)]
          .concat("DATA\r\n").join("\r\n"),
      );
      for (const reply of ["250 ", "250 ", "550 5.1.1 No such user", "250 ", "354 "]) {
        await client.reply(reply);
      }
      await client.send("Hello\r\n.\r\nNOOP\r\nQUIT\r\n");
      for (const reply of ["250 ", "250 ", "221 "]) await client.reply(reply);
      await client.ended();
      const { forwardPaths } = only(upstream, "group@client.example");
      assertEquals(forwardPaths, ["b@mx.example", "c@mx.example"]);
    },
  },
  {
    name: "the policy's rewrite is what the upstream gets",
    async play({ host, upstream }) {
      using client = await Client.greeted(host.smtp);
      await client.envelope("rewrite@client.example", "b@old.example");
      await client.say("DATA", "354 ");
      await client.say("Hello\r\n.", "250 ");
      assertEquals(only(upstream, "rewrite@client.example").forwardPaths, ["b@new.example"]);
    },
  },
  {
    name: "a bare LF is refused, and ends nothing",
    async play({ host, upstream }) {
      using client = await Client.greeted(host.smtp);
      await client.envelope("smuggler@client.example", "b@mx.example");
      await client.say("DATA", "354 ");
      await client.send("Hello\n.\nMAIL FROM:<smuggled@client.example>\r\n.\r\n");
      await client.reply("554 5.6.0 ");
      await client.say("NOOP", "250 ");
      const senders = upstream.messages.map(({ reversePath }) => reversePath);
      assertEquals(senders.filter((sender) => sender.startsWith("smuggle")), []);
    },
  },
  {
    name: "STARTTLS, and nothing of what was said in the clear",
    needs: "starttls",
    async play({ host, upstream }) {
      using client = await Client.greeted(host.smtp);
      await client.startTls();
      await client.say("MAIL FROM:<before@client.example>", "503 ");
      const { lines: offered } = await client.say("EHLO client.example", "250 ");
      assertEquals(offered.includes("STARTTLS"), false);
      await client.envelope("starttls@client.example", "b@mx.example");
      await client.say("DATA", "354 ");
      await client.send(stuffed(message));
      await client.reply("250 ");
      assertSame(only(upstream, "starttls@client.example").content, message);
    },
  },
  {
    name: "TLS from the first octet",
    needs: "implicitTls",
    async play({ host, upstream }) {
      using client = await Client.connect(host.smtps!, "implicit");
      const { lines: offered } = await client.say("EHLO client.example", "250 ");
      assertEquals(offered.includes("STARTTLS"), false);
      const large = concat([message, lines(MIB)]);
      await client.envelope("smtps@client.example", "b@mx.example");
      await client.say("DATA", "354 ");
      await client.send(stuffed(large));
      await client.reply("250 ");
      await client.say("QUIT", "221 ");
      await client.ended();
      assertSame(only(upstream, "smtps@client.example").content, large);
    },
  },
  {
    name: "a Unix socket in the place of a dead one, for its owner only",
    needs: "unix",
    async play({ host, upstream }) {
      const unix = host.unix as Target & { transport: "unix" };
      assertEquals((await Deno.stat(unix.path)).mode! & 0o777, 0o600);
      await deliver(unix, "unix@client.example", message);
      assertSame(only(upstream, "unix@client.example").content, message);
    },
  },
  vanishing("hangs up", (client) => client[Symbol.dispose]()),
  vanishing("ends its side", (client) => client.halfClose()),
  {
    name: "an upstream that dies before its reply is a temporary failure",
    async play({ host, upstream }) {
      using client = await Client.greeted(host.smtp);
      await client.envelope("unlucky@client.example", DEADLY);
      await client.say("DATA", "354 ");
      await client.send(stuffed(message));
      await client.reply("451 4.4.2 ");
      // The session lives on, and the next message has an upstream again.
      await client.envelope("lucky@client.example", "b@mx.example");
      await client.say("DATA", "354 ");
      await client.say("Hello\r\n.", "250 ");
      assertEquals(only(upstream, "lucky@client.example").content, encode("Hello\r\n"));
    },
  },
  {
    name: "a message of 48 MiB raises the peak of its memory by less than 32",
    needs: "peak",
    async play({ host, upstream }) {
      // The first ones pay for code and heap that any message needs.
      await deliver(host.smtp, "first@client.example", lines(2 * MIB));
      resetPeak(host.pid!);
      const before = peakOf(host.pid!);
      const huge = lines(48 * MIB);
      await deliver(host.smtp, "huge@client.example", huge);
      const growth = peakOf(host.pid!) - before;
      assertSame(only(upstream, "huge@client.example").content, huge);
      console.log(`peak memory grew by ${(growth / MIB).toFixed(1)} MiB`);
      assertLess(growth, 32 * MIB);
    },
  },
  {
    name: "at its end clients are told 421, nobody else is let in, and the process ends",
    needs: "farewell",
    async play({ host }) {
      using idle = await Client.greeted(host.smtp);
      using busy = await Client.greeted(host.smtp);
      await busy.envelope("last@client.example", "b@mx.example");
      await busy.say("DATA", "354 ");
      const stopped = host.stop!();
      await idle.reply("421 4.3.2 ");
      await idle.ended();
      await assertRejects(() => Client.connect(host.smtp));
      await busy.say("Hello\r\n.", "250 ");
      await busy.reply("421 4.3.2 ");
      await busy.ended();
      // Nobody has to be waited for any more.
      for (const client of [idle, busy]) client[Symbol.dispose]();
      assertEquals(await stopped, 0);
    },
  },
];
