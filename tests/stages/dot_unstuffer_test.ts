import { assert, assertEquals, assertThrows } from "@std/assert";
import { type DataFault, DotUnstuffer, UnfinishedDataFault } from "../../src/stages/mod.ts";
import { assertEveryCutting, octets, run } from "../_chunking.ts";
import { endLookalikes, lenientSeesEnd, readWire } from "./_mail_data.ts";
import { testEachWay } from "./_scanners.ts";

const end = (octets: number, fault?: DataFault) =>
  fault ? { end: true, fault, octets } : { end: true, octets };
const results = (content: string, end: unknown) => content ? [content, end] : [end];

type Row = [wire: string, content: string, kept: string, fault?: DataFault];

const reject: Row[] = [
  [".\r\n", "", ""],
  ["\r\n.\r\n", "\r\n", "\r\n"],
  ["a\r\n.\r\n", "a\r\n", "a\r\n"],
  ["..\r\n.\r\n", ".\r\n", "..\r\n"],
  ["a\r\n..b\r\n.\r\n", "a\r\n.b\r\n", "a\r\n..b\r\n"],
  ["....\r\n.\r\n", "...\r\n", "....\r\n"],
  // RFC 5321 §4.5.2: a dot followed by anything else is deleted.
  [".a\r\n.\r\n", "a\r\n", "a\r\n"],
  [". \r\n.\r\n", " \r\n", " \r\n"],
  ["a.\r\n.\r\n", "a.\r\n", "a.\r\n"],
  ["a\0b.\r\n\0\r\n.\r\n", "a\0b.\r\n\0\r\n", "a\0b.\r\n\0\r\n"],
  ["\xff\x80\xe2\x80\xa8\r\n.\r\n", "\xff\x80\xe2\x80\xa8\r\n", "\xff\x80\xe2\x80\xa8\r\n"],
  ["a\nb\r\n.\r\n", "a", "a", "bare-lf"],
  ["a\rb\r\n.\r\n", "a", "a", "bare-cr"],
  ["a\r\r\n.\r\n", "a", "a", "bare-cr"],
  ["a\r\n\0.b\r\n.\r\n", "a\r\n\0", "a\r\n\0", "nul-dot"],
  ["a\r\n.\0b\r\n.\r\n", "a\r\n", "a\r\n", "nul-dot"],
  ["a\nb\r\n..\r\nc\r\n\0.\r\n.\r\n", "a", "a", "bare-lf"],
];

const normalize: Row[] = [
  ["a\nb\r\n.\r\n", "a\r\nb\r\n", "a\r\nb\r\n"],
  ["a\n.\nb\r\n.\r\n", "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n"],
  ["a\n.\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n"],
  ["a\n..\r\n.\r\n", "a\r\n..\r\n", "a\r\n...\r\n"],
  ["a\r\n.\nb\r\n.\r\n", "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n"],
  ["a\r\n..\nb\r\n.\r\n", "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n"],
  ["a\r.\rb\r\n.\r\n", "a . b\r\n", "a . b\r\n"],
  ["a\r\r\n.\r\n", "a \r\n", "a \r\n"],
  ["a\r\n.\r\r\n.\r\n", "a\r\n \r\n", "a\r\n \r\n"],
  ["\r\n.\rb\r\n.\r\n", "\r\n b\r\n", "\r\n b\r\n"],
  ["\n.\r\n\r\n.\r\n", "\r\n.\r\n\r\n", "\r\n..\r\n\r\n"],
  ["a\n\0.\r\n.\r\n", "a\r\n\0", "a\r\n\0", "nul-dot"],
];

for (const [bareNewline, rows] of [["reject", reject], ["normalize", normalize]] as const) {
  testEachWay(`DotUnstuffer: ${bareNewline}`, () => {
    for (const [wire, content, kept, fault] of rows) {
      for (const keepStuffing of [false, true]) {
        assertEveryCutting(
          wire,
          () => new DotUnstuffer({ keepStuffing, bareNewline }),
          results(keepStuffing ? kept : content, end(content.length, fault)),
          { message: keepStuffing ? "stuffing kept" : "unstuffed" },
        );
      }
    }
  });
}

