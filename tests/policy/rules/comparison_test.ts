import { assertEquals, assertThrows } from "@std/assert";
import { parseComparison } from "../../../src/policy/rules/comparison.ts";

const rows: readonly [text: string, holds: number[], not: number[]][] = [
  [">10", [11], [10, 0]],
  ["< 10", [9], [10]],
  ["<=10", [10, 0], [11]],
  [">=1k", [1024], [1023]],
  ["=2M", [2 * 1024 ** 2], [2 * 1024 ** 2 + 1]],
  [">1g", [1024 ** 3 + 1], [1024 ** 3]],
];

for (const [text, holds, not] of rows) {
  Deno.test(`comparison ${text}`, () => {
    const compare = parseComparison(text);
    assertEquals(holds.map(compare), holds.map(() => true));
    assertEquals(not.map(compare), not.map(() => false));
  });
}

Deno.test("what is no comparison is refused", () => {
  for (const text of ["", "10", ">", ">-1", "=>1", ">1t", ">1.5m", ">1e3", ">1\n", ">  1", "1<2"]) {
    assertThrows(() => parseComparison(text), RangeError, "Cannot read comparison", text);
  }
});
