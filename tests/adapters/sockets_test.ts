import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { addressOf } from "../../src/adapters/deno/conn.ts";
import { denoDialer } from "../../src/adapters/deno/dialer.ts";
import { type Acceptor, listen, listenerOf } from "../../src/adapters/deno/listener.ts";
import {
  type Channel,
  ChannelError,
  type ChannelListener,
  type SocketTarget,
} from "../../src/channel.ts";
import { FakeClock, settle } from "../_clock.ts";

const never = new AbortController().signal;
const loopback: SocketTarget = { transport: "tcp", host: "127.0.0.1", port: 0 };

async function firstOf(listener: ChannelListener): Promise<Channel> {
  const { value, done } = await listener[Symbol.asyncIterator]().next();
  assert(!done);
  return value;
}

async function withDirectory(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "sluice-sockets-" });
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("addressOf: IPv4 in IPv6 is IPv4", async (t) => {
  const cases = [
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["192.0.2.1", "192.0.2.1"],
    ["::1", "::1"],
    ["2001:db8::ffff:1", "2001:db8::ffff:1"],
    ["::ffff:0:1", "::ffff:0:1"],
  ];
  for (const [hostname, host] of cases) {
    await t.step(hostname, () => {
      const address = addressOf({ transport: "tcp", hostname, port: 25 });
      assertEquals(address, { transport: "tcp", host, port: 25 });
    });
  }
});

Deno.test("TCP: both ends know each other's address, over a dual-stack listener too", async () => {
  const listener = await listen({ transport: "tcp", host: "::", port: 0 });
  const { port } = listener.address as { port: number };
  const [one, other] = await Promise.all([
    denoDialer.connect({ transport: "tcp", host: "127.0.0.1", port }, never),
    firstOf(listener),
  ]);
  assertEquals(other.localAddress, { transport: "tcp", host: "127.0.0.1", port });
  assertEquals(one.remoteAddress, other.localAddress);
  assertEquals(other.remoteAddress, one.localAddress);
  for (const it of [one, other, listener]) it.close();
});

Deno.test("TCP: a read uses the memory of the one before, as large as it asks for", async () => {
  const listener = await listen(loopback);
  const [one, other] = await Promise.all([
    denoDialer.connect(listener.address as SocketTarget, never),
    firstOf(listener),
  ]);
  const read = async (text: string, size?: number) => {
    await one.write(new TextEncoder().encode(text));
    const octets = await other.read(size);
    assertEquals(new TextDecoder().decode(octets), text);
    return octets!.buffer;
  };
  const first = await read("one");
  assertStrictEquals(await read("two"), first);
  assertEquals(first.byteLength, 1024);
  assertEquals((await read("three", 1)).byteLength, 1024);
  assertEquals((await read("3".repeat(1024))).byteLength, 1024);
  assertEquals((await read("more")).byteLength, 4096);
  assertEquals((await read("four", 65536)).byteLength, 65536);
  assertEquals((await read("five", 1e9)).byteLength, 262144);
  assertEquals((await read("six")).byteLength, 4096);
  one.close();
  other.close();
  listener.close();
});

Deno.test("denoDialer: why there is no connection", async (t) => {
  const gone = await listen(loopback);
  const closedPort = gone.address as SocketTarget;
  gone.close();
  await withDirectory(async (dir) => {
    const cases: [string, SocketTarget, ChannelError["kind"]][] = [
      ["nobody listens", closedPort, "refused"],
      ["no such name", { ...loopback, host: "no-such-host.invalid", port: 25 }, "unresolved"],
      ["not a name", { ...loopback, host: "a b", port: 25 }, "unresolved"],
      ["no such socket", { transport: "unix", path: `${dir}/none` }, "refused"],
    ];
    for (const [name, target, kind] of cases) {
      await t.step(name, async () => {
        const connecting = () => denoDialer.connect(target, never);
        assertEquals((await assertRejects(connecting, ChannelError)).kind, kind);
      });
    }
  });
});

