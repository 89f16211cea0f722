import { assertEquals, assertRejects } from "@std/assert";
import { toText } from "@std/streams";
import { memoryPair } from "../../src/adapters/memory.ts";
import { channelOfStreams, streamsOfChannel } from "../../src/adapters/streams.ts";
import { ChannelError } from "../../src/channel.ts";
import { settle } from "../_clock.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (octets: Uint8Array | undefined) => octets && new TextDecoder().decode(octets);
const addresses = {
  localAddress: { transport: "memory", name: "here" },
  remoteAddress: { transport: "memory", name: "there" },
} as const;

/** Whether the channel of a pair has been closed at the other end. */
async function isClosed(peer: ReturnType<typeof memoryPair>[0]): Promise<boolean> {
  return await peer.write(encode("x")).then(() => false, () => true);
}

Deno.test("streamsOfChannel: pipes like any other streams", async () => {
  const [one, other] = memoryPair();
  const { readable, writable } = streamsOfChannel(other);
  const upper = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => controller.enqueue(encode(decode(chunk)!.toUpperCase())),
  });
  const echo = readable.pipeThrough(upper).pipeTo(writable);
  await one.write(encode("hello"));
  await one.closeWrite();
  assertEquals(await toText(streamsOfChannel(one).readable), "HELLO");
  await echo;
});

Deno.test("streamsOfChannel: reads nothing that nobody asks for", async () => {
  const [one, other] = memoryPair({ buffer: 4 });
  const { readable } = streamsOfChannel(other);
  await one.write(encode("1234"));
  let taken = false;
  const waiting = one.write(encode("5")).then(() => taken = true);
  await settle();
  assertEquals(taken, false);
  const reader = readable.getReader();
  assertEquals(decode((await reader.read()).value), "1234");
  await waiting;
});

Deno.test("streamsOfChannel: a chunk is the reader's own", async () => {
  const [one, other] = memoryPair();
  const reader = streamsOfChannel(other).readable.getReader();
  await one.write(encode("first"));
  const { value } = await reader.read();
  await one.write(encode("other"));
  await reader.read();
  assertEquals(decode(value), "first");
});

Deno.test("streamsOfChannel: the channel is closed when both directions have ended", async (t) => {
  await t.step("end, then close", async () => {
    const [one, other] = memoryPair();
    const { readable, writable } = streamsOfChannel(other);
    await one.closeWrite();
    await readable.getReader().read();
    const writer = writable.getWriter();
    await writer.write(encode("reply"));
    assertEquals(decode(await one.read()), "reply");
    await writer.close();
    assertEquals(await isClosed(one), true);
  });
  await t.step("cancel, then close", async () => {
    const [one, other] = memoryPair();
    const { readable, writable } = streamsOfChannel(other);
    await readable.cancel();
    assertEquals(await isClosed(one), false);
    await writable.close();
    assertEquals(await isClosed(one), true);
  });
  await t.step("close, then cancel with a read under way", async () => {
    const [one, other] = memoryPair();
    const { readable, writable } = streamsOfChannel(other);
    const reader = readable.getReader();
    const reading = reader.read();
    await writable.close();
    assertEquals(await isClosed(one), false);
    await reader.cancel();
    await reading;
    assertEquals(await isClosed(one), true);
  });
  await t.step("abort", async () => {
    const [one, other] = memoryPair();
    await streamsOfChannel(other).writable.abort();
    assertEquals(await isClosed(one), true);
  });
  await t.step("errors on both sides", async () => {
    const [one, other] = memoryPair();
    const { readable, writable } = streamsOfChannel(other);
    one.reset();
    await assertRejects(() => readable.getReader().read(), ChannelError);
    await assertRejects(() => writable.getWriter().write(encode("x")), ChannelError);
    assertEquals((await assertRejects(() => other.read(), ChannelError)).kind, "broken");
  });
});

Deno.test("channelOfStreams: passes over empty chunks and keeps the others as they are", async () => {
  const chunks = [encode(""), encode("ab"), encode(""), encode("c")];
  const channel = channelOfStreams(
    { readable: ReadableStream.from(chunks), writable: new WritableStream() },
    addresses,
  );
  assertEquals(decode(await channel.read()), "ab");
  assertEquals(decode(await channel.read(1)), "c");
  assertEquals(await channel.read(), undefined);
  channel.close();
});

Deno.test("channelOfStreams: close cancels the source and aborts the sink", async () => {
  const ended: string[] = [];
  const channel = channelOfStreams({
    readable: new ReadableStream({ cancel: () => void ended.push("cancel") }),
    writable: new WritableStream({ abort: () => void ended.push("abort") }),
  }, addresses);
  channel.close();
  await settle();
  assertEquals(ended.sort(), ["abort", "cancel"]);
});

Deno.test("channelOfStreams: close ends a write that its sink never finishes", async () => {
  const channel = channelOfStreams({
    readable: new ReadableStream(),
    writable: new WritableStream({ write: () => new Promise(() => {}) }),
  }, addresses);
  const writing = assertRejects(() => channel.write(encode("x")), ChannelError);
  await settle();
  channel.close();
  assertEquals((await writing).kind, "closed");
});

Deno.test("channelOfStreams: a failing stream breaks the channel, unasked it disturbs nobody", async () => {
  let fail = (_reason: Error) => {};
  const readable = new ReadableStream<Uint8Array>({
    start: (controller) => {
      fail = (reason) => controller.error(reason);
    },
  });
  const writable = new WritableStream<Uint8Array>({
    write: () => Promise.reject(new Error("full")),
  });
  const channel = channelOfStreams({ readable, writable }, addresses);
  fail(new Error("gone"));
  await settle();
  const reading = await assertRejects(() => channel.read(), ChannelError, "gone");
  assertEquals(reading.kind, "broken");
  const writing = await assertRejects(() => channel.write(encode("x")), ChannelError, "full");
  assertEquals(writing.kind, "broken");
  await channel.closeWrite();
});
