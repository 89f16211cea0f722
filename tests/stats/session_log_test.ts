import { assertEquals, assertMatch } from "@std/assert";
import { definePolicy, disconnect } from "../../src/policy/mod.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import { pens } from "../../src/stats/pen.ts";
import { Stats } from "../../src/stats/stats.ts";
import { detailOf } from "../../src/stats/transaction_record.ts";
import type { DialogueLine, TransactionDetail } from "../../src/stats/views.ts";
import { onStage, rest, type Stage, type StageOptions } from "../_dialogue.ts";
import { FakeClock } from "../_clock.ts";
import { Robots } from "../_robot.ts";
import { command, session, transaction } from "./_facts.ts";

const { plain } = pens;

/** A line with who said it. */
function line({ from, text }: DialogueLine): string {
  return `${{ client: "C", server: "S", note: "–" }[from]} ${text}`;
}

interface Play {
  readonly stage: Stage;
  readonly stats: Stats;
  /** Says something and lets everything happen. */
  readonly say: (octets: string) => Promise<void>;
  readonly end: () => Promise<void>;
}

/** A client and an upstream that takes everything, before statistics. */
async function played(
  options: StageOptions,
  play: (on: Play) => Promise<void>,
): Promise<readonly TransactionDetail[]> {
  let stats!: Stats;
  await onStage({ offers: ["PIPELINING", "CHUNKING"], ...options }, async (stage) => {
    stats = new Stats({ clock: stage.clock });
    stage.proxy.observe(stats.observer);
    const robots = new Robots(stage);
    const client = stage.connect();
    const say = async (octets: string): Promise<void> => {
      await client.send(octets);
      await robots.rest();
    };
    const end = async (): Promise<void> => {
      client.take();
      client.close();
      await robots.rest();
    };
    await robots.rest();
    await say("EHLO client.example\r\n");
    await play({ stage, stats, say, end });
    if (!client.closed) await end();
    client.take();
  });
  assertEquals(stats.sessions.open, 0);
  return stats.transactions.find({}, 99).reverse().map((one) => detailOf(one, plain));
}

const linesOf = (details: readonly TransactionDetail[]): string[][] =>
  details.map(({ dialogue }) => dialogue.map(line));

const RCPT = "RCPT TO:<b@y.example>";

Deno.test("a transaction has its dialogue from MAIL to the last reply, and nothing of others", async () => {
  const details = await played({}, async ({ say }) => {
    await say(`MAIL FROM:<a@x.example>\r\n`);
    await say(`${RCPT}\r\n`);
    await say("DATA\r\n");
    await say("Hi\r\n.\r\n");
    await say("NOOP\r\n");
    await say("MAIL FROM:<b@x.example>\r\n");
    await say("RSET\r\n");
    await say("NOOP\r\n");
  });
  assertEquals(linesOf(details), [
    [
      "C MAIL FROM:<a@x.example>",
      "S 250 2.0.0 Ok",
      `C ${RCPT}`,
      "S 250 2.0.0 Ok",
      "C DATA",
      "S 354 Go on",
      "– mail data: 4 octets",
      "S 250 2.0.0 Queued",
    ],
    ["C MAIL FROM:<b@x.example>", "S 250 2.0.0 Ok", "C RSET", "S 250 2.0.0 Reset"],
  ]);
});

