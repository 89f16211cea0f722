/** What is remembered of more transactions than anybody could read. */

import { assertEquals } from "@std/assert";
import { definePolicy, reject } from "../../src/policy/mod.ts";
import { pens } from "../../src/stats/pen.ts";
import { Stats } from "../../src/stats/stats.ts";
import { detailOf } from "../../src/stats/transaction_record.ts";
import type { FakeClock } from "../_clock.ts";
import { onStage } from "../_dialogue.ts";
import { Robots } from "../_robot.ts";

const { plain } = pens;
const MESSAGE = "MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nBDAT 2 LAST\r\nHi";
const REFUSED = "MAIL FROM:<a@x.example>\r\nRCPT TO:<refused@y.example>\r\nRSET\r\n";

interface Play {
  readonly stats: Stats;
  readonly clock: FakeClock;
  readonly say: (octets: string) => Promise<void>;
  readonly session: string;
}

/** A client that has said EHLO, before statistics that remember two transactions at once. */
async function played(play: (on: Play) => Promise<void>): Promise<void> {
  const policy = definePolicy({
    rcpt: ({ forwardPath }) =>
      forwardPath.localPart === "refused" ? reject("550 5.1.1 No") : undefined,
  });
  await onStage({ offers: ["PIPELINING", "CHUNKING"], proxy: { policy } }, async (stage) => {
    const stats = new Stats({ clock: stage.clock, perSecond: 8 });
    stage.proxy.observe(stats.observer);
    const robots = new Robots(stage);
    const client = stage.connect();
    const say = async (octets: string): Promise<void> => {
      await client.send(octets);
      await robots.rest();
    };
    await robots.rest();
    await say("EHLO client.example\r\n");
    const [{ id }] = stats.sessions.list(1, plain);
    await play({ stats, clock: stage.clock, say, session: id });
    client.take();
    client.close();
    await robots.rest();
  });
}

const remembered = (stats: Stats): string[] =>
  stats.transactions.find({}, 99).reverse()
    .map((one) => detailOf(one, plain))
    .map(({ number, outcome, dialogue, phases }) =>
      `${number} ${outcome}, ${dialogue.length} lines, ${phases.length > 0 ? "phases" : "none"}`
    );

Deno.test("burst: the first ones with all that was said, then refused ones without", async () => {
  await played(async ({ stats, clock, say }) => {
    for (let nth = 0; nth < 3; nth++) await say(MESSAGE);
    for (let nth = 0; nth < 3; nth++) await say(REFUSED);
    assertEquals(remembered(stats), [
      "1 accepted, 7 lines, phases",
      "2 accepted, 7 lines, phases",
      "4 rejected, 1 lines, none",
      "5 rejected, 1 lines, none",
    ]);
    const [brief] = stats.transactions.find({ outcome: "rejected" }, 1);
    const { to, reply, dialogue } = detailOf(brief, plain);
    assertEquals(to, [{ address: "refused@y.example", reply: "550 5.1.1 No" }]);
    assertEquals(reply, "550 5.1.1 No");
    assertEquals(
      dialogue[0].text,
      "What was said was not kept: too many transactions in this second",
    );
    // The numbers count all, and after a second there is room again.
    assertEquals(stats.transactions.last, 6);
    await clock.advance(1_000);
    await say(REFUSED);
    assertEquals(remembered(stats).at(-1), "7 rejected, 6 lines, phases");
  });
});

Deno.test("burst: a session that somebody looks at keeps every line, another one counts on", async () => {
  await played(async ({ stats, say, session }) => {
    for (let nth = 0; nth < 2; nth++) await say(MESSAGE);
    const before = stats.sessions.linesAfter(session, 0, plain).at(-1)!.number;
    // To read is to look: from here on it is kept.
    await say(MESSAGE);
    const watched = stats.sessions.linesAfter(session, before, plain);
    assertEquals(watched.map(({ number }) => number - before), [1, 2, 3, 4, 5, 6, 7]);
  });
  await played(async ({ stats, say, session }) => {
    for (let nth = 0; nth < 3; nth++) await say(MESSAGE);
    await say("NOOP\r\n");
    const numbers = stats.sessions.linesAfter(session, 0, plain).map(({ number }) => number);
    // Of the third message MAIL is there, because a transaction begins behind it.
    const [mail, noop] = numbers.slice(-3);
    assertEquals(noop - mail, 7);
  });
});

Deno.test("burst: of those that are passed over only the last MAIL is there, and no other line goes", async () => {
  await played(async ({ stats, say, session }) => {
    for (let nth = 0; nth < 2; nth++) await say(MESSAGE);
    const linesOf = (): string[] =>
      stats.sessions.list(1, plain).flatMap(({ id }) => stats.sessions.detail(id, plain)!.dialogue)
        .map(({ text }) => text);
    // A look keeps what follows for 10 s, so there is one only at the end.
    for (const from of ["c", "d", "e"]) await say(MESSAGE.replace("a@", `${from}@`));
    await say("NOOP\r\n");
    await say(MESSAGE.replace("a@", "f@"));
    const lines = linesOf();
    assertEquals(lines.filter((text) => text.startsWith("MAIL")), [
      "MAIL FROM:<a@x.example>",
      "MAIL FROM:<a@x.example>",
      "MAIL FROM:<e@x.example>",
      "MAIL FROM:<f@x.example>",
    ]);
    assertEquals(lines.slice(-4), [
      "MAIL FROM:<e@x.example>",
      "NOOP",
      "250 2.0.0 Ok",
      "MAIL FROM:<f@x.example>",
    ]);
    // From here on somebody looks: a MAIL that has been shown stays, and so does all that follows.
    for (const from of ["g", "h"]) await say(MESSAGE.replace("a@", `${from}@`));
    const all = stats.sessions.linesAfter(session, 0, plain);
    assertEquals(all.at(-15)!.text, "MAIL FROM:<f@x.example>");
    const numbers = all.slice(-14).map(({ number }) => number);
    assertEquals(numbers, numbers.map((_, at) => numbers[0] + at));
  });
});
