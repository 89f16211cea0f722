import { assertEquals } from "@std/assert";
import { NameCache } from "../../src/dns/name_cache.ts";
import { FakeClock } from "../_clock.ts";
import { FakeResolver } from "./_resolver.ts";

const ADDRESS = "192.0.2.1";
const { signal } = new AbortController();

function named() {
  const clock = new FakeClock();
  const resolver = new FakeResolver({ [ADDRESS]: ["mx.example"], "mx.example": [ADDRESS] });
  return { clock, resolver, names: new NameCache(resolver, clock, 5_000) };
}

Deno.test("name cache: an answer is used for a minute", async () => {
  const { clock, resolver, names } = named();
  assertEquals(await names.of(ADDRESS, signal), "mx.example");
  await clock.advance(59_999);
  resolver.zone = { [ADDRESS]: ["new.example"], "new.example": [ADDRESS] };
  assertEquals(await names.of(ADDRESS, signal), "mx.example");
  assertEquals(resolver.asked.length, 2);
  await clock.advance(1);
  assertEquals(await names.of(ADDRESS, signal), "new.example");
  assertEquals(clock.timers, 0);
});

Deno.test("name cache: that there is no name is an answer", async () => {
  const { clock, resolver, names } = named();
  assertEquals(await names.of("192.0.2.2", signal), undefined);
  assertEquals(await names.of("192.0.2.2", signal), undefined);
  assertEquals(resolver.asked, ["192.0.2.2"]);
  await clock.advance(60_000);
  await names.of("192.0.2.2", signal);
  assertEquals(resolver.asked.length, 2);
});

Deno.test("name cache: a lookup ends at its limit, and is not tried again at once", async () => {
  for (const stalled of [ADDRESS, "mx.example"]) {
    const { clock, resolver, names } = named();
    resolver.stalled.add(stalled);
    let name: string | undefined = "unknown yet";
    const found = names.of(ADDRESS, signal).then((found) => name = found);
    await clock.advance(4_999);
    assertEquals(name, "unknown yet");
    await clock.advance(1);
    assertEquals(name, undefined);
    await found;
    assertEquals(resolver.signals.every(({ aborted }) => aborted), true);
    resolver.stalled.clear();
    const asked = resolver.asked.length;
    assertEquals(await names.of(ADDRESS, signal), undefined);
    assertEquals([resolver.asked.length, clock.timers], [asked, 0]);
  }
});

Deno.test("name cache: a lookup that is called off is not remembered", async () => {
  const { clock, resolver, names } = named();
  resolver.stalled.add(ADDRESS);
  const control = new AbortController();
  const found = names.of(ADDRESS, control.signal);
  control.abort();
  assertEquals(await found, undefined);
  assertEquals([resolver.signals[0].aborted, clock.timers], [true, 0]);
  resolver.stalled.clear();
  assertEquals(await names.of(ADDRESS, signal), "mx.example");
});

Deno.test("name cache: of 10,001 addresses the one that was learnt first is forgotten", async () => {
  const { clock, resolver, names } = named();
  const address = (nth: number) => `10.0.${nth >> 8}.${nth & 0xff}`;
  await names.of(address(0), signal);
  await names.of(address(1), signal);
  await clock.advance(60_000);
  // Learnt anew, it is no longer the first.
  await names.of(address(0), signal);
  for (let nth = 2; nth <= 10_000; nth++) await names.of(address(nth), signal);
  const asked = resolver.asked.length;
  await names.of(address(0), signal);
  await names.of(address(10_000), signal);
  assertEquals(resolver.asked.length, asked);
  await names.of(address(10_001), signal);
  await names.of(address(0), signal);
  assertEquals(resolver.asked.slice(asked), [address(10_001), address(0)]);
});
