/** Which upstream gets a transaction, and what the client hears of it. */

import { assertEquals, assertMatch } from "@std/assert";
import { definePolicy, Path, rewrite, route } from "../../src/policy/mod.ts";
import type { StageOptions } from "../_dialogue.ts";
import { rest } from "../_peer.ts";
import { withPolicy } from "./_play.ts";

const MAIL = "MAIL FROM:<a@client.example>";
const two: StageOptions = { offers: ["PIPELINING"], others: { blue: ["PIPELINING"] } };

const byDomain = definePolicy({
  rcpt: ({ forwardPath }) => forwardPath.domain === "blue.example" ? route("blue") : undefined,
});

Deno.test("route: MAIL waits for the first recipient, which decides", async () => {
  await withPolicy(byDomain, async ({ client, stage }) => {
    await client.send(`${MAIL}\r\n`);
    await client.expect("250 2.1.0 Ok");
    await rest();
    assertEquals([stage.upstream.called, stage.others.blue.called], [false, false]);
    await client.send("RCPT TO:<b@blue.example>\r\n");
    const blue = await stage.others.blue.accept();
    await blue.expect(MAIL);
    await client.expectNothing();
    await blue.send("250 2.1.0 Ok\r\n");
    await blue.expect("RCPT TO:<b@blue.example>");
    await blue.send("250 2.1.5 Blue\r\n");
    await client.expect("250 2.1.5 Blue");
    // Who belongs to another upstream is asked to come again.
    await client.send("RCPT TO:<c@red.example>\r\n");
    await client.expect("452 4.5.3 *");
    await client.send("RCPT TO:<d@blue.example>\r\n");
    await blue.expect("RCPT TO:<d@blue.example>");
    await blue.send("250 2.1.5 Blue\r\n");
    await client.expect("250 2.1.5 Blue");
    assertEquals(stage.upstream.called, false);
    await client.send("DATA\r\n");
    await blue.expect("DATA");
    await blue.send("354 Go on\r\n");
    await client.expect("354 Go on");
    await client.send("Hello\r\n.\r\n");
    await blue.expect("Hello", ".");
    await blue.send("250 2.0.0 Queued\r\n");
    await client.expect("250 2.0.0 Queued");
  }, two);
});

Deno.test("route: what one upstream says to MAIL is not told to the recipients of another", async () => {
  await withPolicy(byDomain, async ({ client, stage }) => {
    await client.send(`${MAIL}\r\nRCPT TO:<b@blue.example>\r\n`);
    const blue = await stage.others.blue.accept();
    await blue.expect(MAIL);
    await blue.send("550 5.7.1 Not from there\r\n");
    await blue.expect("RCPT TO:<b@blue.example>");
    await blue.send("503 5.5.1 Need MAIL\r\n");
    await client.expect("250 2.1.0 Ok", "550 5.7.1 Not from there");
    await client.send("RCPT TO:<c@red.example>\r\nRCPT TO:<d@blue.example>\r\n");
    await client.expect("452 4.5.3 *", "550 5.7.1 Not from there");
  }, two);
});

Deno.test("route: the next transaction may go elsewhere", async () => {
  await withPolicy(byDomain, async (play) => {
    for (const domain of ["blue", "red", "red", "blue"]) {
      const group = [MAIL, `RCPT TO:<b@${domain}.example>`, "DATA"].join("\r\n");
      await play.say(group, "250 2.1.0 Ok", "250 2.0.0 Ok", "354 *");
      await play.say(`${domain}\r\n.`, "250 2.0.0 Queued");
    }
    const seen = play.robots.all.map(({ messages }) => messages.join("").split("\r\n"));
    assertEquals(seen, [["blue", ""], ["red", "red", ""], ["blue", ""]]);
  }, two);
});

