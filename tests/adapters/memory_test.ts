import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { memoryPair } from "../../src/adapters/memory.ts";
import { type Channel, ChannelError } from "../../src/channel.ts";
import { settle } from "../_clock.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (octets: Uint8Array | undefined) => octets && new TextDecoder().decode(octets);

/** Whether a promise is settled once everything that can run has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true, () => settled = true);
  await settle();
  return settled;
}

async function kindOf(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, ChannelError)).kind;
}

Deno.test("memoryPair: names its ends", () => {
  const [one, other] = memoryPair({ names: ["upstream", "proxy"] });
  assertEquals(one.localAddress, { transport: "memory", name: "upstream" });
  assertEquals(one.remoteAddress, { transport: "memory", name: "proxy" });
  assertEquals(other.localAddress, one.remoteAddress);
});

Deno.test("memoryPair: refuses a buffer of no octets", () => {
  for (const buffer of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(() => memoryPair({ buffer }), RangeError);
  }
});

Deno.test("memoryPair: a write waits until all of it fits", async () => {
  const [one, other] = memoryPair({ buffer: 4 });
  assertEquals(await isSettled(one.write(encode("1234"))), true);
  const waiting = one.write(encode("56789"));
  assertEquals(await isSettled(waiting), false);
  assertEquals(decode(await other.read(1)), "1");
  assertEquals(await isSettled(waiting), false);
  let rest = "";
  while (rest.length < 8) rest += decode(await other.read(3));
  assertEquals(rest, "23456789");
  await waiting;
});

Deno.test("memoryPair: a read gives at most what it asks for, 4096 octets by default", async () => {
  const [one, other] = memoryPair();
  await one.write(new Uint8Array(10_000));
  assertEquals((await other.read())?.length, 4096);
  assertEquals((await other.read(10))?.length, 10);
  assertEquals((await other.read(1e6))?.length, 10_000 - 4106);
});

Deno.test("memoryPair: a read uses the memory of the one before", async () => {
  const [one, other] = memoryPair();
  await one.write(encode("first"));
  const first = (await other.read())!;
  await one.write(encode("other"));
  await other.read();
  assertEquals(decode(first), "other");
});

Deno.test("memoryPair: one read and one write at a time", async () => {
  const [one, other] = memoryPair({ buffer: 1 });
  const read = one.read();
  await assertRejects(() => one.read(), TypeError);
  const write = one.write(encode("ab"));
  await assertRejects(() => one.write(encode("c")), TypeError);
  assertEquals(decode(await other.read()), "a");
  await write;
  await other.write(encode("z"));
  assertEquals(decode(await read), "z");
});

Deno.test("memoryPair: close leaves the peer what was written, and takes nothing more", async () => {
  const [one, other] = memoryPair();
  await one.write(encode("bye"));
  const blocked = other.write(new Uint8Array(100_000));
  one.close();
  assertEquals(await kindOf(blocked), "broken");
  assertEquals(decode(await other.read()), "bye");
  assertEquals(await other.read(), undefined);
  assertEquals(await kindOf(other.write(encode("x"))), "broken");
});

Deno.test("memoryPair: reset loses what was written, at both ends", async () => {
  const pending = (channel: Channel) => [channel.read(), channel.write(new Uint8Array(100_000))];
  const [one, other] = memoryPair();
  await one.write(encode("lost"));
  const waiting = pending(one);
  one.reset();
  for (const promise of waiting) assertEquals(await kindOf(promise), "broken");
  for (const channel of [one, other]) {
    for (const promise of pending(channel)) assertEquals(await kindOf(promise), "broken");
  }
  one.close();
  assertEquals(await kindOf(one.read()), "broken");
});

Deno.test("memoryPair: holds every octet in its place across the end of the ring", async () => {
  const [one, other] = memoryPair({ buffer: 7 });
  const sent = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
  const received: number[] = [];
  const writing = (async () => {
    for (let at = 0, size = 1; at < sent.length; at += size, size = size % 5 + 1) {
      await one.write(sent.subarray(at, at + size));
    }
    await one.closeWrite();
  })();
  for (let size = 1, octets; (octets = await other.read(size)) !== undefined; size = size % 3 + 1) {
    received.push(...octets);
  }
  await writing;
  assertEquals(received, [...sent]);
  assertStrictEquals(await other.read(), undefined);
});
