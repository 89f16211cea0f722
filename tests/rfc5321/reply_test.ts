import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Reply } from "../../src/rfc5321/reply.ts";
import { isClean, octetLength } from "../../src/rfc5321/text.ts";

Deno.test("Reply: the wire form", () => {
  const table: [Reply, string][] = [
    [new Reply(250, "OK"), "250 OK\r\n"],
    // RFC 5321 §4.2.1: the space is sent also where no text follows.
    [new Reply(354, ""), "354 \r\n"],
    [new Reply(250, ["a", "", "c"]), "250-a\r\n250-\r\n250 c\r\n"],
    [new Reply(550, "5.7.1 kein Schlüssel\there"), "550 5.7.1 kein Schlüssel\there\r\n"],
  ];
  for (const [reply, wire] of table) {
    assertEquals(reply.toString(), wire);
    assertEquals(reply.toBytes(), new TextEncoder().encode(wire));
  }
  assertEquals(new Reply(250, ["a", "b"]).text, "a b");
});

Deno.test("Reply: what cannot be made", () => {
  const table: [code: number, lines: string | string[], message: string][] = [
    [199, "x", "code 199"],
    [600, "x", "code 600"],
    [260, "x", "code 260"],
    [599, "x", "code 599"],
    [250.5, "x", "code 250.5"],
    [NaN, "x", "code NaN"],
    [250, [], "0 lines"],
    [250, Array(101).fill("x"), "101 lines"],
    [250, "a\r\n250 b", "line break"],
    [250, "a\nb", "line break"],
    [250, ["a", "b\r"], "line break"],
    [250, "a\0", "control character"],
    [250, "a\x7f", "control character"],
    [250, "a\x85b", "control character"],
    [250, "a\u2028b", "control character"],
    [250, "a\ud800", "control character"],
    [250, "x".repeat(507), "507 octets"],
    [250, "ü".repeat(254), "508 octets"],
  ];
  for (const [code, lines, message] of table) {
    assertThrows(() => new Reply(code, lines), RangeError, message);
  }
});

Deno.test("Reply: the largest that can be made", () => {
  const reply = new Reply(250, Array(100).fill("x".repeat(506)));
  for (const line of reply.toString().split(/(?<=\r\n)/)) assertEquals(line.length, 512);
});

Deno.test("Reply: every code of the grammar and no other", () => {
  for (let code = 0; code < 1000; code++) {
    const allowed = /^[2-5][0-5][0-9]$/.test(String(code));
    if (allowed) assertEquals(new Reply(code, "").code, code);
    else assertThrows(() => new Reply(code, ""), RangeError);
  }
});

Deno.test("Reply: is immutable", () => {
  const lines = ["a", "b"];
  const reply = new Reply(250, lines);
  lines[0] = "\r\n";
  assertEquals(reply.lines, ["a", "b"]);
  assert(Object.isFrozen(reply.lines));
});

Deno.test("Reply.parse: as an operator writes it", () => {
  const reply = Reply.parse("550 5.7.1 Not welcome");
  assertEquals([reply.code, reply.lines], [550, ["5.7.1 Not welcome"]]);
  assertEquals(Reply.parse("250").lines, [""]);
  assertEquals(Reply.parse("250 ").lines, [""]);
  for (
    const text of [
      "",
      "Not welcome",
      "55 x",
      "5500 x",
      "550-x",
      "550x",
      " 550 x",
      "600 x",
      "550 a\nb",
      "٥50 x",
    ]
  ) {
    assertThrows(() => Reply.parse(text), RangeError);
  }
});

Deno.test("Reply: the four classes exclude each other", () => {
  for (const code of [220, 250, 334, 354, 421, 451, 500, 554]) {
    const reply = new Reply(code, "");
    const flags = [reply.positive, reply.intermediate, reply.transient, reply.permanent];
    assertEquals(flags.indexOf(true), Math.trunc(code / 100) - 2);
    assertEquals(flags.filter(Boolean).length, 1);
  }
});

Deno.test("Reply: enhanced status codes", () => {
  const table: [string, [number, number, number] | undefined][] = [
    ["250 2.1.5 Recipient OK", [2, 1, 5]],
    ["451 4.7.999 x", [4, 7, 999]],
    ["550 5.0.0", [5, 0, 0]],
    // Another class than the reply code's, RFC 2034 §4
    ["550 4.1.1 x", undefined],
    ["354 3.0.0 x", undefined],
    ["550 5.01.1 x", undefined],
    ["550 5.1.1000 x", undefined],
    ["550 5.1.1x", undefined],
    ["550 x 5.1.1", undefined],
    ["550 5.1", undefined],
  ];
  for (const [text, expected] of table) {
    const { enhanced } = Reply.parse(text);
    assertEquals(enhanced && [enhanced.class, enhanced.subject, enhanced.detail], expected, text);
  }
});

Deno.test("Reply.withEnhanced", () => {
  assertEquals(new Reply(550, ["a", "b"]).withEnhanced("7.1").lines, ["5.7.1 a", "5.7.1 b"]);
  assertEquals(new Reply(250, "").withEnhanced("0.0").lines, ["2.0.0 "]);
  const has = Reply.parse("550 5.1.1 x");
  assertStrictEquals(has.withEnhanced("0.0"), has);
  const waits = Reply.parse("354 Go ahead");
  assertStrictEquals(waits.withEnhanced("0.0"), waits);
  for (const text of ["", "5.7.1", "7", "7.1000", "07.1", "7.1\n", "a.b"]) {
    assertThrows(() => new Reply(550, "").withEnhanced(text), RangeError);
  }
  const full = new Reply(450, "x".repeat(506)).withEnhanced("7.1");
  assertEquals(full.lines, ["4.7.1 " + "x".repeat(500)]);
});

Deno.test("Reply.inAscii", () => {
  const plain = new Reply(550, ["a\tb", "~"]);
  assertStrictEquals(plain.inAscii(), plain);
  assertEquals(new Reply(550, ["ü\u{1f600}", "b"]).inAscii().lines, ["??", "b"]);
});

Deno.test("Reply: whatever can be made stays a reply on the wire", () => {
  const line = fc.string({ unit: "binary", maxLength: 60 });
  fc.assert(fc.property(
    fc.integer({ min: 190, max: 610 }),
    fc.array(line, { maxLength: 4 }),
    (code, lines) => {
      let reply: Reply;
      try {
        reply = new Reply(code, lines).withEnhanced("1.2");
      } catch (error) {
        assert(error instanceof RangeError);
        return;
      }
      const wire = reply.toString();
      assert(/^(?:[2-5][0-5][0-9]-[^\r\n]*\r\n)*[2-5][0-5][0-9] [^\r\n]*\r\n$/.test(wire));
      assert(reply.lines.every((text) => isClean(text, { tab: true }) && octetLength(text) <= 506));
    },
  ));
});
