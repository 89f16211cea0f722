import { assertEquals } from "@std/assert";
import { MemoryExpiringStore } from "../../src/state/expiring_store.ts";
import { FakeClock } from "../_clock.ts";

Deno.test("a key that has a value keeps it until its time is over", async () => {
  const clock = new FakeClock();
  const store = new MemoryExpiringStore(clock);
  assertEquals(store.add("k", "one", 1_000), undefined);
  assertEquals(store.add("k", "two", 1_000), "one");
  assertEquals(store.add("other", "three", 1_000), undefined);
  await clock.advance(999);
  assertEquals(store.add("k", "two", 1_000), "one");
  await clock.advance(1);
  assertEquals(store.add("k", "two", 1_000), undefined);
  assertEquals(store.add("k", "three", 1_000), "two");
});

Deno.test("a value is put in the place of another, and taken away", () => {
  const store = new MemoryExpiringStore(new FakeClock());
  store.set("k", "one", 1_000);
  store.set("k", "two", 1_000);
  assertEquals(store.add("k", "three", 1_000), "two");
  store.delete("k");
  store.delete("none");
  assertEquals(store.add("k", "three", 1_000), undefined);
});

Deno.test("where there are too many the oldest go first", () => {
  const store = new MemoryExpiringStore(new FakeClock(), 12);
  for (const key of ["a", "b", "c"]) store.set(key, "123", 1_000);
  store.set("a", "123", 1_000);
  store.set("d", "123", 1_000);
  assertEquals(store.add("b", "x", 1_000), undefined);
  assertEquals(store.add("d", "x", 1_000), "123");
  store.set("e", "more than there is room for", 1_000);
  for (const key of ["a", "b", "c", "d", "e"]) {
    assertEquals(store.add(key, "1", 1_000), undefined, key);
  }
});