Deno.test("pipelined: the reply to a message and the MAIL behind it each go to their own", async () => {
  const details = await played({}, async ({ say }) => {
    await say(`MAIL FROM:<a@x.example>\r\n${RCPT}\r\nDATA\r\n`);
    await say(`Hi\r\n.\r\nMAIL FROM:<b@x.example>\r\n${RCPT}\r\nBDAT 2 LAST\r\nHi`);
    await say("QUIT\r\n");
  });
  const group = ["S 250 2.0.0 Ok", "S 250 2.0.0 Ok"];
  assertEquals(linesOf(details), [
    [
      "C MAIL FROM:<a@x.example>",
      `C ${RCPT}`,
      "C DATA",
      ...group,
      "S 354 Go on",
      "– mail data: 4 octets",
      "S 250 2.0.0 Queued",
    ],
    [
      "C MAIL FROM:<b@x.example>",
      `C ${RCPT}`,
      "C BDAT 2 LAST",
      ...group,
      "– mail data: 2 octets",
      "S 250 2.0.0 Queued",
    ],
  ]);
  for (const { dialogue } of details) {
    const numbers = dialogue.map(({ number }) => number);
    assertEquals(numbers, numbers.toSorted((a, b) => a - b));
  }
});

Deno.test("MAIL refused by the upstream with recipients on their way: their replies are part of it", async () => {
  const stats = new Stats();
  await onStage(
    { offers: ["PIPELINING"], proxy: { observers: [stats.observer] } },
    async (stage) => {
      const client = await stage.ready();
      await client.send(`MAIL FROM:<a@x.example>\r\n${RCPT}\r\nMAIL FROM:<c@x.example>\r\n`);
      const upstream = await stage.upstream.accept();
      await upstream.expect("MAIL FROM:<a@x.example>", RCPT);
      await upstream.send("550 5.7.1 Not you\r\n503 5.5.1 No MAIL\r\n");
      await upstream.expect("MAIL FROM:<c@x.example>");
      await upstream.send("250 2.1.0 Ok\r\n");
      await client.expect("550 *", "503 *", "250 *");
      await client.send("QUIT\r\n");
      await client.expect("221 *");
      await client.expectClose();
      client.close();
    },
  );
  const details = stats.transactions.find({}, 9).reverse().map((one) => detailOf(one, plain));
  assertEquals(linesOf(details), [
    ["C MAIL FROM:<a@x.example>", `C ${RCPT}`, "S 550 5.7.1 Not you", "S 503 5.5.1 No MAIL"],
    ["C MAIL FROM:<c@x.example>", "S 250 2.1.0 Ok", "C QUIT", "S 221 2.0.0 Closing"],
  ]);
});

Deno.test("a session that is ended in mid-transaction: the 421 tells why", async () => {
  const idle = await played({}, async ({ say, stage }) => {
    await say("MAIL FROM:<a@x.example>\r\n");
    await stage.clock.advance(300_000);
  });
  assertEquals(linesOf(idle), [
    ["C MAIL FROM:<a@x.example>", "S 250 2.0.0 Ok", "S 421 4.4.2 Timeout, closing"],
  ]);
  const policy = definePolicy({ rcpt: () => disconnect("554 5.7.1 Enough") });
  const closed = await played(
    { proxy: { policy } },
    ({ say }) => say(`MAIL FROM:<a@x.example>\r\n${RCPT}\r\n`),
  );
  assertEquals(linesOf(closed), [
    ["C MAIL FROM:<a@x.example>", `C ${RCPT}`, "S 250 2.0.0 Ok", "S 554 5.7.1 Enough"],
  ]);
});

Deno.test("a 421 long after a transaction is none of its", async () => {
  const details = await played({}, async ({ say, stage }) => {
    await say("MAIL FROM:<a@x.example>\r\n");
    await say("RSET\r\n");
    await stage.clock.advance(300_000);
  });
  assertEquals(linesOf(details)[0].at(-1), "S 250 2.0.0 Reset");
});

