import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { MemoryCounters } from "../../src/state/counters.ts";
import { SharedCounters, sharedMemory } from "../../src/state/shared_counters.ts";
import type { Task } from "./_counting_worker.ts";

Deno.test("counts to the same numbers as the counters of one thread", () => {
  const step = fc.tuple(
    fc.constantFrom("a", "b", "ä@example.org", "\u{1f4e7}"),
    fc.constantFrom(1_000, 60_000, 3_600_000),
    fc.integer({ min: 0, max: 40_000 }),
  );
  const start = fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) });
  fc.assert(fc.property(start, fc.array(step, { maxLength: 60 }), (start, steps) => {
    const clock = { time: start, now: () => clock.time };
    const memory = sharedMemory(1_000);
    const alone = new MemoryCounters(clock);
    const together = [new SharedCounters(clock, memory), new SharedCounters(clock, memory)];
    for (const [nth, [key, window, pause]] of steps.entries()) {
      clock.time += pause;
      assertEquals(together[nth % 2].count(key, window), alone.count(key, window));
    }
  }));
});

Deno.test("many keys are told apart while there is room", () => {
  // By chance a set may be full before the others: that hangs on what hashes differ by.
  const counters = new SharedCounters({ now: () => 0 }, { ...sharedMemory(), seed: 5321 });
  const keys = Array.from({ length: 20_000 }, (_, n) => `mail\n192.0.${n >> 8}.${n & 255}`);
  for (const expected of [1, 2]) {
    const wrong = keys.filter((key) => counters.count(key, 1_000) !== expected);
    assertEquals(wrong, []);
  }
});

Deno.test("without room the least recently used is forgotten", () => {
  const clock = { time: 1_000, now: () => clock.time };
  // One set of eight.
  const counters = new SharedCounters(clock, sharedMemory(8));
  const count = (key: string): number => {
    clock.time += 1_000;
    return counters.count(key, 3_600_000);
  };
  assertEquals([..."abcdefgh"].map(count), Array(8).fill(1));
  assertEquals(["a", "i"].map(count), [2, 1]);
  assertEquals([..."acdefgh"].map(count), [3, 2, 2, 2, 2, 2, 2]);
  assertEquals(count("b"), 1);
});

Deno.test("one that was ended with a lock holds up nobody for long", () => {
  const memory = sharedMemory(8);
  new Int32Array(memory.words)[0] = 1;
  const counters = new SharedCounters({ now: () => 0 }, memory);
  assertEquals([counters.count("a", 1_000), counters.count("a", 1_000)], [1, 2]);
});

Deno.test("threads that count at the same time lose nothing and count nothing twice", async () => {
  const TIMES = 20_000;
  const memory = sharedMemory();
  const workers = Array.from(
    { length: 3 },
    () => new Worker(new URL("./_counting_worker.ts", import.meta.url), { type: "module" }),
  );
  const next = (worker: Worker) =>
    new Promise<unknown>((resolve) => worker.onmessage = ({ data }) => resolve(data));
  await Promise.all(workers.map(next));
  const said = workers.map(next) as Promise<number[]>[];
  for (const worker of workers) worker.postMessage({ memory, times: TIMES } satisfies Task);
  const numbers = (await Promise.all(said)).flat().sort((a, b) => a - b);
  for (const worker of workers) worker.terminate();
  assertEquals(numbers, Array.from({ length: 3 * TIMES }, (_, n) => n + 1));
});
