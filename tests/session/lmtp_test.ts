/** LMTP (RFC 2033): whose reply is whose, and what is told of it. Dialogues are in transcripts. */

import { assertEquals } from "@std/assert";
import {
  compose,
  definePolicy,
  discard,
  disconnect,
  Path,
  type Policy,
  reject,
  rewrite,
} from "../../src/policy/mod.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import type { MailProtocol } from "../../src/session/facts.ts";
import type { Observer } from "../../src/session/observer.ts";
import { worst } from "../../src/session/worst.ts";
import { onStage, rest } from "../_dialogue.ts";

Deno.test("worst: deferred before refused before taken (RFC 5321 §6.1)", () => {
  const rows: readonly [replies: readonly string[], worst: string][] = [
    [["250 a"], "250 a"],
    [["250 a", "251 b"], "250 a"],
    [["250 a", "550 b", "552 c"], "550 b"],
    [["250 a", "550 b", "451 c", "452 d"], "451 c"],
  ];
  for (const [replies, text] of rows) {
    const reply = worst(replies.map((one) => Reply.parse(one)));
    assertEquals(`${reply.code} ${reply.text}`, text);
  }
});

/** What recipients become, by their local-part; others stay. */
const become: Readonly<Record<string, ReturnType<typeof rewrite> | ReturnType<typeof discard>>> = {
  many: rewrite([Path.from("one@x.example"), Path.from("two@x.example")]),
  none: rewrite([]),
  nobody: discard(),
};

interface Row {
  readonly to: readonly string[];
  readonly upstream: MailProtocol;
  /** How the upstream answers RCPT; those that are left out: 250. */
  readonly rcpt?: Readonly<Record<string, string>>;
  /** Its replies to the message. */
  readonly says: readonly string[];
  readonly policy?: Policy;
  readonly told: readonly string[];
  /** What observers are told of the end. */
  readonly end: string;
}

const rows: Readonly<Record<string, Row>> = {
  "a reply for each": {
    to: ["b", "c"],
    upstream: "lmtp",
    says: ["250 2.0.0 b", "552 5.2.2 c"],
    told: ["250 2.0.0 b", "552 5.2.2 c"],
    end: "accepted 250 [b=250 c=552]",
  },
  "a reply for each, and nobody has it": {
    to: ["b", "c"],
    upstream: "lmtp",
    says: ["452 4.2.2 b", "552 5.2.2 c"],
    told: ["452 4.2.2 b", "552 5.2.2 c"],
    end: "refused 452 [b=452 c=552]",
  },
  "one recipient twice is two": {
    to: ["b", "b"],
    upstream: "lmtp",
    says: ["250 2.0.0 first", "250 2.0.0 second"],
    told: ["250 2.0.0 first", "250 2.0.0 second"],
    end: "accepted 250 [b=250 b=250]",
  },
  "one reply for all": {
    to: ["b", "c"],
    upstream: "smtp",
    says: ["250 2.0.0 Queued"],
    told: ["250 2.0.0 Queued", "250 2.0.0 Queued"],
    end: "accepted 250 [b c]",
  },
  "one refusal for all but those whom nobody would get": {
    to: ["none", "b", "nobody"],
    upstream: "smtp",
    says: ["554 5.6.0 No"],
    told: ["250 2.0.0 Ok", "554 5.6.0 No", "250 2.0.0 Ok"],
    end: "refused 554 [b]",
  },
  "those whom nobody gets stay in their place": {
    to: ["b", "nobody", "c", "none"],
    upstream: "lmtp",
    says: ["452 4.2.2 b", "250 2.0.0 c"],
    told: ["452 4.2.2 b", "250 2.0.0 Ok", "250 2.0.0 c", "250 2.0.0 Ok"],
    end: "accepted 250 [b=452 c=250]",
  },
  "one that has become several is told the worst": {
    to: ["b", "many", "c"],
    upstream: "lmtp",
    says: ["250 2.0.0 b", "250 2.0.0 one", "452 4.2.2 two", "250 2.0.0 c"],
    told: ["250 2.0.0 b", "452 4.2.2 two", "250 2.0.0 c"],
    end: "accepted 250 [b=250 one=250 two=452 c=250]",
  },
  "one of which a part was deferred at RCPT is told nothing more": {
    to: ["many", "c"],
    upstream: "lmtp",
    rcpt: { two: "451 4.2.1 Later" },
    says: ["250 2.0.0 one", "250 2.0.0 c"],
    told: ["250 2.0.0 c"],
    end: "accepted 250 [one=250 c=250]",
  },
  "a message that the policy refuses is refused to all": {
    to: ["b", "nobody", "c"],
    upstream: "lmtp",
    policy: definePolicy({ content: () => reject("550 5.7.1 No") }),
    says: [],
    told: ["550 5.7.1 No", "550 5.7.1 No", "550 5.7.1 No"],
    end: "refused 550 [b c]",
  },
  "a message that the policy discards is taken for all": {
    to: ["b", "c"],
    upstream: "lmtp",
    policy: definePolicy({ content: () => discard() }),
    says: [],
    told: ["250 2.0.0 Ok", "250 2.0.0 Ok"],
    end: "discarded 250 [b c]",
  },
  "a policy that hangs up says so once": {
    to: ["b", "c"],
    upstream: "lmtp",
    policy: definePolicy({ content: () => disconnect("421 4.7.0 Enough") }),
    says: [],
    told: ["421 4.7.0 Enough"],
    end: "refused 421 [b c]",
  },
};

