/** A message that a policy changes on its way. */

import { assertEquals } from "@std/assert";
import { definePolicy, type MessageTransform, reject } from "../../src/policy/mod.ts";
import { addressed, onStage, type StageOptions } from "../_dialogue.ts";
import { rest } from "../_peer.ts";
import { Robots } from "../_robot.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Puts one text in the place of another that comes in one piece. */
function replacing(from: string, to: string): MessageTransform {
  return new TransformStream({
    transform: (octets, out) =>
      out.enqueue(encoder.encode(decoder.decode(octets).replaceAll(from, to))),
  });
}

/** What the client is told of a message, and what the upstream has of it. */
async function sent(options: StageOptions, content: string): Promise<[string[], string[]]> {
  let told: string[] = [];
  let messages: string[] = [];
  await onStage({ offers: ["PIPELINING", "CHUNKING"], ...options }, async (stage) => {
    const robots = new Robots(stage);
    const client = stage.connect();
    await robots.rest();
    await client.send("EHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n");
    await robots.rest();
    client.take();
    await client.send(`${content}.\r\n`);
    await robots.rest();
    told = client.take().split("\r\n").slice(0, -1);
    messages = robots.messages;
    client.close();
    await robots.rest();
  });
  return [told, messages];
}

const QUEUED = "250 2.0.0 Queued";
const FAILED = "451 4.3.0 Temporary failure, try again later";
const CONTENT = "Subject: Hi\r\n\r\nred\r\n";

Deno.test("transform: what comes out of it goes on", async () => {
  for (const offers of [["PIPELINING", "CHUNKING"], []]) {
    const policy = definePolicy({ transform: () => replacing("red", ".blue") });
    assertEquals(await sent({ offers, proxy: { policy } }, CONTENT), [
      [QUEUED],
      ["Subject: Hi\r\n\r\n.blue\r\n"],
    ]);
  }
});

Deno.test("transform: several, one after the other, beside checks that look", async () => {
  const one = definePolicy({
    transform: ({ original }) =>
      original.reversePath.domain === "x.example" ? replacing("red", "blue") : undefined,
  });
  const two = definePolicy({ transform: () => replacing("blue", "green"), content: () => {} });
  const none = definePolicy({ transform: () => undefined });
  const policy = { definitions: [one, none, two].flatMap(({ definitions }) => definitions) };
  const [told, messages] = await sent({ proxy: { policy } }, CONTENT);
  assertEquals([told, messages], [[QUEUED], ["Subject: Hi\r\n\r\ngreen\r\n"]]);
});

Deno.test("transform: it may hold all of it to the end, and drop all of it", async () => {
  const last = (): MessageTransform => {
    let text = "";
    return new TransformStream({
      transform: (octets) => void (text += decoder.decode(octets)),
      flush: (out) => out.enqueue(encoder.encode(`${text}end\r\n`)),
    });
  };
  const holding = definePolicy({ transform: last });
  assertEquals(await sent({ proxy: { policy: holding } }, CONTENT), [
    [QUEUED],
    [`${CONTENT}end\r\n`],
  ]);
  const dropping = definePolicy({ transform: () => new TransformStream({ transform: () => {} }) });
  assertEquals(await sent({ proxy: { policy: dropping } }, CONTENT), [[QUEUED], [""]]);
});

const failing: Readonly<Record<string, () => MessageTransform>> = {
  "cannot be made": () => {
    throw new Error("x");
  },
  "has had another message": () => {
    const used = replacing("red", "blue");
    used.readable.getReader();
    return used;
  },
  "is none": () => ({}) as MessageTransform,
  "fails at once": () => new TransformStream({ start: (out) => out.error(new Error("x")) }),
  "fails in the middle": () =>
    new TransformStream({ transform: (_, out) => out.error(new Error("x")) }),
  "throws": () =>
    new TransformStream({
      transform: () => {
        throw new Error("x");
      },
    }),
  "fails at the end": () => new TransformStream({ flush: () => Promise.reject(new Error("x")) }),
  "makes a bare LF": () => replacing("\r\n", "\n"),
  "makes a bare CR at the end": () =>
    new TransformStream({ flush: (out) => out.enqueue(Uint8Array.of(0x0d)) }),
};

