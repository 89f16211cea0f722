import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { BdatFramer } from "../../src/stages/mod.ts";
import { cuttings, octets, run } from "../_chunking.ts";

const table: [name: string, pieces: string[], wire: string, chunks: number][] = [
  ["nothing", [], "BDAT 0 LAST\r\n", 1],
  ["empty pieces", ["", ""], "BDAT 0 LAST\r\n", 1],
  ["one small piece", ["abc"], "BDAT 3 LAST\r\nabc", 1],
  ["small pieces are gathered", ["ab", "", "cd", "e"], "BDAT 5 LAST\r\nabcde", 1],
  ["up to the size of a chunk", ["abcd", "efgh"], "BDAT 8 LAST\r\nabcdefgh", 1],
  ["and no further", ["abcde", "fghi"], "BDAT 5\r\nabcdeBDAT 4 LAST\r\nfghi", 2],
  ["a large piece goes at once", ["abcdefgh"], "BDAT 8\r\nabcdefghBDAT 0 LAST\r\n", 2],
  [
    "what is held goes before it",
    ["ab", "cdefghijk"],
    "BDAT 2\r\nabBDAT 9\r\ncdefghijkBDAT 0 LAST\r\n",
    3,
  ],
  ["newlines and dots are octets", ["\r\n.\r\n"], "BDAT 5 LAST\r\n\r\n.\r\n", 1],
];

Deno.test("BdatFramer: puts each chunk behind its command", () => {
  for (const [name, pieces, wire, chunks] of table) {
    const framer = new BdatFramer({ chunk: 8 });
    assertEquals(run(framer, pieces).join(""), wire, name);
    assertEquals(framer.chunks, chunks, name);
  }
});

/** The chunks as an upstream reads them. */
function chunksOf(wire: string): { size: number; last: boolean; octets: string }[] {
  const chunks = [];
  for (let at = 0; at < wire.length;) {
    const end = wire.indexOf("\r\n", at);
    const [verb, size, last] = wire.slice(at, end).split(" ");
    assertEquals(verb, "BDAT");
    at = end + 2 + Number(size);
    chunks.push({ size: Number(size), last: last === "LAST", octets: wire.slice(end + 2, at) });
  }
  return chunks;
}

Deno.test("BdatFramer: every cutting yields the content, one LAST at the end, and no empty chunk", () => {
  const content = "a\r\n.\r\nBDAT 3\r\n\0\xff".repeat(3);
  for (const [name, pieces] of cuttings(content)) {
    const framer = new BdatFramer({ chunk: 8 });
    const chunks = chunksOf(run(framer, pieces).join(""));
    assertEquals(chunks.map((chunk) => chunk.octets).join(""), content, name);
    assertEquals(chunks.length, framer.chunks, name);
    assertEquals(chunks.findIndex((chunk) => chunk.last), chunks.length - 1, name);
    assert(chunks.every((chunk) => chunk.size > 0 || chunk.last), name);
  }
});

Deno.test("BdatFramer: a large piece is not copied", () => {
  const piece = octets("abcdefgh");
  const pieces: Uint8Array[] = [];
  new BdatFramer({ chunk: 8 }).transform(piece, { enqueue: (octets) => pieces.push(octets) });
  assertStrictEquals(pieces[1], piece);
});

Deno.test("BdatFramer: what it has handed out is not written to again", () => {
  const pieces: Uint8Array[] = [];
  const framer = new BdatFramer({ chunk: 4 });
  const out = { enqueue: (octets: Uint8Array) => pieces.push(octets) };
  for (const piece of ["abc", "def", "ghi"]) framer.transform(octets(piece), out);
  framer.flush(out);
  const chunks = ["BDAT 3\r\nabc", "BDAT 3\r\ndef", "BDAT 3 LAST\r\nghi"];
  assertEquals(pieces, chunks.map(octets));
});

Deno.test("BdatFramer: cancel forgets what is held", () => {
  const framer = new BdatFramer();
  run(framer, ["abc"], { flush: false });
  framer.cancel();
  assertEquals(run(framer, []), ["BDAT 0 LAST\r\n"]);
});
