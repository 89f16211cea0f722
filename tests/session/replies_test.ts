import { assert, assertEquals, assertThrows } from "@std/assert";
import { failureReplies, replyTable, replyTexts } from "../../src/session/replies.ts";

/** The codes of RFC 5321 §4.2.3, RFC 4954 §6, RFC 7504 §4 and RFC 5248. */
const known = new Set([
  ...[211, 214, 220, 221, 250, 251, 252, 354, 421, 450, 451, 452, 455, 500, 501, 502, 503, 504],
  ...[521, 550, 551, 552, 553, 554, 555, 556],
  ...[235, 334, 432, 454, 530, 534, 535, 538],
]);

Deno.test("replies: every one is a known code with an enhanced code of its class", () => {
  const table = replyTable();
  assertEquals(Object.keys(table), Object.keys(replyTexts));
  for (const [name, reply] of Object.entries(table)) {
    assert(known.has(reply.code), name);
    if (reply.intermediate) assertEquals(reply.enhanced, undefined, name);
    else assertEquals(reply.enhanced?.class, Math.trunc(reply.code / 100), name);
    assertEquals(reply.inAscii(), reply, name);
    assert(!/sluice|deno/i.test(reply.text), `${name} names a program`);
  }
});

Deno.test("replies: no failure of the upstream is a success, or final without its own word", () => {
  const table = replyTable();
  for (const [kind, name] of Object.entries(failureReplies)) {
    const reply = table[name];
    assertEquals(kind === "no-mail" ? reply.permanent : reply.transient, true, kind);
  }
});

Deno.test("replies: 421 only where the connection closes with it", () => {
  const closing = Object.entries(replyTable())
    .filter(([, reply]) => reply.code === 421)
    .map(([name]) => name);
  assertEquals(closing, [
    "tooManyErrors",
    "foreignProtocol",
    "idle",
    "transferTooLong",
    "tooManySessions",
    "shutdown",
    "disconnected",
    "internal",
    "noUpstreamAtHello",
  ]);
});

Deno.test("replies: an operator changes words, not codes", () => {
  const table = replyTable({ tooBig: "552 5.3.4 Zu groß" });
  assertEquals(table.tooBig.toString(), "552 5.3.4 Zu groß\r\n");
  assertEquals(table.ok.code, 250);
  assertThrows(
    () => replyTable({ tooBig: "250 2.0.0 Fine" }),
    RangeError,
    'Cannot use reply "tooBig": found code 250, allowed is 552',
  );
  assertThrows(() => replyTable({ ok: "Fine" }), RangeError);
  assertThrows(() => replyTable({ ok: "250 a\r\n250 b" }), RangeError);
});
