import { assertEquals } from "@std/assert";
import { FakeClock } from "../_clock.ts";

Deno.test("FakeClock: runs what falls due in order, and what that sets off", async () => {
  const clock = new FakeClock(1000);
  const ran: [string, number][] = [];
  const run = (name: string) => () => void ran.push([name, clock.now()]);
  clock.after(20, run("second"));
  clock.after(10, async () => {
    run("first")();
    await Promise.resolve();
    clock.after(5, run("between"));
  });
  clock.after(20, run("third"));
  clock.after(30, run("later"));
  clock.after(10, run("never")).cancel();
  assertEquals(clock.timers, 4);
  await clock.advance(29);
  assertEquals(ran, [["first", 1010], ["between", 1015], ["second", 1020], ["third", 1020]]);
  assertEquals([clock.now(), clock.timers], [1029, 1]);
  await clock.advance(1);
  assertEquals(ran.at(-1), ["later", 1030]);
  assertEquals(clock.timers, 0);
});
