import { assertEquals } from "@std/assert";
import type { Observer } from "../../src/session/observer.ts";
import { definePolicy, discard, disconnect, type Policy, reject } from "../../src/policy/mod.ts";
import { onStage, rest } from "../_dialogue.ts";
import { openSession } from "../../src/testing/mod.ts";

/** What a transaction came to, in one line. */
function ends(into: string[]): Observer {
  return {
    transaction({ original, current }, end) {
      const to = original.recipients.map(({ forwardPath: { localPart }, reply }) =>
        `${localPart}=${reply?.code}`
      );
      const how = "reply" in end ? ` ${end.reply.code}` : "";
      const at = end.kind === "refused" ? ` at ${end.at}` : "";
      into.push(
        `${original.reversePath.localPart} to [${to}] (${current.recipients.length}): ` +
          `${end.kind}${at}${how}`,
      );
    },
  };
}

const MESSAGE = ["DATA", "Hi\r\n."];

interface Row {
  readonly says: readonly string[];
  readonly policy?: Policy;
  readonly ends: readonly string[];
}

const rows: Readonly<Record<string, Row>> = {
  "a message": {
    says: ["MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", ...MESSAGE],
    ends: ["a to [b=250] (1): accepted 250"],
  },
  "in chunks": {
    says: ["MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "BDAT 4 LAST\r\nHi"],
    ends: ["a to [b=250] (1): accepted 250"],
  },
  "MAIL refused by the policy": {
    policy: definePolicy({ mail: () => reject("550 5.7.1 No") }),
    says: ["MAIL FROM:<a@x.example>", "QUIT"],
    ends: ["a to [] (0): refused at mail 550"],
  },
  "MAIL refused by the session": {
    says: ["MAIL FROM:<a@x.example> SIZE=99999999", "QUIT"],
    ends: ["a to [] (0): refused at mail 552"],
  },
  "the only recipient refused": {
    policy: definePolicy({ rcpt: () => reject("550 5.1.1 No") }),
    says: ["MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "RSET"],
    ends: ["a to [b=550] (0): refused at rcpt 550"],
  },
  "one of two refused, and the message taken": {
    policy: definePolicy({
      rcpt: ({ given }) => given.localPart === "c" ? reject("550 5.1.1 No") : undefined,
    }),
    says: [
      "MAIL FROM:<a@x.example>",
      "RCPT TO:<b@y.example>",
      "RCPT TO:<c@y.example>",
      ...MESSAGE,
    ],
    ends: ["a to [b=250,c=550] (1): accepted 250"],
  },
  "one of two refused, and the client gives up": {
    policy: definePolicy({
      rcpt: ({ given }) => given.localPart === "c" ? reject("550 5.1.1 No") : undefined,
    }),
    says: ["MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "RCPT TO:<c@y.example>", "QUIT"],
    ends: ["a to [b=250,c=550] (1): abandoned"],
  },
  "the connection closed at RCPT": {
    policy: definePolicy({
      rcpt: ({ given }) => given.localPart === "c" ? disconnect("421 4.7.0 Enough") : undefined,
    }),
    says: ["MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "RCPT TO:<c@y.example>"],
    ends: ["a to [b=250] (1): refused at rcpt 421"],
  },
  "DATA refused": {
    policy: definePolicy({ data: () => reject("451 4.7.1 Later") }),
    says: ["MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", "DATA", "RSET"],
    ends: ["a to [b=250] (1): refused at data 451"],
  },
  "the message refused": {
    policy: definePolicy({ content: () => reject("554 5.7.1 Spam") }),
    says: ["MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", ...MESSAGE],
    ends: ["a to [b=250] (1): refused at message 554"],
  },
  "discarded at MAIL": {
    policy: definePolicy({ mail: () => discard() }),
    says: ["MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", ...MESSAGE],
    ends: ["a to [b=250] (0): discarded 250"],
  },
  "discarded for its content": {
    policy: definePolicy({ content: () => discard() }),
    says: ["MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>", ...MESSAGE],
    ends: ["a to [b=250] (1): discarded 250"],
  },
  "RSET, EHLO, then a message": {
    says: [
      "MAIL FROM:<a@x.example>",
      "RSET",
      "MAIL FROM:<b@x.example>",
      "EHLO again.example",
      "MAIL FROM:<c@x.example>",
      "RCPT TO:<d@y.example>",
      ...MESSAGE,
    ],
    ends: ["a to [] (0): abandoned", "b to [] (0): abandoned", "c to [d=250] (1): accepted 250"],
  },
  "the client gone in mid-transaction": {
    says: ["MAIL FROM:<a@x.example>", "RCPT TO:<b@y.example>"],
    ends: ["a to [b=250] (1): broken"],
  },
};

for (const [name, row] of Object.entries(rows)) {
  Deno.test(`observer: how a transaction ends: ${name}`, async () => {
    const seen: string[] = [];
    {
      await using session = await openSession({ observers: [ends(seen)], policy: row.policy });
      for (const line of row.says) await session.cmd(line);
    }
    assertEquals(seen, row.ends);
  });
}

Deno.test("observer: each command, each reply, each answer of the upstream", async () => {
  const seen: string[] = [];
  const observer: Observer = {
    sessionOpened: () => void seen.push("opened"),
    sessionClosed: (_session, end) => void seen.push(`closed: ${end}`),
    command: (_session, command) =>
      void seen.push(`C ${"fault" in command ? command.fault : command.verb}`),
    reply: (_session, { code }, { verb, name, took }) => {
      assertEquals(took >= 0, true);
      seen.push(`S ${code} to "${verb}"${name === undefined ? "" : ` (${name})`}`);
    },
    upstreamOpened: (_session, upstream) => void seen.push(`${upstream} opened`),
    upstreamReply: (_session, upstream, { verb, reply }) =>
      void seen.push(`${upstream}: ${verb} ${reply?.code}`),
    upstreamClosed: (_session, upstream) => void seen.push(`${upstream} closed`),
  };
  await onStage({ offers: [], proxy: { observers: [observer] } }, async (stage) => {
    const client = await stage.ready();
    await client.send("TURN\r\n");
    await client.expect("500 *");
    await client.send("MAIL FROM:<a@x.example>\r\n");
    const upstream = await stage.upstream.accept();
    await upstream.expect("MAIL FROM:<a@x.example>");
    await upstream.send("250 2.1.0 Ok\r\n");
    await client.expect("250 2.1.0 Ok");
    await client.send("RCPT TO:<b@y.example>\r\n");
    await upstream.expect("RCPT TO:<b@y.example>");
    await upstream.send("550 5.1.1 Nobody\r\n");
    await client.expect("550 5.1.1 Nobody");
    client.close();
    await upstream.expectClose();
    await rest();
  });
  assertEquals(seen, [
    "opened",
    'S 220 to ""',
    "C EHLO",
    'S 250 to "EHLO"',
    "C unknown-verb",
    'S 500 to "invalid" (unknownCommand)',
    "C MAIL",
    "default opened",
    "default: MAIL 250",
    'S 250 to "MAIL"',
    "C RCPT",
    "default: RCPT 550",
    'S 550 to "RCPT"',
    "default closed",
    "closed: vanished",
  ]);
});

Deno.test("observer: an upstream that is not there", async () => {
  const seen: string[] = [];
  const observer: Observer = {
    upstreamFailed: (_session, upstream, error) => void seen.push(`${upstream}: ${error}`),
    transaction: (_transaction, end) => void seen.push(end.kind),
  };
  await onStage({ offers: [], proxy: { observers: [observer] } }, async (stage) => {
    const client = await stage.ready();
    stage.upstream.refusals = 1;
    await client.send("MAIL FROM:<a@x.example>\r\nQUIT\r\n");
    await client.expect("451 4.4.1 *", "221 *");
    client.close();
    await rest();
  });
  assertEquals(seen.length, 2);
  assertEquals(seen[0].startsWith("default: UpstreamFailure: "), true);
  assertEquals(seen[1], "refused");
});

Deno.test("observer: one that comes later is told from then on, and one that throws harms nobody", async () => {
  await onStage({ offers: [] }, async (stage) => {
    const client = await stage.ready();
    const seen: string[] = [];
    {
      using _broken = stage.proxy.observe({
        reply: () => {
          throw new Error("broken");
        },
      });
      using _later = stage.proxy.observe({
        reply: (_session, { code }) => void seen.push(`${code}`),
      });
      await client.send("NOOP\r\n");
      await client.expect("250 *");
    }
    await client.send("RSET\r\n");
    await client.expect("250 *");
    assertEquals(seen, ["250"]);
    client.close();
  });
});

Deno.test("disconnect: a session that waits for its client is told 421", async () => {
  await onStage({ offers: [] }, async (stage) => {
    const ids: string[] = [];
    using _watch = stage.proxy.observe({ sessionOpened: ({ id }) => void ids.push(id) });
    const [one, other] = [await stage.ready(), await stage.ready()];
    assertEquals(stage.proxy.disconnect("nobody"), false);
    assertEquals(stage.proxy.disconnect(ids[0]), true);
    await one.expect("421 4.3.2 Closed by the operator");
    await one.expectClose();
    one.close();
    await other.send("NOOP\r\n");
    await other.expect("250 *");
    other.close();
  });
});

Deno.test("disconnect: in the midst of a message, whose end the upstream never sees", async () => {
  await onStage({ offers: ["PIPELINING"] }, async (stage) => {
    const ids: string[] = [];
    using _watch = stage.proxy.observe({ reply: ({ id }) => void ids.push(id) });
    const { client, upstream } = await stage.data();
    await client.send("Half\r\n");
    await rest();
    stage.proxy.disconnect(ids[0]);
    await client.expect("421 4.3.2 Closed by the operator");
    await client.expectClose();
    client.close();
    await upstream.expect("Half");
    await upstream.expectClose();
  });
});

Deno.test("disconnect: what the upstream still owes is answered first", async () => {
  await onStage({ offers: [] }, async (stage) => {
    const ids: string[] = [];
    using _watch = stage.proxy.observe({ reply: ({ id }) => void ids.push(id) });
    const client = await stage.ready();
    await client.send("MAIL FROM:<a@x.example>\r\n");
    const upstream = await stage.upstream.accept();
    await upstream.expect("MAIL FROM:<a@x.example>");
    stage.proxy.disconnect(ids[0]);
    await client.expect("451 4.4.2 *", "421 4.3.2 *");
    await client.expectClose();
    client.close();
    await upstream.expectClose();
  });
});

Deno.test("disconnect: one that waits for anything else is cut off after five seconds", async () => {
  const gate = Promise.withResolvers<void>();
  const policy = definePolicy({ mail: () => gate.promise });
  await onStage({ offers: [], proxy: { policy } }, async (stage) => {
    const ids: string[] = [];
    using _watch = stage.proxy.observe({ reply: ({ id }) => void ids.push(id) });
    const client = await stage.ready();
    await client.send("MAIL FROM:<a@x.example>\r\n");
    await rest();
    stage.proxy.disconnect(ids[0]);
    await client.expectNothing();
    await stage.clock.advance(5_000);
    await client.expectClose();
    client.close();
    gate.resolve();
  });
});
