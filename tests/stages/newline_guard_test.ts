import { assertEquals, assertStrictEquals } from "@std/assert";
import { type DataFault, NewlineGuard } from "../../src/stages/mod.ts";
import { cuttings, octets, run } from "../_chunking.ts";
import { testEachWay } from "./_scanners.ts";

type Row = [content: string, passed: string, fault?: DataFault];

const reject: Row[] = [
  ["", ""],
  ["a\r\n.\r\n..\r\n\r\n", "a\r\n.\r\n..\r\n\r\n"],
  [".", "."],
  ["a\0\r\nb\0.\r\n\0\r\n", "a\0\r\nb\0.\r\n\0\r\n"],
  ["a\r\nb", "a\r\nb"],
  ["a\nb\r\n", "a", "bare-lf"],
  ["\n", "", "bare-lf"],
  ["a\rb\n", "a", "bare-cr"],
  ["a\nb\r\n\0.\r", "a", "bare-lf"],
  ["a\r\r\nb", "a", "bare-cr"],
  ["a\r", "a", "bare-cr"],
  ["a\r\n\r", "a\r\n", "bare-cr"],
  ["\0.\r\n", "\0", "nul-dot"],
  ["a\r\n\0\0.\nb", "a\r\n\0\0", "nul-dot"],
];

const normalize: Row[] = [
  ["a\r\n.\r\n", "a\r\n.\r\n"],
  ["a\n.\nb\r\n", "a\r\n.\r\nb\r\n"],
  ["\n\n", "\r\n\r\n"],
  ["a\r.\rb\r\r\n", "a . b \r\n"],
  ["a\r", "a "],
  ["a\n\0.b", "a\r\n\0", "nul-dot"],
  ["\0.b", "\0", "nul-dot"],
];

for (const [bareNewline, rows] of [["reject", reject], ["normalize", normalize]] as const) {
  testEachWay(`NewlineGuard: ${bareNewline}`, () => {
    for (const [content, passed, fault] of rows) {
      for (const [name, chunks] of cuttings(content)) {
        const guard = new NewlineGuard({ bareNewline });
        const message = `${JSON.stringify(content)} ${name}`;
        assertEquals(run(guard, chunks).join(""), passed, message);
        assertEquals(guard.fault, fault, message);
      }
    }
  });
}

testEachWay("NewlineGuard: a CR at the end of a chunk is no fault yet", () => {
  const guard = new NewlineGuard();
  assertEquals(run(guard, ["a\r"], { flush: false }), ["a"]);
  assertEquals(guard.fault, undefined);
  assertEquals(run(guard, ["\nb"]), ["\r\nb"]);
  assertEquals(guard.fault, undefined);
});

testEachWay("NewlineGuard: clean content is passed on as views of its chunk", () => {
  const chunk = octets("a\r\n.\r\nb\r\n");
  const pieces: Uint8Array[] = [];
  new NewlineGuard().transform(chunk, { enqueue: (piece) => pieces.push(piece) });
  assertEquals(pieces, [chunk]);
  assertStrictEquals(pieces[0].buffer, chunk.buffer);
});
