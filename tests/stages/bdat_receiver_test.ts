import { assertEquals, assertThrows } from "@std/assert";
import { BdatReceiver, UnfinishedDataFault } from "../../src/stages/mod.ts";
import { assertEveryCutting, octets, run, text } from "../_chunking.ts";

Deno.test("BdatReceiver: takes its octets, whatever they are, and no more", () => {
  const table: [size: number, input: string, expected: string[]][] = [
    [0, "", []],
    [0, "QUIT\r\n", []],
    [1, "\n", ["\n"]],
    [7, "\r\n.\r\n\0\xff", ["\r\n.\r\n\0\xff"]],
    [5, "BDAT RSET\r\n", ["BDAT "]],
  ];
  for (const [size, input, expected] of table) {
    assertEveryCutting(input, () => new BdatReceiver(size), expected);
  }
});

Deno.test("BdatReceiver: take stops behind the last octet", () => {
  const receiver = new BdatReceiver(4);
  const taken: string[] = [];
  const out = { enqueue: (piece: Uint8Array) => taken.push(text(piece)) };
  assertEquals(receiver.take(octets("..abc"), 2, out), 5);
  assertEquals(receiver.remaining, 1);
  assertEquals(receiver.take(octets("dRSET"), 0, out), 1);
  assertEquals(receiver.remaining, 0);
  assertEquals(receiver.take(octets("dRSET"), 1, out), 1);
  assertEquals(taken, ["abc", "d"]);
});

Deno.test("BdatReceiver: input that ends too early is a fault", () => {
  const receiver = new BdatReceiver(10);
  run(receiver, ["abc"], { flush: false });
  assertThrows(() => receiver.flush(), UnfinishedDataFault, "3 octets of 10");
});

Deno.test("BdatReceiver: refuses a size that is none", () => {
  for (const size of [-1, 1.5, NaN, Infinity, 2 ** 53]) {
    assertThrows(() => new BdatReceiver(size), RangeError, String(size));
  }
});
