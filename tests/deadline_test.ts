import { assertEquals } from "@std/assert";
import { Deadline } from "../src/deadline.ts";
import { FakeClock } from "./_clock.ts";

Deno.test("deadline: a wait that is over in time is not told of, the next one has its own time", async () => {
  const clock = new FakeClock();
  const deadline = new Deadline(clock);
  const told: string[] = [];
  deadline.start(100, () => told.push("first"));
  await clock.advance(60);
  deadline.stop();
  await clock.advance(60);
  assertEquals(told, []);
  deadline.start(100, () => told.push("second"));
  await clock.advance(99);
  assertEquals(told, []);
  await clock.advance(1);
  assertEquals(told, ["second"]);
  assertEquals(clock.timers, 0);
});

Deno.test("deadline: one timer for many waits, a shorter one comes in time", async () => {
  const clock = new FakeClock();
  const deadline = new Deadline(clock);
  const told: string[] = [];
  for (let nth = 0; nth < 10; nth++) {
    deadline.start(1_000, () => told.push("long"));
    await clock.advance(10);
    assertEquals(clock.timers, 1);
  }
  deadline.start(5, () => told.push("short"));
  await clock.advance(5);
  assertEquals([told, clock.timers], [["short"], 0]);
});

Deno.test("deadline: a wall clock that is put forward or back changes no wait", async () => {
  for (const put of [-3_600_000, 3_600_000]) {
    const clock = new FakeClock();
    const deadline = new Deadline(clock);
    let told = 0;
    deadline.start(10_000, () => told++);
    await clock.advance(5_000);
    deadline.start(300_000, () => told++);
    clock.put(put);
    await clock.advance(299_999);
    assertEquals(told, 0);
    await clock.advance(1);
    assertEquals(told, 1);
  }
});

Deno.test("deadline: closed, it leaves no timer", () => {
  const clock = new FakeClock();
  const deadline = new Deadline(clock);
  deadline.start(1_000, () => {});
  deadline.close();
  assertEquals(clock.timers, 0);
});
