import { assertEquals } from "@std/assert";
import { BothEnds } from "../../src/stats/both_ends.ts";

Deno.test("nothing is left out while there is room", () => {
  const ends = new BothEnds<number>();
  for (let n = 0; n < 12; n++) ends.add(n, 4);
  assertEquals([...ends.first, ...ends.last], Array.from({ length: 12 }, (_, n) => n));
  assertEquals(ends.left, 0);
});

Deno.test("however many come, both ends are there", () => {
  const ends = new BothEnds<number>();
  for (let n = 0; n < 1_000; n++) {
    ends.add(n, 4);
    const { first, last, left } = ends;
    assertEquals(first, [0, 1, 2, 3].slice(0, n + 1));
    assertEquals(first.length + last.length + left, n + 1);
    assertEquals([...first, ...last].at(-1), n);
    assertEquals(last.length <= 8, true);
    assertEquals(last, Array.from({ length: last.length }, (_, nth) => n - last.length + 1 + nth));
  }
});

Deno.test("where there is less room than before, less is kept", () => {
  const ends = new BothEnds<number>();
  for (let n = 0; n < 10; n++) ends.add(n, 4);
  ends.add(10, 2);
  assertEquals([ends.first, ends.last, ends.left], [[0, 1, 2, 3], [9, 10], 5]);
});
