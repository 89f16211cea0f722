import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { definePolicy, Path, proceed, rewrite } from "../../src/policy/mod.ts";
import { onStage, type Stage } from "../_dialogue.ts";
import { Robots } from "../_robot.ts";

const OFFERS = ["PIPELINING", "CHUNKING", "8BITMIME"];
const mailbox = fc.tuple(
  fc.constantFrom("a", "b.c", "d+e", '"f g"', "'h"),
  fc.constantFrom("one.example", "two.example", "[192.0.2.1]"),
).map(([localPart, domain]) => `${localPart}@${domain}`);
const sender = fc.oneof({ arbitrary: mailbox, weight: 4 }, {
  arbitrary: fc.constant(""),
  weight: 1,
});
const recipients = fc.array(mailbox, { minLength: 1, maxLength: 5 });
const content = fc.array(
  fc.constantFrom("\r\n", ".\r\n", "..\r\n", "a\r\n", "Subject: x\r\n", "\xff\x80\r\n"),
  { maxLength: 20 },
).map((lines) => lines.join(""));

/** Sends one message in a session of its own. */
async function send(
  stage: Stage,
  robots: Robots,
  from: string,
  to: readonly string[],
  octets: string,
): Promise<void> {
  const client = stage.connect();
  const say = async (text: string) => {
    await client.send(text);
    await robots.rest();
  };
  const group = [`MAIL FROM:<${from}>`, ...to.map((one) => `RCPT TO:<${one}>`), "DATA"];
  await say("EHLO x\r\n");
  await say(`${group.join("\r\n")}\r\n`);
  await say(`${octets.replace(/(?<=^|\r\n)\./g, "..")}.\r\n`);
  await say("QUIT\r\n");
  const replies = client.take().split("\r\n");
  assertEquals(replies.slice(-4, -1).map((line) => line.slice(0, 3)), ["354", "250", "221"]);
  client.close();
  await robots.rest();
}

Deno.test("property: with a policy that proceeds the upstream gets what was sent", async () => {
  const policy = definePolicy({
    connect: () => proceed(),
    mail: () => Promise.resolve(undefined),
    rcpt: () => proceed(),
    data: () => Promise.resolve(proceed()),
    headers: () => proceed(),
    content: () => undefined,
  });
  await onStage({ offers: OFFERS, proxy: { policy } }, async (stage) => {
    const robots = new Robots(stage);
    await fc.assert(
      fc.asyncProperty(sender, recipients, content, async (from, to, octets) => {
        const before = robots.commands.length;
        await send(stage, robots, from, to, octets);
        assertEquals(robots.messages.at(-1), octets);
        assertEquals(robots.commands.slice(before).filter((line) => line !== "QUIT"), [
          `MAIL FROM:<${from}>`,
          ...to.map((one) => `RCPT TO:<${one}>`),
          `BDAT ${octets.length} LAST`,
        ]);
      }),
      { numRuns: 100, seed: 5321 },
    );
  });
});

Deno.test("property: with random rewrites only those addresses differ", async () => {
  let rewrites: { sender?: string; recipients: readonly (readonly string[] | undefined)[] };
  const policy = definePolicy({
    transaction: () => ({ nth: 0 }),
    mail: () =>
      rewrites.sender === undefined
        ? undefined
        : rewrite(rewrites.sender === "" ? Path.null : Path.from(rewrites.sender)),
    rcpt: (_facts, { transaction }) => {
      const addresses = rewrites.recipients[transaction.nth++];
      return addresses && rewrite(addresses.map((address) => Path.from(address)));
    },
  });
  const changes = fc.record({
    sender: fc.option(sender, { nil: undefined }),
    recipients: fc.array(
      fc.option(fc.array(mailbox, { maxLength: 3 }), { nil: undefined }),
      { minLength: 5, maxLength: 5 },
    ),
  });
  await onStage({ offers: OFFERS, proxy: { policy } }, async (stage) => {
    const robots = new Robots(stage);
    await fc.assert(
      fc.asyncProperty(sender, recipients, content, changes, async (from, to, octets, wanted) => {
        rewrites = wanted;
        const before = robots.commands.length;
        const messages = robots.messages.length;
        await send(stage, robots, from, to, octets);
        const left = to.flatMap((one, nth) => wanted.recipients[nth] ?? [one]);
        assertEquals(robots.commands.slice(before).filter((line) => line !== "QUIT"), [
          `MAIL FROM:<${wanted.sender ?? from}>`,
          ...left.map((one) => `RCPT TO:<${one}>`),
          left.length === 0 ? "RSET" : "DATA",
        ]);
        assertEquals(robots.messages.slice(messages), left.length === 0 ? [] : [octets]);
      }),
      { numRuns: 100, seed: 5321 },
    );
  });
});
