import { assertEquals } from "@std/assert";
import { Reply } from "../../src/rfc5321/reply.ts";
import { Dialogue, keptOf, lineOf, type Utterance } from "../../src/stats/dialogue.ts";
import { pens } from "../../src/stats/pen.ts";
import { command } from "./_facts.ts";

const at = { number: 1, at: 1_000 };

const textsOf = (said: Utterance): string[] =>
  [pens.plain, pens.redacted].map((pen) => lineOf(said, pen).text);

Deno.test("commands as they are shown, and redacted", () => {
  const rows: readonly [line: string, plain: string, redacted?: string][] = [
    ["ehlo client.example", "EHLO client.example"],
    ["HELO [192.0.2.1]", "HELO [192.0.2.1]"],
    ["mail from:<Alice@x.example>", "MAIL FROM:<Alice@x.example>", "MAIL FROM:<…@x.example>"],
    ["MAIL FROM:<> BODY=8BITMIME SIZE=5", "MAIL FROM:<> BODY=8BITMIME SIZE=5"],
    ["MAIL FROM:<> AUTH=alice@x.example SIZE=5", "MAIL FROM:<> SIZE=5 AUTH=…"],
    ["RCPT TO:<bob@y.example>", "RCPT TO:<bob@y.example>", "RCPT TO:<…@y.example>"],
    ["RCPT TO:<Postmaster>", "RCPT TO:<Postmaster>", "RCPT TO:<…>"],
    [
      "RCPT TO:<b@y.example> ORCPT=rfc822;bob+40y.example NOTIFY=NEVER",
      "RCPT TO:<b@y.example> NOTIFY=NEVER ORCPT=rfc822;bob+40y.example",
      "RCPT TO:<…@y.example> NOTIFY=NEVER ORCPT=rfc822;…",
    ],
    ["DATA", "DATA"],
    ["BDAT 5 last", "BDAT 5 LAST"],
    ["BDAT 5", "BDAT 5"],
    ["NOOP secret", "NOOP"],
    ["HELP secret", "HELP"],
    ["VRFY bob", "VRFY bob", "VRFY …"],
    ["EXPN staff", "EXPN staff", "EXPN …"],
    ["AUTH PLAIN c2VjcmV0", "AUTH PLAIN …"],
    ["AUTH LOGIN", "AUTH LOGIN"],
    ["XCLIENT LOGIN=secret", "XCLIENT …"],
    ["XFORWARD NAME=secret.example", "XFORWARD …"],
    ["secret", "(unknown-verb)"],
    ["MAIL FROM:secret", "MAIL (syntax)"],
    ["MAIL FROM:<> SECRET=1", "MAIL (unknown-parameter)"],
    ["GET /secret HTTP/1.1", "(http)"],
  ];
  for (const [line, plain, redacted = plain] of rows) {
    const parsed = command(line);
    assertEquals(textsOf({ ...at, command: parsed }), [plain, redacted], line);
    // What is left out is not shown either way.
    assertEquals(textsOf({ ...at, command: keptOf(parsed) }), [plain, redacted], line);
  }
});

Deno.test("no secret is kept, and nothing that is not shown", () => {
  const lines = [
    "AUTH PLAIN c2VjcmV0",
    "NOOP c2VjcmV0",
    "HELP c2VjcmV0",
    "MAIL FROM:<> AUTH=c2VjcmV0@x.example",
    "MAIL FROM:<> C2VJCMV0=1",
    "XCLIENT LOGIN=c2VjcmV0",
    "XFORWARD NAME=c2VjcmV0",
  ];
  for (const line of lines) {
    const kept = Deno.inspect(keptOf(command(line)), { depth: 10 });
    assertEquals(kept.toLowerCase().includes("c2vjcmv0"), false, kept);
  }
});

Deno.test("replies with their time; a challenge is hidden", () => {
  const reply = (reply: Reply, verb: string): Utterance => ({ ...at, reply, verb, took: 7 });
  assertEquals(lineOf(reply(Reply.parse("250 2.0.0 Ok"), "RSET"), pens.plain), {
    number: 1,
    at: 1_000,
    from: "server",
    text: "250 2.0.0 Ok",
    took: 7,
  });
  const rows: readonly [said: Utterance, plain: string, redacted: string][] = [
    [reply(new Reply(250, ["x.example", "SIZE 5"]), "EHLO"), "250-x.example\n250 SIZE 5", "250"],
    [reply(Reply.parse("334 c2VjcmV0"), "AUTH"), "334 …", "334 …"],
    [reply(Reply.parse("235 2.7.0 Hello alice"), "AUTH"), "235 2.7.0 Hello alice", "235 2.7.0"],
    [reply(Reply.parse("354 Go on"), "DATA"), "354 Go on", "354"],
  ];
  for (const [said, plain, redacted] of rows) assertEquals(textsOf(said), [plain, redacted]);
});

Deno.test("the last lines are kept, and their numbers", () => {
  const dialogue = new Dialogue();
  for (let n = 1; n <= 1_000; n++) {
    assertEquals(dialogue.next, n);
    dialogue.add({ number: n, at: 0, note: "" }, 10);
    assertEquals(dialogue.length, n);
    assertEquals(dialogue.lines.length <= 20, true);
    assertEquals(dialogue.lines.length >= Math.min(n, 10), true);
    assertEquals(dialogue.lines.at(-1)!.number, n);
  }
});
