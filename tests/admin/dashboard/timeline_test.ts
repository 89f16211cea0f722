import { assertEquals } from "@std/assert";
import { bars } from "../../../src/admin/dashboard/client/timeline.ts";

Deno.test("bars lie between MAIL and the end", () => {
  const rows = [
    [[{ at: 0, took: 50 }, { at: 50, took: 50 }], 100, [[0, 0.5, false], [0.5, 0.5, false]]],
    // What came before MAIL is off the scale, what reaches into it is cut.
    [[{ at: -9_000, took: 10 }], 100, [[0, 0, true]]],
    [[{ at: -10, took: 60 }], 100, [[0, 0.5, false]]],
    // An upstream may answer after the transaction's end.
    [[{ at: 100, took: 100 }], 100, [[0.5, 0.5, false]]],
    [[{ at: 0, took: 0 }], 0, [[0, 0, false]]],
    [[], 100, []],
  ] as const;
  for (const [phases, took, expected] of rows) {
    const places = bars(phases, took).map(({ left, width, before }) => [left, width, before]);
    assertEquals(places, expected.map((bar) => [...bar]));
  }
});
