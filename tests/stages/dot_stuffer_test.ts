import { assertEquals, assertStrictEquals } from "@std/assert";
import { DotStuffer } from "../../src/stages/mod.ts";
import { assertEveryCutting, octets, run, text } from "../_chunking.ts";

// RFC 5321 §4.5.2
const table: [content: string, wire: string][] = [
  ["", ".\r\n"],
  ["\r\n", "\r\n.\r\n"],
  ["a\r\n", "a\r\n.\r\n"],
  ["a", "a\r\n.\r\n"],
  ["a\r", "a\r\r\n.\r\n"],
  ["a\n", "a\n\r\n.\r\n"],
  [".", "..\r\n.\r\n"],
  [".\r\n", "..\r\n.\r\n"],
  ["..\r\n", "...\r\n.\r\n"],
  ["a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"],
  ["\r\n\r\n.a.\r\n.", "\r\n\r\n..a.\r\n..\r\n.\r\n"],
  ["a.b\n.c\r.d\r\n", "a.b\n.c\r.d\r\n.\r\n"],
  ["\r.\n.\r\n", "\r.\n.\r\n.\r\n"],
  [".\r\n.\r\n.\r\n", "..\r\n..\r\n..\r\n.\r\n"],
];

Deno.test("DotStuffer: doubles the dot that starts a line, and ends the data", () => {
  for (const [content, wire] of table) assertEveryCutting(content, () => new DotStuffer(), [wire]);
});

Deno.test("DotStuffer: the terminator is known before the end", () => {
  for (const [content, wire] of table) {
    const stuffer = new DotStuffer();
    const sent = run(stuffer, [content], { flush: false }).join("");
    assertEquals(sent + text(stuffer.terminator()), wire);
  }
});

Deno.test("DotStuffer: a chunk without a dot to double is passed on as it is", () => {
  const chunk = octets("a.b\r\nc..\r\n");
  new DotStuffer().transform(chunk, { enqueue: (piece) => assertStrictEquals(piece, chunk) });
});