Deno.test("route: a refused MAIL answers each recipient", async () => {
  await withPolicy(byDomain, async ({ client, stage }) => {
    await client.send(
      `${MAIL}\r\nRCPT TO:<b@blue.example>\r\nRCPT TO:<c@blue.example>\r\nDATA\r\n`,
    );
    const blue = await stage.others.blue.accept();
    await blue.expect(MAIL);
    await blue.send("550 5.7.1 Not you\r\n");
    await blue.expect("RCPT TO:<b@blue.example>", "RCPT TO:<c@blue.example>");
    await blue.send("503 5.5.1 Need MAIL\r\n503 5.5.1 Need MAIL\r\n");
    await client.expect("250 2.1.0 Ok", "550 5.7.1 Not you", "550 5.7.1 Not you", "554 5.5.1 *");
  }, two);
});

Deno.test("route: an upstream that cannot be reached costs its recipients only", async () => {
  await withPolicy(byDomain, async (play) => {
    play.stage.others.blue.refusals = 1;
    await play.say(MAIL, "250 2.1.0 Ok");
    await play.say("RCPT TO:<b@blue.example>", "451 4.4.1 *");
    await play.say("RCPT TO:<c@red.example>", "250 2.0.0 Ok");
    assertEquals(play.upstream, [MAIL, "RCPT TO:<c@red.example>"]);
  }, { ...two, others: { blue: ["PIPELINING"] } });
});

Deno.test("route: chosen at MAIL, MAIL does not wait", async () => {
  const policy = definePolicy({
    mail: () => route("blue"),
    rcpt: ({ forwardPath }) => forwardPath.domain === "red.example" ? route("default") : undefined,
  });
  await withPolicy(policy, async (play) => {
    await play.say(MAIL, "250 2.0.0 Ok");
    assertEquals(play.upstream, [MAIL]);
    await play.say("RCPT TO:<b@blue.example>", "250 2.0.0 Ok");
    await play.say("RCPT TO:<c@red.example>", "452 4.5.3 *");
    assertEquals(play.stage.upstream.called, false);
  }, two);
});

Deno.test("route: together with addresses of its own", async () => {
  const policy = definePolicy({
    rcpt: () => [
      rewrite([Path.from("c@blue.example"), Path.from("d@blue.example")]),
      route("blue"),
    ],
  });
  await withPolicy(policy, async (play) => {
    await play.say(MAIL, "250 2.1.0 Ok");
    await play.say("RCPT TO:<b@red.example>", "250 2.0.0 Ok");
    assertEquals(play.upstream, [MAIL, "RCPT TO:<c@blue.example>", "RCPT TO:<d@blue.example>"]);
    assertEquals(play.stage.upstream.all.length, 1);
    // That one was the probe for EHLO's offer.
    assertEquals(play.stage.upstream.called, false);
  }, two);
});

Deno.test("route: to a name that nobody has is our own fault", async () => {
  await withPolicy(definePolicy({ mail: () => route("green") }), async (play) => {
    await play.say(MAIL, "451 4.3.5 *");
    assertMatch(play.stage.troubles.join(), /"green"/);
  }, two);
});

Deno.test("route: EHLO offers what all upstreams have in common", async () => {
  await withPolicy(byDomain, async ({ stage }) => {
    const client = stage.connect();
    await client.expect("220 proxy.example ESMTP");
    await client.send("EHLO client.example\r\n");
    const offered = (await client.reply()).map((line) => line.slice(4));
    assertEquals(offered.includes("8BITMIME"), true);
    assertEquals(offered.includes("DSN"), false);
    assertEquals(offered.includes("SIZE 1000"), true);
  }, { offers: ["8BITMIME", "DSN", "SIZE 5000"], others: { blue: ["8BITMIME", "SIZE 1000"] } });
});

Deno.test("route: an upstream that nobody knows is our own mistake, told as such", async () => {
  const troubles: string[] = [];
  const policy = definePolicy({ rcpt: () => route("nowhere") });
  const observers = [{
    trouble: (_: unknown, error: unknown) => void troubles.push((error as Error).message),
  }];
  await withPolicy(policy, async (play) => {
    await play.say("MAIL FROM:<a@b.example>", "250 *");
    await play.say("RCPT TO:<c@d.example>", "451 4.3.5 *");
    assertEquals(troubles, ['The policy has named the upstream "nowhere": unknown']);
  }, { proxy: { observers } });
});
