/** What becomes of addresses and their parameters on the way to the upstream. */

import { assertEquals } from "@std/assert";
import { definePolicy, Path, rewrite } from "../../src/policy/mod.ts";
import { withPolicy } from "./_play.ts";

const from = (...addresses: string[]): Path[] => addresses.map((address) => Path.from(address));

interface Case {
  readonly name: string;
  readonly offers?: readonly string[];
  /** What the sender becomes. */
  readonly sender?: Path;
  /** What recipients become, by their local-part; others stay. */
  readonly recipients?: Readonly<Record<string, readonly Path[]>>;
  readonly said: readonly string[];
  readonly upstream: readonly string[];
}

const DSN = ["DSN", "PIPELINING"];
const MAIL = "MAIL FROM:<a@old.example>";

const cases: readonly Case[] = [
  {
    name: "one recipient becomes another",
    recipients: { b: from("c@new.example") },
    said: [MAIL, "RCPT TO:<b@old.example>"],
    upstream: [MAIL, "RCPT TO:<c@new.example>"],
  },
  {
    name: "one recipient becomes three",
    recipients: { b: from("c@new.example", "d@new.example", "e@new.example") },
    said: [MAIL, "RCPT TO:<b@old.example>", "RCPT TO:<x@old.example>"],
    upstream: [
      MAIL,
      "RCPT TO:<c@new.example>",
      "RCPT TO:<d@new.example>",
      "RCPT TO:<e@new.example>",
      "RCPT TO:<x@old.example>",
    ],
  },
  {
    name: "one recipient becomes none, the other stays",
    recipients: { b: [] },
    said: [MAIL, "RCPT TO:<b@old.example>", "RCPT TO:<x@old.example>"],
    upstream: [MAIL, "RCPT TO:<x@old.example>"],
  },
  {
    name: "a local-part that needs quotes",
    recipients: { b: [Path.from("b@old.example").withLocalPart("b c")] },
    said: [MAIL, "RCPT TO:<b@old.example>"],
    upstream: [MAIL, 'RCPT TO:<"b c"@old.example>'],
  },
  {
    name: "the sender becomes another",
    sender: Path.from("z@new.example"),
    said: ["MAIL FROM:<a@old.example> BODY=8BITMIME", "RCPT TO:<x@old.example>"],
    offers: ["8BITMIME"],
    upstream: ["MAIL FROM:<z@new.example> BODY=8BITMIME", "RCPT TO:<x@old.example>"],
  },
  {
    name: "the sender becomes null",
    sender: Path.null,
    said: [MAIL, "RCPT TO:<x@old.example>"],
    upstream: ["MAIL FROM:<>", "RCPT TO:<x@old.example>"],
  },
  {
    // RFC 3461 §4.2
    name: "the original recipient is told where DSN is spoken",
    offers: DSN,
    recipients: { b: from("c@new.example") },
    said: [MAIL, "RCPT TO:<b@Old.Example>"],
    upstream: [MAIL, "RCPT TO:<c@new.example> ORCPT=rfc822;b@Old.Example"],
  },
  {
    // RFC 3461 §4
    name: "the original recipient is told in xtext, for each that it became",
    offers: DSN,
    recipients: { "b+c=d": from("c@new.example", "d@new.example") },
    said: [MAIL, "RCPT TO:<b+c=d@old.example> NOTIFY=FAILURE"],
    upstream: [
      MAIL,
      "RCPT TO:<c@new.example> NOTIFY=FAILURE ORCPT=rfc822;b+2Bc+3Dd@old.example",
      "RCPT TO:<d@new.example> NOTIFY=FAILURE ORCPT=rfc822;b+2Bc+3Dd@old.example",
    ],
  },
  {
    name: "an original recipient that was told before is kept",
    offers: DSN,
    recipients: { b: from("c@new.example") },
    said: [MAIL, "RCPT TO:<b@old.example> ORCPT=rfc822;first@older.example"],
    upstream: [MAIL, "RCPT TO:<c@new.example> ORCPT=rfc822;first@older.example"],
  },
  {
    name: "no original recipient for an upstream without DSN",
    offers: ["PIPELINING"],
    recipients: { b: from("c@new.example") },
    said: [MAIL, "RCPT TO:<b@old.example>"],
    upstream: [MAIL, "RCPT TO:<c@new.example>"],
  },
  {
    name: "no original recipient where nothing changed",
    offers: DSN,
    recipients: { b: from("b@OLD.example") },
    said: [MAIL, "RCPT TO:<b@old.example>", "RCPT TO:<x@old.example>"],
    upstream: [MAIL, "RCPT TO:<b@OLD.example>", "RCPT TO:<x@old.example>"],
  },
  {
    name: "UTF-8 with the parameter",
    offers: ["SMTPUTF8", "8BITMIME"],
    sender: Path.from("grün@new.example"),
    recipients: { b: from("blå@new.example") },
    said: [`${MAIL} SMTPUTF8`, "RCPT TO:<b@old.example>"],
    upstream: [
      "MAIL FROM:<gr\xc3\xbcn@new.example> SMTPUTF8",
      "RCPT TO:<bl\xc3\xa5@new.example>",
    ],
  },
];

