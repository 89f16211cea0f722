import { assertEquals } from "@std/assert";
import { chartData, stacked, unstacked } from "../../../src/admin/dashboard/client/series.ts";
import { outcomes } from "../../../src/stats/views.ts";

Deno.test("rows are stacked, and told apart again", () => {
  const rows = [[1, 2], [0, 5], [3, 0]];
  const sums = stacked(rows);
  assertEquals(sums, [[1, 2], [1, 7], [4, 7]]);
  assertEquals(rows.map((_, row) => [0, 1].map((place) => unstacked(sums, row, place))), rows);
  assertEquals(stacked([]), []);
});

Deno.test("counts become numbers a second, at the end of their step", () => {
  const transactions = Object.fromEntries(
    outcomes.map((outcome, place) => [outcome, [place * 10, 20]]),
  );
  const data = chartData({
    from: 1_000_000,
    step: 10_000,
    series: {
      transactions: transactions as Record<typeof outcomes[number], number[]>,
      octets: [500, 0],
      sessions: [3, 4],
      upstreamP99: [12, 0],
      policyP99: [0, 7],
    },
  });
  const times = [1_010, 1_020];
  assertEquals(data.outcomes, [times, [0, 2], [1, 4], [3, 6], [6, 8], [10, 10], [15, 12], [
    21,
    14,
  ]]);
  assertEquals(data.octets, [times, [50, 0]]);
  assertEquals(data.latency, [times, [12, null], [null, 7]]);
  assertEquals(data.sessions, [times, [3, 4]]);
});
