/**
 * The past as charts need it.
 *
 * @module
 */

import { type HistoryView, outcomes } from "../../../stats/views.ts";

/** Times in seconds since 1970 and one row of values a series, all of the same length. */
export type Columns = [times: number[], ...rows: (number | null)[][]];

/** What each of the charts shows. */
export interface ChartData {
  /** Transactions a second, each outcome on top of those before it. */
  readonly outcomes: Columns;
  /** A second. */
  readonly octets: Columns;
  /** Milliseconds of upstream and policy; `null` where nothing was asked. */
  readonly latency: Columns;
  /** Open sessions. */
  readonly sessions: Columns;
}

/** Sums up row by row, so that areas can be stacked. */
export function stacked(rows: readonly (readonly number[])[]): number[][] {
  const sums: number[][] = [];
  for (const row of rows) {
    const below = sums.at(-1);
    sums.push(row.map((value, place) => value + (below?.[place] ?? 0)));
  }
  return sums;
}

/** What was added by the last of stacked rows: the values before they were stacked. */
export function unstacked(rows: readonly (number | null)[][], row: number, place: number): number {
  return (rows[row][place] ?? 0) - (row === 0 ? 0 : rows[row - 1][place] ?? 0);
}

/** Counts of each step become numbers a second, zeros of latencies become gaps. */
export function chartData({ from, step, series }: HistoryView): ChartData {
  // A step is shown at its end: what is known of it is known then.
  const times = series.octets.map((_, place) => (from + (place + 1) * step) / 1000);
  const aSecond = (values: readonly number[]) => values.map((value) => value * 1000 / step);
  const gaps = (values: readonly number[]) => values.map((value) => value === 0 ? null : value);
  return {
    outcomes: [
      times,
      ...stacked(outcomes.map((outcome) => aSecond(series.transactions[outcome]))),
    ],
    octets: [times, aSecond(series.octets)],
    latency: [times, gaps(series.upstreamP99), gaps(series.policyP99)],
    sessions: [times, [...series.sessions]],
  };
}