for (const { name, offers = ["PIPELINING"], sender, recipients = {}, said, upstream } of cases) {
  for (const pipelined of [false, true]) {
    Deno.test(`rewrite${pipelined ? ", pipelined" : ""}: ${name}`, async () => {
      const policy = definePolicy({
        mail: () => sender && rewrite(sender),
        rcpt: ({ forwardPath }) => {
          const paths = recipients[forwardPath.localPart];
          return paths && rewrite(paths);
        },
      });
      await withPolicy(policy, async (play) => {
        // One original recipient gets one reply, whatever became of it.
        const replies = said.map(() => "250 2.*");
        if (pipelined) await play.say(said.join("\r\n"), ...replies);
        else for (const line of said) await play.say(line, "250 2.*");
        await play.say("DATA", "354 *");
        await play.say("Subject: x\r\n\r\nHello\r\n.", "250 2.0.0 Queued");
        assertEquals(play.upstream, [...upstream, "DATA"]);
        assertEquals(play.messages, ["Subject: x\r\n\r\nHello\r\n"]);
      }, { offers });
    });
  }
}

// RFC 6531 §3.5
Deno.test("rewrite: an address in UTF-8 needs the client's SMTPUTF8", async () => {
  const policy = definePolicy({
    mail: ({ reversePath }) =>
      reversePath.localPart === "utf8" ? rewrite(Path.from("grün@new.example")) : undefined,
    rcpt: () => rewrite(from("c@new.example", "blå@new.example")),
  });
  await withPolicy(policy, async (play) => {
    await play.say("MAIL FROM:<utf8@old.example>", "553 5.6.7 *");
    await play.say(MAIL, "250 2.0.0 Ok");
    await play.say("RCPT TO:<b@old.example>", "553 5.6.7 *");
    await play.say("DATA", "554 5.5.1 *");
    assertEquals(play.upstream, [MAIL]);
  });
});

Deno.test("rewrite: a recipient that became several is deferred with one of them, or taken with one", async () => {
  const policy = definePolicy({ rcpt: () => rewrite(from("c@new.example", "d@new.example")) });
  for (
    const [replies, told] of [
      [["550 5.1.1 c", "250 2.1.5 d"], "250 2.1.5 d"],
      [["250 2.1.5 c", "452 4.5.3 d"], "452 4.5.3 d"],
      [["550 5.1.1 c", "452 4.5.3 d"], "452 4.5.3 d"],
      [["550 5.1.1 c", "551 5.1.6 d"], "550 5.1.1 c"],
    ] as const
  ) {
    await withPolicy(policy, async ({ client, stage }) => {
      await client.send(`${MAIL}\r\n`);
      const upstream = await stage.upstream.accept();
      await upstream.expect(MAIL);
      await upstream.send("250 2.1.0 Ok\r\n");
      await client.expect("250 2.1.0 Ok");
      await client.send("RCPT TO:<b@old.example>\r\n");
      // Both travel before either is answered.
      await upstream.expect("RCPT TO:<c@new.example>", "RCPT TO:<d@new.example>");
      await upstream.send(`${replies[0]}\r\n`);
      await client.expectNothing();
      await upstream.send(`${replies[1]}\r\n`);
      await client.expect(told);
    }, { offers: ["PIPELINING"] });
  }
});

Deno.test("rewrite: nobody is left to get the message", async () => {
  const policy = definePolicy({ rcpt: () => rewrite([]) });
  await withPolicy(policy, async (play) => {
    await play.say(`${MAIL}\r\nRCPT TO:<b@old.example>`, "250 2.0.0 Ok", "250 2.1.5 Ok");
    await play.say("DATA", "354 *");
    await play.say("Hello\r\n.", "250 2.0.0 Ok");
    assertEquals(play.upstream, [MAIL, "RSET"]);
    // The connection lives on.
    await play.say(MAIL, "250 2.0.0 Ok");
    assertEquals(play.upstream.length, 3);
    assertEquals(play.robots.all.length, 1);
  });
});

Deno.test("rewrite: a thousand recipients out of one and no more", async () => {
  const policy = definePolicy({
    rcpt: ({ forwardPath }) =>
      rewrite(
        Array.from(
          { length: Number(forwardPath.localPart) },
          (_, nth) => Path.from(`${nth}@new.example`),
        ),
      ),
  });
  await withPolicy(policy, async (play) => {
    await play.say(MAIL, "250 2.0.0 Ok");
    await play.say("RCPT TO:<1001@old.example>", "451 4.3.0 *");
    assertEquals(play.upstream, [MAIL]);
    await play.say("RCPT TO:<1000@old.example>", "250 2.0.0 Ok");
    assertEquals(play.upstream.length, 1001);
    assertEquals(play.stage.troubles.length, 1);
  });
});

Deno.test("rewrite: what recipients become counts against the limit", async () => {
  const policy = definePolicy({
    rcpt: ({ forwardPath }) => rewrite([forwardPath, forwardPath.withDomain("copy.example")]),
  });
  await withPolicy(policy, async (play) => {
    await play.say(MAIL, "250 2.0.0 Ok");
    for (const localPart of ["b", "c", "d"]) {
      await play.say(`RCPT TO:<${localPart}@old.example>`, "250 2.0.0 Ok");
    }
    await play.say("RCPT TO:<e@old.example>", "452 4.5.3 *");
    assertEquals(play.upstream.length, 7);
  }, { proxy: { limits: { recipients: 5 } } });
});
