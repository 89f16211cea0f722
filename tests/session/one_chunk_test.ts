/** Messages that are too large to be held and whose rest has come at once: one BDAT chunk upstream. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Channel, ChannelError } from "../../src/channel.ts";
import { type Deferred, deferred } from "../../src/deferred.ts";
import { onStage, type Peer, rest, type Stage, type StageOptions } from "../_dialogue.ts";
import { Robots } from "../_robot.ts";

const SMALL: StageOptions = {
  offers: ["PIPELINING", "CHUNKING"],
  upstream: { chunking: "small" },
  pool: {},
};
const LINE = `${"x".repeat(62)}\r\n`;
const CONTENT = LINE.repeat(400);
/** Octets that are read before it is known that the message is large. */
const FIRST = 4_096;
const COMMAND = `BDAT ${CONTENT.length} LAST\r\n`;

const stuffed = (content: string): string => content.replace(/(?<=^|\r\n)\./g, "..");

/** A channel that writes nothing large before it is told to. */
function slow(channel: Channel, go: Deferred<void>): Channel {
  return {
    localAddress: channel.localAddress,
    remoteAddress: channel.remoteAddress,
    read: (size) => channel.read(size),
    write: async (octets) => {
      if (octets.length > 16_384) await go.promise;
      await channel.write(octets);
    },
    closeWrite: () => channel.closeWrite(),
    close: () => {
      go.reject(new ChannelError("closed", "Closed"));
      channel.close();
    },
  };
}

interface Halfway {
  readonly stage: Stage;
  readonly client: Peer;
  readonly upstream: Peer;
  readonly go: () => void;
}

/** The client has said all of its message, and the upstream has been sent its beginning. */
function halfway(name: string, play: (on: Halfway) => Promise<void>): void {
  Deno.test(`one chunk: ${name}`, () =>
    onStage(SMALL, async (stage) => {
      const go = deferred<void>();
      stage.upstream.wrap = (channel) => slow(channel, go);
      const { client, upstream } = await stage.recipients();
      await client.send("DATA\r\n");
      await client.expect("354 *");
      await client.send(`${CONTENT}.\r\n`);
      await rest();
      assertEquals(upstream.take(), COMMAND + CONTENT.slice(0, FIRST));
      await play({ stage, client, upstream, go: go.resolve });
    }));
}

const DOTS = ".\r\n..\r\n.x\r\n";
const contents: Readonly<Record<string, string>> = {
  "no dot": CONTENT,
  "dots at the beginning": DOTS + CONTENT,
  "dots at the end": CONTENT + DOTS,
  "dots between much and much": CONTENT + DOTS.repeat(100) + CONTENT,
  "nothing but dots": DOTS.repeat(4_000),
};
const clients: Readonly<Record<string, (content: string) => readonly string[]>> = {
  "at once": (content) => [`${stuffed(content)}.\r\n`],
  "in two pieces": (content) => {
    const wire = `${stuffed(content)}.\r\n`;
    return [wire.slice(0, 5_000), wire.slice(5_000)];
  },
};

for (const [which, content] of Object.entries(contents)) {
  for (const [how, pieces] of Object.entries(clients)) {
    Deno.test(`one chunk: ${which}, ${how}`, () =>
      onStage(SMALL, async (stage) => {
        const robots = new Robots(stage);
        const client = await stage.ready();
        const opening = ["MAIL FROM:<a@x.example>\r\n", "RCPT TO:<b@y.example>\r\n", "DATA\r\n"];
        // The connection is as good as before.
        for (let nth = 0; nth < 2; nth++) {
          for (const octets of [...opening, ...pieces(content)]) {
            await client.send(octets);
            await robots.rest();
          }
          assertMatch(client.take(), /\r\n250 2\.0\.0 Queued\r\n$/);
        }
        assertEquals(robots.messages, [content, content]);
        const chunks = robots.commands.filter((line) => line.startsWith("BDAT"));
        assertEquals(chunks, Array(2).fill(`BDAT ${content.length} LAST`));
        assert(!robots.commands.includes("DATA"));
      }));
  }
}

halfway("a refusal that comes early is told when all has been sent", async (on) => {
  const { client, upstream } = on;
  await upstream.send("552 5.3.4 Too big\r\n");
  await client.expectNothing();
  on.go();
  assertEquals(await upstream.octets(CONTENT.length - FIRST), CONTENT.slice(FIRST));
  await client.expect("552 5.3.4 Too big");
  await upstream.expect("RSET");
  await upstream.send("250 2.0.0 Ok\r\n");
});

halfway("an upstream that hangs up in it has not taken it", async ({ client, upstream }) => {
  upstream.close();
  await client.expect("451 4.4.2 *");
});

halfway("nor has one that said yes before", async ({ client, upstream }) => {
  await upstream.send("250 2.0.0 Queued\r\n");
  upstream.close();
  await client.expect("451 4.4.2 *");
});

halfway("what is cut off never comes to its end", async ({ stage, client, upstream }) => {
  const closed = stage.proxy.close(1_000);
  await stage.clock.advance(1_000);
  await closed;
  await upstream.expectClose();
  client.take();
});

Deno.test("one chunk: LMTP, a reply for each recipient", () =>
  onStage({
    offers: ["PIPELINING", "CHUNKING"],
    upstream: { chunking: "small", protocol: "lmtp" },
    listener: { protocol: "lmtp" },
  }, async (stage) => {
    const { client, upstream } = await stage.recipients();
    await client.send("RCPT TO:<c@upstream.example>\r\n");
    await upstream.expect("RCPT TO:<c@upstream.example>");
    await upstream.send("250 2.1.5 Ok\r\n");
    await client.expect("250 2.1.5 Ok");
    await client.send("DATA\r\n");
    await client.expect("354 *");
    await client.send(`${CONTENT}.\r\n`);
    assertEquals(await upstream.octets(COMMAND.length + CONTENT.length), COMMAND + CONTENT);
    await upstream.send("250 2.0.0 For b\r\n452 4.2.2 Full for c\r\n");
    await client.expect("250 2.0.0 For b", "452 4.2.2 Full for c");
    await upstream.expect("RSET");
    await upstream.send("250 2.0.0 Ok\r\n");
  }));
