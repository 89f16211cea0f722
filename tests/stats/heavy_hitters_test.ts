import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { HeavyHitters } from "../../src/stats/heavy_hitters.ts";
import { FakeClock } from "../_clock.ts";

const hour = 3_600_000;

Deno.test("as long as there is room counts are exact, the highest first", () => {
  const hitters = new HeavyHitters(new FakeClock());
  for (const key of ["b", "a", "", "a", "c", "a", "c", ""]) hitters.add(key);
  hitters.add("c");
  hitters.add("c");
  assertEquals(hitters.top(3), [
    { key: "c", count: 4, error: 0 },
    { key: "a", count: 3, error: 0 },
    { key: "", count: 2, error: 0 },
  ]);
  assertEquals(hitters.top(100).length, 4);
  assertEquals(hitters.top(0), []);
});

Deno.test("a new key takes the place and the count of the least frequent one", () => {
  const hitters = new HeavyHitters(new FakeClock(), 2);
  for (const key of ["a", "a", "a", "b", "b", "c"]) hitters.add(key);
  const both = [{ key: "c", count: 3, error: 2 }, { key: "a", count: 3, error: 0 }];
  assertEquals(hitters.top(2).toSorted((x, y) => y.error - x.error), both);
  // Of those with the same count, the one that is surer comes first.
  assertEquals(hitters.top(1), [both[1]]);
});

/** Keys of which the first are more frequent. */
const streams = fc.array(
  fc.tuple(fc.nat(30), fc.nat(30)).map(([a, b]) => `key ${Math.min(a, b)}`),
  { maxLength: 300 },
);

function countsOf(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

Deno.test("never below the truth, and above it by no more than its error, which is bounded", () => {
  let inexact = 0;
  fc.assert(fc.property(streams, fc.integer({ min: 1, max: 20 }), (keys, capacity) => {
    const hitters = new HeavyHitters(new FakeClock(), capacity);
    for (const key of keys) hitters.add(key);
    const truth = countsOf(keys);
    const top = hitters.top(Infinity);
    assertEquals(new Set(top.map(({ key }) => key)).size, top.length);
    assert(top.length <= capacity);
    assertEquals(
      top.map(({ count }) => count),
      top.map(({ count }) => count).sort((a, b) => b - a),
    );
    // Each that is counted is counted once.
    assertEquals(top.reduce((sum, { count }) => sum + count, 0), keys.length);
    for (const { key, count, error } of top) {
      const exact = truth.get(key)!;
      assert(count >= exact && count - error <= exact, `${key}: ${count} ± ${error}, ${exact}`);
      assert(error <= keys.length / capacity);
      if (count > exact) inexact++;
    }
    const shown = new Set(top.map(({ key }) => key));
    for (const [key, count] of truth) assert(shown.has(key) || count <= keys.length / capacity);
  }));
  // Otherwise the property would say nothing.
  assert(inexact > 0);
});

Deno.test("the same holds of what is left after hours", () => {
  const days = fc.array(fc.tuple(streams, fc.integer({ min: 1, max: 3 })), { maxLength: 4 });
  let aged = 0;
  fc.assert(fc.property(days, streams, fc.integer({ min: 1, max: 20 }), (days, last, capacity) => {
    let now = 0;
    const hitters = new HeavyHitters({ now: () => now }, capacity);
    const truth = new Map<string, number>();
    const add = (keys: readonly string[]) => {
      for (const key of keys) hitters.add(key);
      for (const [key, count] of countsOf(keys)) truth.set(key, (truth.get(key) ?? 0) + count);
    };
    for (const [keys, hours] of days) {
      add(keys);
      now += hours * hour;
      for (const [key, count] of truth) truth.set(key, Math.floor(count / 2 ** hours));
    }
    add(last);
    const top = hitters.top(Infinity);
    const least = top.length < capacity ? 0 : top.at(-1)!.count;
    for (const { key, count, error } of top) {
      const exact = truth.get(key) ?? 0;
      assert(count >= exact && count - error <= exact, `${key}: ${count} ± ${error}, ${exact}`);
      assert(error <= count);
      if (days.length > 0 && count > 0) aged++;
    }
    const shown = new Set(top.map(({ key }) => key));
    for (const [key, count] of truth) assert(shown.has(key) || count <= least, `${key}: ${count}`);
  }));
  assert(aged > 0);
});

Deno.test("counts are halved each hour, until nothing is left", async () => {
  const clock = new FakeClock();
  const hitters = new HeavyHitters(clock);
  const counts = () => hitters.top(9).map(({ key, count }) => `${key}${count}`);
  for (const key of "aaaaaaabbc") hitters.add(key);
  await clock.advance(hour - 1);
  assertEquals(counts(), ["a7", "b2", "c1"]);
  await clock.advance(1);
  assertEquals(counts(), ["a3", "b1"]);
  hitters.add("b");
  hitters.add("c");
  await clock.advance(hour);
  assertEquals(counts(), ["a1", "b1"]);
  await clock.advance(1_000_000 * hour);
  assertEquals(counts(), []);
  hitters.add("c");
  assertEquals(counts(), ["c1"]);
  assertEquals(clock.timers, 0);
});

Deno.test("an error grows no larger than its count", async () => {
  const clock = new FakeClock();
  const hitters = new HeavyHitters(clock, 1);
  for (const key of "aaaaab") hitters.add(key);
  assertEquals(hitters.top(1), [{ key: "b", count: 6, error: 5 }]);
  await clock.advance(2 * hour);
  assertEquals(hitters.top(1), [{ key: "b", count: 1, error: 1 }]);
});

Deno.test("hours count from the start, not from when somebody comes", async () => {
  const clock = new FakeClock();
  const hitters = new HeavyHitters(clock);
  await clock.advance(1.5 * hour);
  for (const key of "aaaa") hitters.add(key);
  await clock.advance(hour / 2);
  assertEquals(hitters.top(1)[0].count, 2);
});

Deno.test("a clock that is put back halves nothing, and begins another hour", () => {
  let now = 10 * hour;
  const hitters = new HeavyHitters({ now: () => now });
  for (const key of "aaaa") hitters.add(key);
  now = hour;
  assertEquals(hitters.top(1)[0].count, 4);
  now = 2 * hour - 1;
  assertEquals(hitters.top(1)[0].count, 4);
  now = 2 * hour;
  assertEquals(hitters.top(1)[0].count, 2);
});

Deno.test("200 keys are kept, and 255 characters of each", () => {
  const hitters = new HeavyHitters(new FakeClock());
  for (let n = 0; n < 10_000; n++) hitters.add(`${n}`.padEnd(1_000, "x"));
  const top = hitters.top(Infinity);
  assertEquals(top.length, 200);
  assertEquals(new Set(top.map(({ key }) => key.length)), new Set([255]));
  hitters.add("y".repeat(255));
  hitters.add("y".repeat(256));
  assertEquals(hitters.top(1)[0], { key: "y".repeat(255), count: 52, error: 50 });
});
