/** How many of many are taken, and when. */

import { assertEquals } from "@std/assert";
import { Allowance } from "../../src/stats/allowance.ts";

/** The moments of those that are taken. */
const taken = (allowance: Allowance, moments: readonly number[]): number[] =>
  moments.filter((now) => allowance.take(now));

const every = (step: number, from: number, to: number): number[] =>
  Array.from({ length: (to - from) / step }, (_, nth) => from + nth * step);

Deno.test("allowance: a quarter of a second's at once, one at least", () => {
  assertEquals(taken(new Allowance(8), [10, 10, 10, 10]), [10, 10]);
  assertEquals(taken(new Allowance(1), [10, 10, 10, 1_009, 1_010]), [10, 1_010]);
});

Deno.test("allowance: of too many evenly spread ones", () => {
  assertEquals(taken(new Allowance(4), every(50, 0, 2_000)), every(250, 0, 2_000));
});

Deno.test("allowance: few are taken as they come", () => {
  const moments = [0, 10, 130, 400, 401, 1_000];
  assertEquals(taken(new Allowance(8), moments), moments);
});

Deno.test("allowance: none, and all", () => {
  assertEquals(taken(new Allowance(0), [0, 5_000, 9_000]), []);
  assertEquals(taken(new Allowance(Infinity), [7, 7, 7, 8]), [7, 7, 7, 8]);
});

Deno.test("allowance: a clock that is put back takes none away for long", () => {
  const allowance = new Allowance(1);
  assertEquals(taken(allowance, [1_000_000, 500, 1_400, 1_500]), [1_000_000, 1_500]);
});