testEachWay("DotUnstuffer: what only looks like an end ends nothing and is a fault", () => {
  const start = "Subject: a\r\n\r\nbody";
  const smuggled = "MAIL FROM:<a@b.example>\r\nDATA\r\n";
  for (const lookalike of endLookalikes) {
    // In the middle of a message, and as its first octets.
    for (
      const wire of [start + lookalike, lookalike].map((head) => head + smuggled + "\r\n.\r\n")
    ) {
      const expected = readWire(wire);
      assert(expected.end?.fault && expected.rest === "", JSON.stringify(wire));
      for (const keepStuffing of [false, true]) {
        const content = keepStuffing ? expected.wire : expected.content;
        const make = () => new DotUnstuffer({ keepStuffing });
        assertEveryCutting(wire, make, results(content, expected.end));
      }
      const normalized = new DotUnstuffer({ keepStuffing: true, bareNewline: "normalize" });
      const [sent, ...events] = run(normalized, [wire]);
      assertEquals(events.length, 1);
      assert(typeof sent === "string" && !lenientSeesEnd(sent));
    }
  }
});

testEachWay("DotUnstuffer: the lookalikes are what a lenient parser falls for", () => {
  const unseen = endLookalikes.filter((lookalike) => !lenientSeesEnd("a" + lookalike));
  // It becomes one only where the first dot is deleted and the NUL is not refused.
  assertEquals(unseen, ["\r\n.\0.\r\n"]);
});

testEachWay("DotUnstuffer: take stops behind the end, and the next message starts afresh", () => {
  const unstuffer = new DotUnstuffer();
  const chunk = octets("a\nb\r\n.\r\n..\r\n.\r\nRSET\r\n");
  const events: unknown[] = [];
  const out = { enqueue: (event: unknown) => events.push(event) };
  assertEquals(unstuffer.take(chunk, 0, out), 8);
  assertEquals(events.at(-1), end(1, "bare-lf"));
  assertEquals(unstuffer.take(chunk, 8, out), 15);
  assertEquals(events.at(-1), end(3));
  unstuffer.flush();
});

testEachWay("DotUnstuffer: nothing that could become an end is handed out before its time", () => {
  const table: [sofar: string, handedOut: string][] = [
    ["a\r", "a"],
    ["a\r\n", "a\r\n"],
    ["a\r\n.", "a\r\n"],
    ["a\r\n.\r", "a\r\n"],
    [".", ""],
    [".\r", ""],
  ];
  for (const keepStuffing of [false, true]) {
    for (const [sofar, handedOut] of table) {
      const make = () => new DotUnstuffer({ keepStuffing });
      assertEveryCutting(sofar, make, handedOut ? [handedOut] : [], { flush: false });
    }
  }
});

testEachWay("DotUnstuffer: input that ends before the data does is a fault", () => {
  for (const wire of ["", "a", "a\r\n", "a\r\n.", "a\r\n.\r", "a\r\n.\n", ".\r\na"]) {
    const stage = new DotUnstuffer();
    run(stage, [wire], { flush: false });
    assertThrows(() => stage.flush(), UnfinishedDataFault);
  }
});

testEachWay("DotUnstuffer: a chunk with nothing to change is handed out as it is", () => {
  const rows: [keepStuffing: boolean, content: string][] = [
    [false, "a\r\nb\r\n\r\nc.\r\n"],
    [true, "a\r\n..b\r\n...\r\n"],
  ];
  for (const [keepStuffing, content] of rows) {
    const chunk = octets(content);
    const pieces: unknown[] = [];
    const stage = new DotUnstuffer({ keepStuffing });
    stage.transform(chunk, { enqueue: (piece) => pieces.push(piece) });
    assertEquals(pieces, [chunk]);
    assert(pieces[0] instanceof Uint8Array && pieces[0].buffer === chunk.buffer);
  }
});

testEachWay("DotUnstuffer: octets counts content, not stuffing", () => {
  for (const keepStuffing of [false, true]) {
    const stage = new DotUnstuffer({ keepStuffing });
    run(stage, ["..a\r\n", ".", ".b\r\n", "."], { flush: false });
    assertEquals(stage.octets, 8);
  }
});
