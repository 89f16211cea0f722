/** Recordings: what is in them, what is not, and what another policy makes of them. */

import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import {
  type Change,
  compose,
  definePolicy,
  disconnect,
  judgeOf,
  type Policy,
  printDecision,
  type RecordedAddresses,
  recorder,
  RecordingError,
  reject,
  replay,
  Reply,
  rewrite,
  route,
} from "../../src/policy/mod.ts";
import { FakeClock } from "../_clock.ts";
import { withPolicy } from "./_play.ts";

const NEVER = "c2VjcmV0"; // "secret"

const policy = definePolicy({
  name: "live",
  mail: ({ client }) => client.hello === "bad.example" ? reject("550 5.7.1 Bad") : undefined,
  rcpt: ({ forwardPath }) =>
    forwardPath.domain === "old.example"
      ? rewrite([forwardPath.withDomain("one.example"), forwardPath.withDomain("two.example")])
      : undefined,
});

/** The recording of one session with a login, a message and a refusal. */
async function recorded(addresses: RecordedAddresses): Promise<string[]> {
  const lines: string[] = [];
  const recording = recorder({ write: (line) => void lines.push(line), addresses, now: () => 0 });
  const proxy = { observers: [recording.observer], authWithoutTls: true };
  await withPolicy(policy, async (play) => {
    await play.say(`AUTH PLAIN AGFsaWNlAHNlY3JldA==`, "250 *");
    await play.say("MAIL FROM:<alice@client.example> AUTH=alice@client.example", "250 *");
    await play.say("RCPT TO:<bob@old.example> ORCPT=rfc822;bobby@older.example", "250 *");
    await play.say("RCPT TO:<carol@other.example>", "250 *");
    await play.say("RCPT TO:<bob@old.example>", "250 *");
    await play.say("DATA", "354 *");
    await play.say("Subject: confidential\r\n.", "250 *");
    await play.say("QUIT", "221 *");
  }, { offers: ["AUTH PLAIN", "DSN"], proxy });
  await recording.settled();
  return lines;
}

async function changes(lines: readonly string[], policy: Policy): Promise<Change[]> {
  const judge = judgeOf(policy, {
    clock: new FakeClock(),
    timeLimit: 1_000,
    onFailure: Reply.parse("451 4.3.0 Later"),
    failed: () => {},
  });
  return await Array.fromAsync(replay(lines, judge));
}

const said = ({ line, question: { phase, about }, decision }: Change): string =>
  `${line} ${phase} ${about ?? ""}: ${printDecision(decision)}`;

Deno.test("record: every question and every reply, in order", async () => {
  const lines = (await recorded("plain")).map((line) => JSON.parse(line));
  const short = lines.map((line) =>
    "reply" in line
      ? `${line.to} ${line.reply}`.trim()
      : `${line.phase} ${line.about ?? ""}: ${printDecision(line.decision)}${
        line.by.length === 0 ? "" : ` by ${line.by}`
      }`
  );
  const becomes = "becomes <bob@one.example> <bob@two.example> by live";
  assertEquals(short, [
    ...["connect : proceeds", "220", "ehlo client.example: proceeds", "EHLO 250"],
    ...["auth PLAIN: proceeds", "AUTH 250 2.0.0"],
    ...["mail alice@client.example: proceeds", "MAIL 250 2.0.0"],
    ...[`rcpt bob@old.example: ${becomes}`, "RCPT 250 2.0.0"],
    ...["rcpt carol@other.example: proceeds", "RCPT 250 2.0.0"],
    ...[`rcpt bob@old.example: ${becomes}`, "RCPT 250 2.0.0"],
    ...[
      "data : proceeds",
      "DATA 354",
      "headers : proceeds",
      "content : proceeds",
      "DATA 250 2.0.0",
    ],
    ...["QUIT 221 2.0.0", "close : proceeds"],
  ]);
  const data = lines.find(({ phase }) => phase === "data");
  assertEquals(data.transaction.original.to.length, 3);
  assertEquals(data.transaction.current.to.length, 5);
  assertEquals(data.session.client.login, "alice");
});

