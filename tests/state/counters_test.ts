import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { MemoryCounters } from "../../src/state/counters.ts";
import { FakeClock } from "../_clock.ts";

const minute = 60_000;

Deno.test("each row is counted after a pause", async (t) => {
  type Row = readonly [name: string, rows: readonly (readonly [pause: number, says: number])[]];
  const rows: readonly Row[] = [
    ["all at once", [[0, 1], [0, 2], [0, 3]]],
    ["the last millisecond of an interval", [[0, 1], [minute - 1, 2]]],
    ["the first of the next", [[0, 1], [0, 2], [minute, 3]]],
    ["half of an interval later", [[0, 1], [0, 2], [0, 3], [0, 4], [minute * 1.5, 3]]],
    ["shortly before the second next", [[0, 1], [0, 2], [minute * 2 - 1, 1]]],
    ["two intervals later", [[0, 1], [0, 2], [minute * 2, 1], [0, 2]]],
    ["much later", [[0, 1], [minute * 1000, 1]]],
    ["evenly", [[0, 1], [20_000, 2], [20_000, 3], [20_000, 4], [20_000, 4], [20_000, 4]]],
  ];
  for (const [name, steps] of rows) {
    await t.step(name, async () => {
      const clock = new FakeClock(0);
      const counters = new MemoryCounters(clock);
      const said: number[] = [];
      for (const [pause] of steps) {
        await clock.advance(pause);
        said.push(counters.count("a", minute));
      }
      assertEquals(said, steps.map(([, says]) => says));
    });
  }
});

Deno.test("never off by more than came in the previous interval", () => {
  let inexact = 0;
  const pauses = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 60 });
  fc.assert(fc.property(pauses, fc.integer({ min: 0, max: 999 }), (pauses, start) => {
    let now = 1_000_000 + start;
    const counters = new MemoryCounters({ now: () => now });
    const came: number[] = [];
    for (const pause of pauses) {
      now += pause;
      came.push(now);
      const within = (from: number, to: number) =>
        came.filter((time) => time >= from && time < to).length;
      const begin = now - now % 1_000;
      const exact = within(now - 999, now + 1);
      const error = Math.abs(counters.count("a", 1_000) - exact);
      assert(error <= within(begin - 1_000, begin), `${error} at ${now} of ${came}`);
      if (error > 0) inexact++;
    }
  }));
  // Otherwise the property would say nothing.
  assert(inexact > 0);
});

Deno.test("keys, and windows of the same key, are counted each by itself", () => {
  const counters = new MemoryCounters(new FakeClock(0));
  const asked = [["a", 1_000], ["b", 1_000], ["a", 2_000], ["a", 1_000]] as const;
  assertEquals(asked.map(([key, window]) => counters.count(key, window)), [1, 1, 1, 2]);
});

Deno.test("a clock that is put back begins anew", () => {
  let now = 10 * minute;
  const counters = new MemoryCounters({ now: () => now });
  assertEquals([counters.count("a", minute), counters.count("a", minute)], [1, 2]);
  now -= 2 * minute;
  assertEquals([counters.count("a", minute), counters.count("a", minute)], [1, 2]);
});

Deno.test("the least recently used key is forgotten", () => {
  const counters = new MemoryCounters(new FakeClock(0), 2);
  const said = [..."abacab"].map((key) => `${key}${counters.count(key, minute)}`);
  // c takes the place of b, b then that of c.
  assertEquals(said, ["a1", "b1", "a2", "c1", "a3", "b1"]);
  assertEquals(counters.count("a", minute), 4);
});
