import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { LogHistogram, WindowedHistogram } from "../../src/stats/windowed_histogram.ts";
import { FakeClock } from "../_clock.ts";

const hour = 3_600_000;

/** Milliseconds from 1 µs to 1 hour, all orders of magnitude alike. */
const durations = fc.array(
  fc.double({ min: Math.log(0.001), max: Math.log(hour), noNaN: true }).map(Math.exp),
  { minLength: 1, maxLength: 200 },
);

/** The smallest value than which a share of all is not greater. */
function exactQuantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1];
}

Deno.test("quantiles are right within 5 %", () => {
  const shares = fc.constantFrom(0.001, 0.5, 0.9, 0.99, 1);
  fc.assert(fc.property(durations, shares, (values, share) => {
    const histogram = new LogHistogram();
    for (const value of values) histogram.record(value);
    const exact = exactQuantile(values, share);
    const found = histogram.quantile(share);
    assert(Math.abs(found - exact) <= exact * 0.05, `${found} instead of ${exact}`);
    assertEquals(histogram.count, values.length);
  }));
});

Deno.test("any single duration is right within 5 %", () => {
  // Steps that are narrower than a bucket by far.
  for (let value = 0.001; value < hour; value *= 1.003) {
    const histogram = new LogHistogram();
    histogram.record(value);
    const found = histogram.quantile(0.5);
    assert(Math.abs(found - value) <= value * 0.05, `${found} instead of ${value}`);
    assert(`${Number(found.toPrecision(3))}` === `${found}`, `${found} has too many digits`);
  }
});

Deno.test("what cannot be counted as it is", () => {
  const rows: readonly [value: number, least: number, most: number][] = [
    [0, 0, 0],
    [-0, 0, 0],
    [-5, 0, 0],
    [-Infinity, 0, 0],
    [NaN, 0, 0],
    [0.0009, 0, 0],
    [5e-324, 0, 0],
    [2 * hour, 0.95 * hour, 1.05 * hour],
    [Number.MAX_VALUE, 0.95 * hour, 1.05 * hour],
    [Infinity, 0.95 * hour, 1.05 * hour],
  ];
  for (const [value, least, most] of rows) {
    const histogram = new LogHistogram();
    histogram.record(value);
    const found = histogram.quantile(0.99);
    assert(found >= least && found <= most, `${value} gives ${found}`);
    assertEquals(histogram.count, 1);
  }
});

Deno.test("two merged are as one that has all; a cleared one is as a new one", () => {
  fc.assert(fc.property(durations, durations, (some, others) => {
    const [one, other, all] = [new LogHistogram(), new LogHistogram(), new LogHistogram()];
    for (const value of some) one.record(value), all.record(value);
    for (const value of others) other.record(value), all.record(value);
    one.merge(other);
    const shares = [0.1, 0.5, 0.9, 0.99, 1];
    const quantilesOf = (histogram: LogHistogram) => [
      histogram.count,
      ...shares.map((share) => histogram.quantile(share)),
    ];
    assertEquals(quantilesOf(one), quantilesOf(all));
    one.clear();
    assertEquals(quantilesOf(one), quantilesOf(new LogHistogram()));
  }));
});

Deno.test("a view has the median, and what 99 of 100 do not exceed", () => {
  const latencies = new WindowedHistogram(new FakeClock());
  assertEquals(latencies.view(), { p50: 0, p99: 0, count: 0 });
  for (let n = 0; n < 60; n++) latencies.record(0);
  for (let n = 0; n < 39; n++) latencies.record(10);
  latencies.record(1_000);
  const { p50, p99, count } = latencies.view();
  assertEquals([p50, count], [0, 100]);
  assert(p99 >= 9.5 && p99 <= 10.5, `${p99}`);
  latencies.record(1_000);
  assert(latencies.view().p99 >= 950);
});

Deno.test("the window is the present 10 s and the 50 s before them", () => {
  // Each row: when something is recorded, when it is asked for, and whether it is seen then.
  const rows: readonly [at: number, asked: number, seen: boolean][] = [
    [600_000, 600_000, true],
    [600_000, 659_999, true],
    [600_000, 660_000, false],
    [609_999, 659_999, true],
    [609_999, 660_000, false],
    [600_000, 720_000, false],
    [600_000, 600_000 + 1_000 * hour, false],
    [0, 59_999, true],
    [0, 60_000, false],
    // The clock was put back.
    [600_000, 599_999, false],
    [609_999, 600_000, true],
  ];
  for (const [at, asked, seen] of rows) {
    let now = at;
    const latencies = new WindowedHistogram({ now: () => now });
    latencies.record(1);
    now = asked;
    assertEquals(latencies.view().count, seen ? 1 : 0, `${at}, asked at ${asked}`);
  }
});

Deno.test("at any time what is seen are the last 50 to 60 s", () => {
  const pauses = fc.array(fc.integer({ min: 0, max: 25_000 }), { minLength: 1, maxLength: 40 });
  fc.assert(fc.property(pauses, fc.nat(9_999), (pauses, start) => {
    let now = 1_000_000 + start;
    const latencies = new WindowedHistogram({ now: () => now });
    const came: number[] = [];
    for (const pause of pauses) {
      now += pause;
      came.push(now);
      latencies.record(1);
      const slice = (time: number) => Math.floor(time / 10_000);
      const seen = came.filter((time) => slice(time) > slice(now) - 6).length;
      assertEquals(latencies.view().count, seen);
    }
  }));
});
