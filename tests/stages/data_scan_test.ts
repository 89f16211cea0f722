import { assertEquals } from "@std/assert";
import { DataScan, Finding, Place } from "../../src/stages/data_scan.ts";
import { octets } from "../_chunking.ts";
import { testEachWay } from "./_scanners.ts";

const { nothing, dot, dotAfterBareLf, nulDot, cr, bareLf } = Finding;

/** All findings in one chunk. */
function findings(input: string): [at: number, finding: Finding][] {
  const scan = new DataScan();
  const chunk = octets(input);
  const found: [number, Finding][] = [];
  for (let at = 0;; at++) {
    at = scan.find(chunk, at);
    if (scan.finding === nothing) {
      assertEquals(at, chunk.length);
      return found;
    }
    found.push([at, scan.finding]);
  }
}

const table: [input: string, expected: [number, Finding][]][] = [
  ["", []],
  ["abc\r\ndef\r\n\r\n", []],
  ["a.b.\r\n \t.c\x0b.\x0c.\r\n", []],
  [".a", [[0, dot]]],
  ["..a", [[0, dot]]],
  ["a\r\n.b\r\n.", [[3, dot], [7, dot]]],
  ["\r\n\r\n.", [[4, dot]]],
  ["a\nb", [[1, bareLf]]],
  ["a\n.b", [[1, bareLf], [2, dotAfterBareLf]]],
  ["a\n\r\n.b", [[1, bareLf], [4, dot]]],
  ["a\rb", [[1, cr]]],
  ["a\r.b", [[1, cr]]],
  ["a\r\r\nb", [[1, cr]]],
  ["a\r", [[1, cr]]],
  ["\0.", [[1, nulDot]]],
  ["a\r\n\0\0\0.b", [[6, nulDot]]],
  ["a\n\0.b", [[1, bareLf], [3, nulDot]]],
  ["a\0.b\r\n\0a.\0.", []],
  ["\0\r\n.", [[3, dot]]],
];

testEachWay("DataScan: stops at what somebody has to decide, and at nothing else", () => {
  for (const [input, expected] of table) {
    assertEquals(findings(input), expected, JSON.stringify(input));
  }
});

testEachWay("DataScan: the same amid long lines, wherever they begin", () => {
  const line = "x".repeat(60) + "\r\n";
  for (const [input, expected] of table) {
    if (!input.startsWith("\0") && !input.startsWith(".")) {
      for (let length = 0; length < 200; length++) {
        const before = "x".repeat(length % 40) + line.repeat(length / 40) + "y";
        const shifted = expected.map(([at, finding]) => [before.length + at, finding]);
        // A CR at the end of the input is not at the end of the chunk here; it is bare all the same.
        assertEquals(findings(before + input + "y" + line), shifted, JSON.stringify(input));
      }
    }
  }
});

testEachWay("DataScan: the place lasts from one chunk to the next", () => {
  const places: [before: string, place: Place, dotIs: Finding][] = [
    ["a\r\n", Place.lineStart, dot],
    ["a\r\n\0", Place.afterNul, nulDot],
    ["a\r\n\0a", Place.text, nothing],
    ["a", Place.text, nothing],
  ];
  for (const [before, place, dotIs] of places) {
    const scan = new DataScan();
    assertEquals(scan.find(octets(before), 0), before.length);
    assertEquals(scan.place, place);
    scan.find(octets(".x"), 0);
    assertEquals(scan.finding, dotIs, JSON.stringify(before));
  }
});
