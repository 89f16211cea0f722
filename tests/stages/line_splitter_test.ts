import { assertEquals, assertLess } from "@std/assert";
import { type Line, LineSplitter } from "../../src/stages/mod.ts";
import { assertEveryCutting, octets, run, text } from "../_chunking.ts";

const LIMIT = 20;
const make = () => new LineSplitter({ limit: LIMIT });
const line = (octets: string, fault?: Line["fault"]) => fault ? { octets, fault } : { octets };

const table: [input: string, expected: unknown[]][] = [
  ["", []],
  ["\r\n", [line("")]],
  ["NOOP\r\n", [line("NOOP")]],
  ["NOOP\r\nQUIT\r\n", [line("NOOP"), line("QUIT")]],
  ["\r\n\r\na\r\n", [line(""), line(""), line("a")]],
  ["\xff\xfe\t \x7f\r\n", [line("\xff\xfe\t \x7f")]],
  ["NOOP", []],
  ["NOOP\r\nQUI", [line("NOOP")]],
  ["NOOP\r", []],
  ["NOOP\n", []],
  ["a\nb\r\n", [line("a\nb", "bare-lf")]],
  ["\nNOOP\r\n", [line("\nNOOP", "bare-lf")]],
  ["a\rb\r\n", [line("a\rb", "bare-cr")]],
  ["a\r\r\n", [line("a\r", "bare-cr")]],
  ["\r\r\nNOOP\r\n", [line("\r", "bare-cr"), line("NOOP")]],
  ["\r\rNOOP\r\n", [line("\r\rNOOP", "bare-cr")]],
  ["a\rb\nc\r\n", [line("a\rb\nc", "bare-cr")]],
  ["a\nb\rc\r\n", [line("a\nb\rc", "bare-lf")]],
  ["a\0b\r\n", [line("a\0b", "nul")]],
  ["\r\0\n\r\n", [line("\r\0\n", "bare-cr")]],
  ["a\nb\r\nNOOP\r\n", [line("a\nb", "bare-lf"), line("NOOP")]],
  ["123456789012345678\r\n", [line("123456789012345678")]],
  ["1234567890123456789\r\nNOOP\r\n", [line("", "too-long"), line("NOOP")]],
  ["12345678901234567890\r\nNOOP\r\n", [line("", "too-long"), line("NOOP")]],
  ["x\n".repeat(100) + "\r\nNOOP\r\n", [line("", "too-long"), line("NOOP")]],
  ["x".repeat(500) + "\r\n" + "y".repeat(18) + "\r\n", [
    line("", "too-long"),
    line("y".repeat(18)),
  ]],
];

Deno.test("LineSplitter: only CRLF ends a line, and faults wait for it", () => {
  for (const [input, expected] of table) assertEveryCutting(input, make, expected);
});

Deno.test("LineSplitter: take stops behind one line", () => {
  const splitter = make();
  const lines: string[] = [];
  const out = { enqueue: (line: Line) => lines.push(text(line.octets)) };
  const chunk = octets("DATA\r\nbody\r\n");
  assertEquals(splitter.take(chunk, 0, out), 6);
  assertEquals(lines, ["DATA"]);
  assertEquals(splitter.take(chunk, 6, out), 12);
  assertEquals(lines, ["DATA", "body"]);
  assertEquals(splitter.take(chunk, 12, out), 12);
});

Deno.test("LineSplitter: a line within one chunk is a view of it", () => {
  const chunk = octets("NOOP\r\n");
  make().transform(chunk, { enqueue: (line) => assertEquals(line.octets.buffer, chunk.buffer) });
});

Deno.test("LineSplitter: clear drops and counts, and faults go with it", () => {
  for (
    const [before, count] of [["", 0], ["EH", 2], ["a\nb\r", 4], ["x".repeat(50), 50]] as const
  ) {
    const splitter = make();
    assertEquals(run(splitter, [before], { flush: false }), []);
    assertEquals(splitter.pending, count);
    assertEquals(splitter.clear(), count);
    assertEquals(splitter.pending, 0);
    assertEquals(run(splitter, ["NOOP\r\n"]), [line("NOOP")]);
  }
});

Deno.test("LineSplitter: flush and cancel drop the remainder", () => {
  for (const end of ["flush", "cancel"] as const) {
    const splitter = make();
    run(splitter, ["QUIT"], { flush: false });
    splitter[end]();
    assertEquals(splitter.pending, 0);
    assertEquals(run(splitter, ["\r\n"]), [line("")]);
  }
});

Deno.test("LineSplitter: an endless line holds nothing beyond the limit", () => {
  const splitter = make();
  const megabyte = new Uint8Array(1 << 20).fill(0x61);
  const before = Deno.memoryUsage().external;
  for (let count = 0; count < 20; count++) splitter.transform(megabyte, { enqueue() {} });
  assertLess(Deno.memoryUsage().external - before, 1 << 20);
  assertEquals(splitter.pending, 20 << 20);
  assertEquals(run(splitter, ["\r\n"]), [line("", "too-long")]);
});
