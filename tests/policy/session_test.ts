/** What policies are asked, when, and what they keep in the meantime. */

import { assertEquals } from "@std/assert";
import {
  compose,
  definePolicy,
  discard,
  Path,
  type Phase,
  type Policy,
  reject,
  rewrite,
} from "../../src/policy/mod.ts";
import { createProxy } from "../../src/proxy.ts";
import { memoryPair } from "../../src/adapters/memory.ts";
import { onStage, type Stage } from "../_dialogue.ts";
import { Peer } from "../_peer.ts";
import { Robots } from "../_robot.ts";
import { withPolicy } from "./_play.ts";

const MAIL = "MAIL FROM:<a@client.example>";
const RCPT = "RCPT TO:<b@upstream.example>";

/** Two policies that note each of their checks. */
function watched(): { policy: Policy; asked: string[] } {
  const asked: string[] = [];
  const watcher = (name: string): Policy => {
    const note = (phase: Phase) => () => void asked.push(`${name} ${phase}`);
    return definePolicy({
      name,
      connect: note("connect"),
      ehlo: note("ehlo"),
      starttls: note("starttls"),
      auth: note("auth"),
      mail: note("mail"),
      rcpt: note("rcpt"),
      data: note("data"),
      headers: note("headers"),
      content: note("content"),
      close: note("close"),
    });
  };
  return { policy: compose(watcher("one"), watcher("two")), asked };
}

const MESSAGE = "Subject: x\r\n\r\nHello\r\n";

const ways: Readonly<Record<string, readonly string[]>> = {
  "DATA": ["DATA\r\n", `${MESSAGE}.\r\n`],
  "DATA, octet by octet": ["DATA\r\n", ...`${MESSAGE}.\r\n`],
  "DATA, a header only": ["DATA\r\n", "Subject: x\r\n.\r\n"],
  "DATA, nothing at all": ["DATA\r\n", ".\r\n"],
  "BDAT": [
    `BDAT 5\r\n${MESSAGE.slice(0, 5)}`,
    `BDAT ${MESSAGE.length - 5} LAST\r\n${MESSAGE.slice(5)}`,
  ],
  "BDAT, an empty last chunk": [`BDAT ${MESSAGE.length}\r\n${MESSAGE}`, "BDAT 0 LAST\r\n"],
};

for (const [way, pieces] of Object.entries(ways)) {
  Deno.test(`every phase is asked once and in order: ${way}`, async () => {
    const { policy, asked } = watched();
    const offers = ["PIPELINING", "CHUNKING", "AUTH PLAIN"];
    await onStage({ offers, tls: true, proxy: { policy } }, async (stage: Stage) => {
      const robots = new Robots(stage);
      const client = stage.connect();
      const say = async (octets: string) => {
        await client.send(octets);
        await robots.rest();
      };
      await say("EHLO c.example\r\n");
      await say("STARTTLS\r\n");
      await say("EHLO c.example\r\n");
      await say("AUTH PLAIN AGEAYg==\r\n");
      await say(`${MAIL}\r\n${RCPT}\r\n${RCPT}\r\n`);
      for (const piece of pieces) await say(piece);
      await say("QUIT\r\n");
      client.take();
      client.close();
      await robots.rest();
      assertEquals(robots.messages.length, 1);
    });
    const phases = "connect ehlo starttls ehlo auth mail rcpt rcpt data headers content close";
    assertEquals(asked, phases.split(" ").flatMap((phase) => [`one ${phase}`, `two ${phase}`]));
  });
}

Deno.test("what the session refuses itself is not asked about", async () => {
  const { policy, asked } = watched();
  await withPolicy(policy, async (play) => {
    await play.say(RCPT, "503 *");
    await play.say("MAIL FROM:<a@client.example> SIZE=99999999999", "552 *");
    await play.say("MAIL FROM:<bl\xc3\xa5@client.example>", "553 *");
    await play.say("MAIL FROM:<nobody>", "501 *");
    await play.say("VRFY a", "252 *");
    assertEquals(asked, ["one connect", "two connect", "one ehlo", "two ehlo"]);
  });
});

Deno.test("a policy keeps what it wants for a session and for a transaction", async () => {
  const seen: string[] = [];
  const counter = (name: string) =>
    definePolicy({
      name,
      session: () => ({ messages: 0 }),
      transaction: () => ({ recipients: 0 }),
      mail: (_facts, { session }) => void session.messages++,
      rcpt: (_facts, { session, transaction }) => {
        seen.push(`${name} ${session.messages}.${++transaction.recipients}`);
        return session.messages > 1 && transaction.recipients > 1
          ? reject("452 4.5.3 Enough")
          : undefined;
      },
    });
  const policy = compose(counter("one"), counter("two"));
  await withPolicy(policy, async (play) => {
    await play.say([MAIL, RCPT, RCPT, "RSET"].join("\r\n"), ...Array(3).fill("250 *"), "250 *");
    await play.say([MAIL, RCPT, RCPT].join("\r\n"), "250 *", "250 *", "452 4.5.3 Enough");
    assertEquals(seen, [
      ...["one 1.1", "two 1.1", "one 1.2", "two 1.2"],
      ...["one 2.1", "two 2.1", "one 2.2"],
    ]);
    // Another session begins anew.
    const other = await play.stage.ready();
    await other.send(`${MAIL}\r\n${RCPT}\r\n`);
    await play.robots.rest();
    await other.expect("250 *", "250 *");
    assertEquals(seen.slice(-2), ["one 1.1", "two 1.1"]);
    other.close();
  });
});