for (const [name, transform] of Object.entries(failing)) {
  Deno.test(`transform: one that ${name}: the message is deferred, and nothing of it taken`, async () => {
    for (const offers of [["PIPELINING", "CHUNKING"], ["PIPELINING"]]) {
      const policy = definePolicy({ transform });
      assertEquals(await sent({ offers, proxy: { policy } }, CONTENT), [[FAILED], []]);
    }
  });
}

Deno.test("transform: a refused message leaves nothing of it", async () => {
  const policy = definePolicy({
    transform: () => replacing("red", "blue"),
    filter: async ({ message }) => {
      for await (const _ of message.stream());
      return reject("550 5.7.1 No");
    },
  });
  const large = CONTENT + "x".repeat(70).concat("\r\n").repeat(2_000);
  assertEquals(await sent({ proxy: { policy } }, large), [["550 5.7.1 No"], []]);
});

const never = new Promise<never>(() => {});
const hanging: Readonly<Record<string, () => MessageTransform>> = {
  "in the middle": () => new TransformStream({ transform: () => never }),
  "at the end": () => new TransformStream({ flush: () => never }),
};

for (const [where, transform] of Object.entries(hanging)) {
  Deno.test(`transform: one that hangs ${where} is given up`, async () => {
    const policy = definePolicy({ transform });
    await onStage({ offers: ["PIPELINING", "CHUNKING"], proxy: { policy } }, async (stage) => {
      const { client } = await stage.recipients();
      await client.send("DATA\r\n");
      await client.expect("354 *");
      await client.send(`${CONTENT}.\r\n`);
      await rest();
      assertEquals(client.unread, "");
      // Once more, where something has come out of it lately.
      for (let nth = 0; nth < 2; nth++) await stage.clock.advance(30_000);
      await client.expect(FAILED);
      stage.upstream.all.at(-1)!.take();
    });
  });
}

/** More than an upstream's buffer takes where it does not read. */
const LARGE = "x".repeat(70).concat("\r\n").repeat(2_000);

Deno.test("transform: an upstream that is lost while it waits to be written to", async () => {
  const policy = definePolicy({ transform: () => new TransformStream() });
  await onStage({ offers: ["PIPELINING", "CHUNKING"], proxy: { policy } }, async (stage) => {
    const { client, upstream } = await stage.recipients();
    await client.send("DATA\r\n");
    await client.expect("354 *");
    upstream.pause();
    const sent = client.send(`${LARGE}${LARGE}.\r\n`);
    await rest();
    upstream.reset();
    await sent;
    await client.expect("451 4.4.2 *");
    upstream.take();
    assertEquals(stage.troubles.length, 1);
  });
});

for (const refused of [true, false]) {
  const what = refused ? "a refusal" : "a sign of life";
  Deno.test(`transform: ${what} does not come into the middle of a chunk`, async () => {
    const verdict = Promise.withResolvers<void>();
    const policy = definePolicy({
      timeLimit: 600_000,
      transform: () => new TransformStream(),
      filter: async ({ message }) => {
        await message.stream().cancel();
        await verdict.promise;
        return refused ? reject("550 5.7.1 No") : undefined;
      },
    });
    const options = { offers: ["PIPELINING", "CHUNKING"], proxy: { policy, window: 64 } };
    await onStage({ ...options, upstream: { chunkSize: 100 } }, async (stage) => {
      let overlaps = 0;
      stage.upstream.wrap = (channel) => {
        let writing = 0;
        const write = async (octets: Uint8Array): Promise<void> => {
          if (writing++ > 0) overlaps++;
          await channel.write(octets).finally(() => writing--);
        };
        return { ...addressed(channel, channel.localAddress, channel.remoteAddress), write };
      };
      const { client, upstream } = await stage.recipients();
      await client.send("DATA\r\n");
      await client.expect("354 *");
      upstream.pause();
      for (const lines of [900, 100]) {
        await client.send(LARGE.slice(0, 72 * lines));
        await rest();
      }
      if (refused) verdict.resolve();
      await rest();
      await client.send(refused ? "more\r\n.\r\n" : ".\r\n");
      await rest();
      await stage.clock.advance(30_000);
      upstream.resume();
      await rest();
      assertEquals(overlaps, 0);
      if (refused) await client.expect("550 5.7.1 No");
      assertEquals([upstream.ended, /RSET|NOOP/.test(upstream.take())], [refused, false]);
      verdict.resolve();
      upstream.reset();
      await rest();
      client.take();
    });
  });
}
