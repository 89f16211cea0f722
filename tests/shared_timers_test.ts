import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Timer } from "../src/clock.ts";
import { sharedTimers } from "../src/shared_timers.ts";
import { FakeClock } from "./_clock.ts";

const step = fc.oneof(
  fc.record({
    kind: fc.constant("after" as const),
    milliseconds: fc.integer({ min: 0, max: 500 }),
  }),
  fc.record({ kind: fc.constant("cancel" as const), nth: fc.nat({ max: 200 }) }),
  fc.record({
    kind: fc.constant("advance" as const),
    milliseconds: fc.integer({ min: 1, max: 90 }),
  }),
);

Deno.test("shared timers: each wait ends when one of its own would, all under one timer", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
      const clock = new FakeClock();
      const shared = sharedTimers(clock);
      const own = new FakeClock();
      const ends: [number, number][] = [];
      const expected: [number, number][] = [];
      const waits: Timer[][] = [];
      for (const one of [...steps, { kind: "advance" as const, milliseconds: 1000 }]) {
        if (one.kind === "after") {
          const nth = waits.length;
          waits.push([
            shared.after(one.milliseconds, () => ends.push([clock.monotonic(), nth])),
            own.after(one.milliseconds, () => expected.push([own.monotonic(), nth])),
          ]);
        } else if (one.kind === "cancel") {
          for (const timer of waits[one.nth] ?? []) timer.cancel();
        } else {
          await clock.advance(one.milliseconds);
          await own.advance(one.milliseconds);
        }
        assert(clock.timers <= 1);
        assertEquals(clock.timers === 0, own.timers === 0);
      }
      // Of those that end in the same millisecond any may come first.
      const sorted = (all: [number, number][]) => all.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      assertEquals(sorted(ends), sorted(expected));
    }),
    { numRuns: 300 },
  );
});

Deno.test("shared timers: ends come in their order, and one may set or call off others", async () => {
  const clock = new FakeClock();
  const shared = sharedTimers(clock);
  const told: string[] = [];
  shared.after(30, () => told.push("third"));
  const never = shared.after(10, () => told.push("never"));
  shared.after(5, () => {
    told.push("first");
    never.cancel();
    shared.after(5, () => told.push("second"));
  });
  await clock.advance(100);
  never.cancel();
  assertEquals([told, clock.timers], [["first", "second", "third"], 0]);
});

Deno.test("shared timers: what one throws is for the runtime, and the others come all the same", () => {
  let ring = () => {};
  let now = 0;
  const shared = sharedTimers({
    now: () => now,
    monotonic: () => now,
    after: (_milliseconds, callback) => {
      ring = callback;
      return { cancel: () => {} };
    },
  });
  const told: string[] = [];
  shared.after(10, () => {
    throw new Error("A mistake");
  });
  shared.after(11, () => told.push("other"));
  now = 11;
  assertThrows(() => ring(), Error, "A mistake");
  ring();
  assertEquals(told, ["other"]);
});