Deno.test("original and current envelope are both visible", async () => {
  let seen: unknown;
  const policy = definePolicy({
    mail: ({ reversePath }) => rewrite(reversePath.withDomain("new.example")),
    rcpt: ({ forwardPath }) =>
      rewrite([forwardPath.withDomain("one.example"), forwardPath.withDomain("two.example")]),
    data: ({ original, current, steps }) => {
      seen = {
        original: [original.reversePath, ...original.recipients.map((one) => one.forwardPath)],
        current: [current.reversePath, ...current.recipients.map((one) => one.forwardPath)],
        steps: steps.map(({ phase, check, verdict }) => `${phase} ${check} ${verdict.kind}`),
      };
    },
  });
  await withPolicy(policy, async (play) => {
    await play.say([MAIL, RCPT, "DATA"].join("\r\n"), "250 *", "250 *", "354 *");
    await play.say(".", "250 *");
  });
  assertEquals(seen, {
    original: [Path.from("a@client.example"), Path.from("b@upstream.example")],
    current: ["a@new.example", "b@one.example", "b@two.example"].map(Path.from),
    steps: ["mail policy rewrite", "rcpt policy rewrite"],
  });
});

Deno.test("a check may take its time: replies stay in order", async () => {
  const gates: (() => void)[] = [];
  const policy = definePolicy({
    rcpt: ({ forwardPath }) =>
      forwardPath.localPart === "b"
        ? new Promise<undefined>((resolve) => gates.push(() => resolve(undefined)))
        : undefined,
  });
  await withPolicy(policy, async (play) => {
    const fast = "RCPT TO:<c@upstream.example>";
    await play.say([MAIL, RCPT, fast, "NOOP"].join("\r\n"));
    await play.client.expect("250 2.0.0 Ok");
    await play.client.expectNothing();
    gates[0]();
    await play.robots.rest();
    await play.client.expect("250 2.0.0 Ok", "250 2.0.0 Ok", "250 2.0.0 Ok");
    assertEquals(play.upstream, [MAIL, RCPT, fast]);
  });
});

Deno.test("MAIL is refused upstream while a policy thinks about RCPT", async () => {
  for (const verdict of [undefined, discard(), rewrite([]), reject("550 5.1.1 No")]) {
    const gate = Promise.withResolvers<typeof verdict>();
    await withPolicy(definePolicy({ rcpt: () => gate.promise }), async ({ client, stage }) => {
      await client.send(`${MAIL}\r\n${RCPT}\r\nDATA\r\n`);
      const upstream = await stage.upstream.accept();
      await upstream.expect(MAIL);
      await upstream.send("550 5.7.1 Not you\r\n");
      await client.expect("550 5.7.1 Not you");
      gate.resolve(verdict);
      await client.expect("503 5.5.1 *", "503 5.5.1 *");
      await upstream.expectNothing();
      assertEquals(stage.troubles, []);
    });
  }
});

Deno.test("a session keeps the policy that it began with", async () => {
  const named = (name: string) =>
    definePolicy({
      mail: ({ reversePath }) => reversePath.isNull ? reject(`550 5.7.1 ${name}`) : undefined,
      rcpt: () => reject(`550 5.7.1 ${name}`),
    });
  await withPolicy(named("old"), async (play) => {
    const { stage: { proxy }, client } = play;
    await play.say(MAIL, "250 2.0.0 Ok");
    const retired = proxy.reload({ policy: named("new"), hostname: "proxy.example" });
    await play.say(RCPT, "550 5.7.1 old");
    await play.say("RSET", "250 *");
    await play.say("MAIL FROM:<>", "550 5.7.1 old");
    const next = await play.stage.ready();
    await next.send("MAIL FROM:<>\r\n");
    await next.expect("550 5.7.1 new");
    client.close();
    await play.robots.rest();
    await retired;
    next.close();
  });
});

Deno.test("two proxies of one policy keep nothing in common", async () => {
  const policy = definePolicy({
    session: () => ({ count: 0 }),
    connect: (_facts, { session }) => ++session.count > 1 ? reject("554 5.3.2 Twice") : undefined,
  });
  for (const proxy of [createProxy({ policy }), createProxy({ policy })]) {
    const [far, near] = memoryPair();
    const client = new Peer("client", far);
    const session = proxy.handle(near);
    await client.expect("220 *");
    client.close();
    await session;
    await proxy.close();
  }
});