Deno.test("denoDialer: the signal ends it at once, and what arrives later is closed", async (t) => {
  for (const early of [true, false]) {
    await t.step(early ? "before" : "under way", async () => {
      const listener = await listen(loopback);
      const controller = new AbortController();
      if (early) controller.abort(new Error("shutdown"));
      const connecting = denoDialer.connect(listener.address as SocketTarget, controller.signal);
      controller.abort(new Error("shutdown"));
      assertEquals((await assertRejects(() => connecting, ChannelError)).kind, "aborted");
      listener.close();
    });
  }
});

Deno.test("listen: hands out channels until it is closed, and leaves them alone then", async () => {
  const listener = await listen(loopback);
  const accepted: Channel[] = [];
  const accepting = (async () => {
    for await (const channel of listener) accepted.push(channel);
  })();
  const one = await denoDialer.connect(listener.address as SocketTarget, never);
  const two = await denoDialer.connect(listener.address as SocketTarget, never);
  while (accepted.length < 2) await settle();
  listener.close();
  listener.close();
  await accepting;
  await one.write(new TextEncoder().encode("x"));
  assertEquals(await accepted[0].read(), new TextEncoder().encode("x"));
  for (const channel of [one, two, ...accepted]) channel.close();
});

Deno.test("listen: an iteration that is left can be taken up again", async () => {
  const listener = await listen(loopback);
  for (let round = 0; round < 2; round++) {
    const one = await denoDialer.connect(listener.address as SocketTarget, never);
    for await (const channel of listener) {
      channel.close();
      break;
    }
    one.close();
  }
  listener.close();
});

Deno.test("listen: an address in use is an error", async () => {
  const listener = await listen(loopback);
  await assertRejects(() => listen(listener.address as SocketTarget), Deno.errors.AddrInUse);
  listener.close();
});

Deno.test("listen: a Unix socket, its mode and its file", async (t) => {
  await withDirectory(async (dir) => {
    const target: SocketTarget = { transport: "unix", path: `${dir}/socket` };
    await t.step("has the mode asked for", async () => {
      const listener = await listen(target, { mode: 0o620 });
      assertEquals((await Deno.stat(target.path)).mode! & 0o777, 0o620);
      listener.close();
    });
    await t.step("is refused while another listens", async () => {
      const listener = await listen(target);
      await assertRejects(() => listen(target), Deno.errors.AddrInUse);
      listener.close();
    });
    await t.step("replaces one that nobody listens on", async () => {
      // Another name keeps the file when its listener goes away.
      const listener = await listen({ transport: "unix", path: `${dir}/other` });
      await Deno.link(`${dir}/other`, target.path);
      listener.close();
      assert((await Deno.lstat(target.path)).isSocket);
      const second = await listen(target);
      const [one, other] = await Promise.all([denoDialer.connect(target, never), firstOf(second)]);
      for (const it of [one, other, second]) it.close();
    });
    await t.step("does not replace another file", async () => {
      await Deno.writeTextFile(target.path, "mine");
      await assertRejects(() => listen(target), Deno.errors.AddrInUse);
      assertEquals(await Deno.readTextFile(target.path), "mine");
    });
  });
});

/** Something that fails to accept, until it is closed. */
class FailingAcceptor implements Acceptor {
  readonly addr: Deno.Addr = { transport: "tcp", hostname: "127.0.0.1", port: 25 };
  attempts = 0;
  closed = false;
  accept(): Promise<Deno.Conn> {
    this.attempts++;
    return Promise.reject(new Error("Too many open files"));
  }
  close(): void {
    this.closed = true;
  }
}

Deno.test("listenerOf: pauses longer and longer while accepting fails", async () => {
  const clock = new FakeClock();
  const acceptor = new FailingAcceptor();
  const errors: unknown[] = [];
  const listener = listenerOf(acceptor, { clock, onError: (error) => void errors.push(error) });
  const next = listener[Symbol.asyncIterator]().next();
  const pauses: number[] = [];
  for (let failures = 1; failures <= 12; failures++) {
    await settle();
    assertEquals([acceptor.attempts, errors.length, clock.timers], [failures, failures, 1]);
    let pause = 0;
    for (; acceptor.attempts === failures; pause += 5) await clock.advance(5);
    pauses.push(pause);
  }
  assertEquals(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 1000]);
  listener.close();
  assertEquals(await next, { done: true, value: undefined });
  assertEquals([acceptor.closed, clock.timers], [true, 0]);
});
