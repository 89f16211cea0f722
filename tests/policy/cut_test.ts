import { assertEquals, assertThrows } from "@std/assert";
import { chaos } from "../../src/policy/checks/mod.ts";
import { definePolicy } from "../../src/policy/policy.ts";
import { disconnect } from "../../src/policy/verdicts.ts";
import { withPolicy } from "./_play.ts";

const MAIL = "MAIL FROM:<a@b.example>";
const RCPT = "RCPT TO:<c@d.example>";
const policy = definePolicy({ data: () => disconnect(undefined, { after: 20 }) });

const SHORT = "Subject: short\r\n";
const LONG = "Subject: longer than the cut\r\n";

for (
  const [way, octets] of Object.entries({
    DATA: `${LONG}.`,
    BDAT: `BDAT ${LONG.length} LAST\r\n${LONG.slice(0, -2)}`,
  })
) {
  Deno.test(`a cut in ${way}: the client is lost without a word, the upstream sees no end`, async () => {
    await withPolicy(policy, async (play) => {
      await play.say(MAIL, "250 *");
      await play.say(RCPT, "250 *");
      if (way === "DATA") await play.say("DATA", "354 *");
      await play.client.send(`${octets}\r\n`);
      await play.robots.rest();
      await play.client.expectClose();
      assertEquals(play.messages, []);
    });
  });
}

Deno.test("a message that ends before the cut arrives", async () => {
  await withPolicy(policy, async (play) => {
    await play.say(MAIL, "250 *");
    await play.say(RCPT, "250 *");
    await play.say("DATA", "354 *");
    await play.say(`${SHORT}.`, "250 *");
    assertEquals(play.messages.length, 1);
  });
});

Deno.test("a cut is a whole number of octets", () => {
  assertThrows(() => disconnect(undefined, { after: -1 }), RangeError, "whole numbers");
  assertThrows(() => disconnect(undefined, { after: 1.5 }), RangeError, "whole numbers");
});

Deno.test("chaos cuts messages", async () => {
  const cut = chaos({ cut: 1, cutWithin: 10, seed: 1 });
  await withPolicy(cut, async (play) => {
    await play.say(MAIL, "250 *");
    await play.say(RCPT, "250 *");
    await play.say("DATA", "354 *");
    await play.client.send(`${LONG}.\r\n`);
    await play.robots.rest();
    await play.client.expectClose();
    assertEquals(play.messages, []);
  });
});