Deno.test("an open session: who, what it does, and all that was said", async () => {
  await played({ tls: true, offers: ["AUTH PLAIN LOGIN"] }, async ({ say, stats, stage }) => {
    const [{ id }] = stats.sessions.list(9, plain);
    await say("STARTTLS\r\n");
    await say("EHLO [192.0.2.1]\r\n");
    await stage.clock.advance(1_000);
    await say("AUTH PLAIN AHNlY3JldABzZWNyZXQ=\r\n");
    await say("TURN secret\r\n");
    await say("MAIL FROM:<a@x.example>\r\n");
    const { dialogue, ...view } = stats.sessions.detail(id, plain)!;
    assertEquals(view, {
      id,
      startedAt: stage.clock.now() - 1_000,
      listener: "smtp",
      client: "192.0.2.1",
      hello: "[192.0.2.1]",
      tls: "TLSv1.3",
      login: "secret",
      doing: "MAIL",
      activeAt: stage.clock.now(),
      transactions: 0,
      transaction: `${id}-1`,
    });
    const said = dialogue.map(line);
    const [, , greeted] = said;
    assertMatch(greeted, /^S 250-proxy\.example\n(?:250-[^\n]+\n)+250 [^\n]+$/);
    assertEquals(said.map((text) => text.split("\n")[0]), [
      "S 220 proxy.example ESMTP",
      "C EHLO client.example",
      "S 250-proxy.example",
      "C STARTTLS",
      "S 220 2.0.0 Ready to start TLS",
      "– TLS: TLSv1.3 TLS_AES_128_GCM_SHA256",
      "C EHLO [192.0.2.1]",
      "S 250-proxy.example",
      "C AUTH PLAIN …",
      "S 250 2.0.0 Ok",
      "C (unknown-verb)",
      "S 500 5.5.2 Command unrecognized",
      "C MAIL FROM:<a@x.example>",
      "S 250 2.0.0 Ok",
    ]);
    assertEquals(dialogue.map(({ number }) => number), dialogue.map((_, at) => at + 1));
    assertEquals(stats.sessions.linesAfter(id, 12, plain), dialogue.slice(12));
    const hidden = JSON.stringify(stats.sessions.detail(id, pens.redacted));
    assertEquals(/secret|a@x/.exec(hidden), null, hidden);
  });
});

Deno.test("the newest sessions come first", () => {
  const stats = new Stats({ clock: new FakeClock() });
  for (const id of ["a", "b", "c"]) stats.sessions.sessionOpened(session(id));
  const rows: readonly [limit: number, ids: readonly string[]][] = [
    [9, ["c", "b", "a"]],
    [2, ["c", "b"]],
    [0, []],
  ];
  for (const [limit, ids] of rows) {
    assertEquals(stats.sessions.list(limit, plain).map(({ id }) => id), ids);
  }
  stats.sessions.sessionClosed(session("b"));
  assertEquals(stats.sessions.has("b"), false);
  assertEquals(stats.sessions.detail("b", plain), undefined);
  assertEquals(stats.sessions.linesAfter("b", 0, plain), []);
  assertEquals([stats.sessions.open, stats.sessions.total], [2, 3]);
});

Deno.test("a session that began before anybody counted is met at its next command", async () => {
  await onStage({ offers: [] }, async (stage) => {
    const early = await stage.ready();
    const silent = await stage.ready();
    const stats = new Stats({ clock: stage.clock });
    stage.proxy.observe(stats.observer);
    const sessions = (): unknown => stats.metrics.sessions.value;
    assertEquals([stats.sessions.open, sessions()], [0, 0]);
    await early.send("MAIL FROM:<a@x.example>\r\n");
    const upstream = await stage.upstream.accept();
    await upstream.expect("MAIL FROM:<a@x.example>");
    await upstream.send("250 2.1.0 Ok\r\n");
    await early.expect("250 2.1.0 Ok");
    assertEquals([stats.sessions.open, sessions()], [1, 1]);
    silent.close();
    await rest();
    assertEquals([stats.sessions.open, sessions()], [1, 1]);
    early.close();
    await rest();
    assertEquals([stats.sessions.open, sessions()], [0, 0]);
    const [one] = stats.transactions.find({}, 1).map((record) => detailOf(record, plain));
    assertEquals([one.outcome, ...one.dialogue.map(line)], [
      "broken",
      "C MAIL FROM:<a@x.example>",
      "S 250 2.1.0 Ok",
    ]);
  });
});