Deno.test("record: never a secret, nor a word of the message", async () => {
  for (const addresses of ["plain", "hashed"] as const) {
    const text = (await recorded(addresses)).join("\n");
    for (const never of ["AGFsaWNl", NEVER, "secret", "confidential"]) {
      assertEquals(text.includes(never), false, `${addresses}: ${never}`);
    }
  }
});

Deno.test("record: hashed, equal addresses stay equal and name nobody", async () => {
  const lines = await recorded("hashed");
  const text = lines.join("\n");
  for (const name of ["alice", "bob", "carol"]) assertEquals(text.includes(name), false, name);
  const asked = lines.map((line) => JSON.parse(line)).filter(({ phase }) => phase === "rcpt");
  const [one, two, three] = asked.map(({ about }) => about);
  assertMatch(one, /^[0-9a-f]{24}@old\.example$/);
  assertMatch(two, /^[0-9a-f]{24}@other\.example$/);
  assertEquals(three, one);
  assertEquals(asked[2].transaction.original.to, [one, two]);
  // Each recording has a key of its own.
  assertEquals((await recorded("hashed")).join("\n").includes(one), false);
});

Deno.test("record: a line that cannot be written costs that line", async () => {
  const lines: string[] = [];
  const write = (line: string): void => {
    if (line.includes('"ehlo"')) throw new Error("broken");
    lines.push(line);
  };
  const recording = recorder({ write, now: () => 0 });
  await withPolicy(policy, async (play) => {
    await play.say("NOOP", "250 *");
  }, { proxy: { observers: [recording.observer] } });
  await recording.settled();
  assertEquals(lines.map((line) => JSON.parse(line).phase ?? "reply"), [
    ...["connect", "reply", "reply", "reply", "close"],
  ]);
});

Deno.test("replay: the same policy decides the same", async () => {
  assertEquals((await changes(await recorded("plain"), policy)).map(said), []);
});

Deno.test("replay: another policy's decisions, with who makes them", async () => {
  const lines = await recorded("plain");
  const other = compose(
    definePolicy({ name: "routes", rcpt: () => route("blue") }),
    definePolicy({
      name: "new",
      session: () => ({ logins: 0 }),
      transaction: () => ({ count: 0 }),
      auth: ({ mechanism }, { session }) => {
        session.logins++;
        return mechanism === "PLAIN" ? reject("504 5.5.4 No") : undefined;
      },
      mail: ({ client, parameters }) =>
        client.login === "alice" && parameters.auth === undefined ? disconnect() : undefined,
      rcpt: ({ current }, { session, transaction }) =>
        session.logins === 1 && ++transaction.count === 3 && current.recipients.length === 3
          ? reject("452 4.5.3 Enough")
          : undefined,
    }),
  );
  const found = await changes(lines, other);
  assertEquals(found.map(said), [
    "5 auth PLAIN: refused 504 5.5.4",
    "7 mail alice@client.example: refused 421 4.7.0, connection closed",
    '9 rcpt bob@old.example: goes to "blue"',
    '11 rcpt carol@other.example: goes to "blue"',
    "13 rcpt bob@old.example: refused 452 4.5.3",
  ]);
  assertEquals(found.at(-1)!.by, ["routes", "new"]);
});

Deno.test("replay: what is no recording is said with its line", async () => {
  const [connect] = await recorded("plain");
  const rcpt = JSON.stringify({ ...JSON.parse(connect), phase: "rcpt", about: "b@x.example" });
  const mail = JSON.stringify({ ...JSON.parse(connect), phase: "mail", about: "nobody" });
  const bad: readonly (readonly [string, string])[] = [
    ["{", "no JSON"],
    ["17", "no object"],
    ["null", "no object"],
    ["{}", "no phase"],
    ['{"phase":"begin"}', "no phase"],
    ['{"phase":"connect"}', "no session"],
    ['{"phase":"data","session":{}}', "no session"],
    ['{"phase":"data","session":{"client":{"address":""}}}', "no decision"],
    [rcpt, "no transaction"],
    [mail, "not a mailbox"],
  ];
  for (const [line, found] of bad) {
    const error = await assertRejects(() => changes([connect, "", line], policy), RecordingError);
    assertEquals(error.line, 3);
    assertStringIncludes(error.message, found);
  }
});