for (const [name, row] of Object.entries(rows)) {
  for (const verb of ["DATA", "BDAT"] as const) {
    Deno.test(`lmtp: ${name}, by ${verb}`, () => playRow(row, verb));
  }
}

async function playRow(row: Row, verb: "DATA" | "BDAT"): Promise<void> {
  const ends: string[] = [];
  const observer: Observer = {
    transaction({ current }, end) {
      const outcomes = current.recipients.map(({ forwardPath: { localPart }, outcome }) =>
        outcome === undefined ? localPart : `${localPart}=${outcome.code}`
      );
      ends.push(`${end.kind} ${"reply" in end ? end.reply.code : ""} [${outcomes.join(" ")}]`);
    },
  };
  const own = definePolicy({ rcpt: ({ forwardPath }) => become[forwardPath.localPart] });
  const policy = row.policy === undefined ? own : compose(own, row.policy);
  const options = {
    offers: ["PIPELINING", "CHUNKING"],
    listener: { protocol: "lmtp" },
    upstream: { protocol: row.upstream },
    proxy: { policy, observers: [observer] },
  } as const;
  await onStage(options, async (stage) => {
    const client = await stage.ready();
    const group = ["MAIL FROM:<a@x.example>", ...row.to.map((to) => `RCPT TO:<${to}@x.example>`)];
    await client.send(group.map((line) => `${line}\r\n`).join(""));
    const upstream = await stage.upstream.accept();
    for (await rest(); upstream.unread !== ""; await rest()) {
      const line = await upstream.line();
      const [, to = ""] = /^RCPT TO:<(.*)@/.exec(line) ?? [];
      await upstream.send(`${row.rcpt?.[to] ?? "250 2.1.0 Ok"}\r\n`);
    }
    client.take();
    if (verb === "BDAT") await client.send("BDAT 4 LAST\r\nHi\r\n");
    else {
      await client.send("DATA\r\n");
      // A policy that looks at the message has it go on by BDAT.
      if (row.policy === undefined) {
        await upstream.expect("DATA");
        await upstream.send("354 Go on\r\n");
      }
      await client.expect("354 *");
      await client.send("Hi\r\n.\r\n");
    }
    for (const reply of [...row.says, undefined]) {
      await rest();
      // It follows a refused chunk, and a message that is taken back.
      if (upstream.take().includes("RSET")) await upstream.send("250 2.0.0 Ok\r\n").catch(() => {});
      if (reply !== undefined) await upstream.send(`${reply}\r\n`);
    }
    await rest();
    assertEquals(client.take().split("\r\n").slice(0, -1), row.told);
    assertEquals(ends, [row.end]);
  });
}

Deno.test("lmtp: an upstream is told so (XFORWARD), and the trace header says it", async () => {
  const options = {
    offers: ["PIPELINING", "XFORWARD PROTO"],
    listener: { protocol: "lmtp" },
    upstream: { identify: "xforward" },
    proxy: { trace: true },
  } as const;
  await onStage(options, async (stage) => {
    const client = await stage.ready();
    await client.send("MAIL FROM:<a@x.example>\r\n");
    const upstream = await stage.upstream.accept();
    await upstream.expect("XFORWARD PROTO=LMTP", "MAIL FROM:<a@x.example>");
    await upstream.send("250 2.0.0 Ok\r\n250 2.1.0 Ok\r\n");
    await client.send("RCPT TO:<b@x.example>\r\n");
    await upstream.expect("RCPT TO:<b@x.example>");
    await upstream.send("250 2.1.5 Ok\r\n");
    await client.send("DATA\r\n");
    await upstream.expect("DATA");
    await upstream.send("354 Go on\r\n");
    await client.send("Hi\r\n.\r\n");
    await upstream.expect("Received: from client.example ([192.0.2.1])");
    await upstream.expect("\tby proxy.example with LMTP id *");
    await upstream.through("\r\n.\r\n");
    await upstream.send("250 2.0.0 Ok\r\n");
    await rest();
    client.take();
  });
});
