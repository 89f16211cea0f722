/** A message that a policy changes on its way. */

import { assertEquals } from "@std/assert";
import { definePolicy, type MessageTransform, reject } from "../../src/policy/mod.ts";
import { onStage, type StageOptions } from "../_dialogue.ts";
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
