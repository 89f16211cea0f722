import { assertEquals } from "@std/assert";
import { Rate } from "../../src/stats/rate.ts";

function begin(now: number = 1_000_000): { rate: Rate; time: { now: number } } {
  const time = { now };
  return { rate: new Rate({ now: () => time.now }), time };
}

Deno.test("what there is counts once its second is over, and for ten seconds", () => {
  const { rate, time } = begin();
  rate.add();
  rate.add(19);
  assertEquals(rate.perSecond, 0);
  time.now += 999;
  assertEquals(rate.perSecond, 0);
  for (let second = 1; second <= 10; second++) {
    time.now = 1_000_000 + second * 1_000;
    assertEquals(rate.perSecond, 2, `after ${second} s`);
  }
  time.now += 1_000;
  assertEquals(rate.perSecond, 0);
});

Deno.test("a steady flow is its own rate", () => {
  const { rate, time } = begin();
  for (let second = 0; second < 40; second++) {
    for (let n = 0; n < 5; n++) rate.add(3);
    time.now += 1_000;
    assertEquals(rate.perSecond, 1.5 * Math.min(second + 1, 10), `after ${second} s`);
  }
});

Deno.test("a clock that jumps", () => {
  const jumps: readonly [by: number, then: number][] = [
    [9_000, 2],
    [11_000, 0],
    [11_000 * 1_000, 0],
    [1e12, 0],
    [-1_000, 0],
    [-500_000, 0],
  ];
  for (const [by, then] of jumps) {
    const { rate, time } = begin();
    rate.add(20);
    time.now += 1_000 + by;
    assertEquals(rate.perSecond, by === -1_000 ? 0 : then, `${by} ms`);
    rate.add(10);
    time.now += 1_000;
    assertEquals(rate.perSecond >= 1, true, `counting goes on after ${by} ms`);
    time.now += 11_000;
    assertEquals(rate.perSecond, 0, `nothing is left after ${by} ms`);
  }
});
