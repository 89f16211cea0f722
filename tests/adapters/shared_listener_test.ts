import { assert, assertEquals, assertRejects } from "@std/assert";
import { denoDialer } from "../../src/adapters/deno/dialer.ts";
import { listen } from "../../src/adapters/deno/listener.ts";
import { listenShared, SharedSocket } from "../../src/adapters/deno/shared_listener.ts";
import type { Channel, ChannelListener, SocketTarget } from "../../src/channel.ts";
import { channelContract, type ChannelPair } from "./_channel_contract.ts";

const never = new AbortController().signal;
const loopback: SocketTarget = { transport: "tcp", host: "127.0.0.1", port: 0 };
const inKernel = 16 * 1024 * 1024;
const directory = await Deno.makeTempDir({ prefix: "sluice-shared-" });

Deno.test.afterAll(() => Deno.remove(directory, { recursive: true }));

/** A listener that has taken a descriptor and given a copy back. */
async function share(socket: SharedSocket): Promise<ChannelListener> {
  const { listener, copy } = await listenShared(socket.take(), socket.address);
  socket.giveBack(copy);
  return listener;
}

async function firstOf(listener: ChannelListener): Promise<Channel> {
  const { value, done } = await listener[Symbol.asyncIterator]().next();
  assert(!done);
  return value;
}

async function pair(at: SocketTarget): Promise<ChannelPair> {
  const socket = await SharedSocket.open(at);
  const listener = await share(socket);
  const [one, other] = await Promise.all([
    denoDialer.connect(socket.address, never),
    firstOf(listener),
  ]);
  return {
    one,
    other,
    async dispose() {
      listener.close();
      await socket.close();
    },
  };
}

channelContract("shared TCP", inKernel, () => pair(loopback));
channelContract("shared Unix socket", inKernel, () => {
  return pair({ transport: "unix", path: `${directory}/contract` });
});

Deno.test("both ends know each other's address", async () => {
  const { one, other, dispose } = await pair({ ...loopback, host: "::" });
  assertEquals(other.remoteAddress, one.localAddress);
  assertEquals(other.localAddress, one.remoteAddress);
  one.close();
  other.close();
  await dispose?.();
});

Deno.test("the socket outlives each of its listeners, and waits for the next one", async () => {
  for (const at of [loopback, { transport: "unix", path: `${directory}/outlives` } as const]) {
    const socket = await SharedSocket.open(at);
    (await share(socket)).close();
    // Nobody accepts; the kernel takes it.
    const waiting = await denoDialer.connect(socket.address, never);
    const listener = await share(socket);
    const accepted = await firstOf(listener);
    await waiting.write(new Uint8Array([1]));
    assertEquals(await accepted.read(), new Uint8Array([1]));
    for (const it of [waiting, accepted, listener]) it.close();
    await socket.close();
    await assertRejects(() => denoDialer.connect(socket.address, never));
  }
});

Deno.test("what comes before anybody serves is ended with the listener", async () => {
  const socket = await SharedSocket.open(loopback);
  const listener = await share(socket);
  const client = await denoDialer.connect(socket.address, never);
  listener.close();
  await socket.close();
  assertEquals(await client.read().catch(() => undefined), undefined);
  client.close();
});

Deno.test("an address that is in use is not shared", async () => {
  const path = `${directory}/used`;
  for (const at of [loopback, { transport: "unix", path } as const]) {
    const listener = await listen(at);
    await assertRejects(() => SharedSocket.open(listener.address as SocketTarget), Error, "in use");
    listener.close();
  }
  await Deno.writeTextFile(path, "not a socket");
  await assertRejects(() => SharedSocket.open({ transport: "unix", path }), Error, "in use");
  assertEquals(await Deno.readTextFile(path), "not a socket");
});

Deno.test("the file of a Unix socket that nobody listens on is replaced", async () => {
  const path = `${directory}/stale`;
  const listener = await listen({ transport: "unix", path: `${path}.old` });
  await Deno.rename(`${path}.old`, path);
  listener.close();
  const socket = await SharedSocket.open({ transport: "unix", path }, 0o620);
  assertEquals((await Deno.stat(path)).mode! & 0o777, 0o620);
  await socket.close();
  await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
});