/** How many lines are kept, of all sessions or of one transaction. */
const kept = (stats: Stats, id: string): number => stats.sessions.linesAfter(id, 0, plain).length;

const OK = Reply.parse("250 2.0.0 Ok");

Deno.test("endless NOOPs, with 1,000 octets each: 200 lines, and none of the octets", () => {
  const stats = new Stats({ clock: new FakeClock() });
  const { sessions } = stats;
  sessions.sessionOpened(session());
  sessions.command(session(), command("MAIL FROM:<a@x.example>"), 0);
  sessions.transactionOpened(transaction());
  const noop = command(`NOOP ${"x".repeat(1_000)}`);
  for (let n = 0; n < 10_000; n++) {
    sessions.command(session(), noop, 0);
    sessions.reply(session(), OK, { verb: "NOOP", at: 0, took: 0 });
  }
  assertEquals(kept(stats, "s") <= 200, true);
  sessions.transaction(transaction(), { kind: "abandoned" });
  const [{ draft }] = stats.transactions.find({}, 1);
  assertEquals(draft.dialogue.length <= 200, true);
  const all = Deno.inspect(draft.dialogue, {
    depth: 9,
    strAbbreviateSize: 1e6,
    iterableLimit: 999,
  });
  assertEquals(all.includes("xx"), false);
});

Deno.test("ten thousand sessions share what is kept", () => {
  const stats = new Stats({ clock: new FakeClock() });
  const { sessions } = stats;
  const all = Array.from({ length: 10_000 }, (_, n) => session(`s${n}`));
  for (const one of all) sessions.sessionOpened(one);
  const noop = command("NOOP");
  for (const one of all) {
    for (let n = 0; n < 20; n++) {
      sessions.command(one, noop, 0);
      sessions.reply(one, OK, { verb: "NOOP", at: 0, took: 0 });
    }
  }
  const counts = all.map(({ id }) => kept(stats, id));
  assertEquals(counts.every((count) => count >= 10 && count <= 20), true);
  for (const one of all.slice(1)) sessions.sessionClosed(one);
  for (let n = 0; n < 300; n++) sessions.command(all[0], noop, 0);
  assertEquals(kept(stats, "s0") >= 100, true);
});

Deno.test("of a transaction that is not kept there is its MAIL, and all that follows a look", () => {
  const stats = new Stats({ clock: new FakeClock(), perSecond: 0 });
  const { sessions } = stats;
  const say = (line: string, open = false): void => {
    sessions.command(session(), command(line), 0);
    if (open) sessions.transactionOpened(transaction());
    const verb = line.split(" ")[0];
    sessions.reply(session(), OK, { verb, at: 0, took: 0 });
  };
  const lines = (): string[] =>
    sessions.linesAfter("s", 0, plain).map((said) => `${said.number} ${line(said)}`);
  sessions.sessionOpened(session());
  say("NOOP");
  say("MAIL FROM:<a@x.example>", true);
  say("RCPT TO:<b@y.example>");
  sessions.transaction(transaction(), { kind: "abandoned" });
  say("MAIL FROM:<c@x.example>", true);
  say("RCPT TO:<d@y.example>");
  const before = ["1 C NOOP", "2 S 250 2.0.0 Ok", "7 C MAIL FROM:<c@x.example>"];
  assertEquals(lines(), before);
  say("RCPT TO:<e@y.example>");
  assertEquals(lines(), [...before, "11 C RCPT TO:<e@y.example>", "12 S 250 2.0.0 Ok"]);
  // One without a transaction is a line as any other.
  say("MAIL FROM:<f@x.example>");
  assertEquals(lines().slice(-2), ["13 C MAIL FROM:<f@x.example>", "14 S 250 2.0.0 Ok"]);
});
