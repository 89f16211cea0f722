/**
 * What every adapter with sockets promises of its dialer and its listener. It runs inside the runtime,
 * so it uses no API of Deno's but what `hosts/contract.ts` brings along.
 *
 * @module
 */

import { link, lstat, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  createTlsClient,
  createTlsServer,
  staticCertificates,
} from "../../src/adapters/node_tls.ts";
import { WINDOW } from "../../src/adapters/websocket.ts";
import { webSocketDialer } from "../../src/adapters/websocket_dialer.ts";
import { webSocketListener } from "../../src/adapters/websocket_listener.ts";
import {
  type Channel,
  ChannelError,
  type ChannelListener,
  type Dialer,
  type SocketTarget,
  type Target,
} from "../../src/channel.ts";
import { deferred } from "../../src/deferred.ts";
import { makeCertificates } from "../_certificates.ts";
import { channelContract, type ChannelPair } from "../adapters/_channel_contract.ts";

/** The part of an adapter that is tried. */
export interface Sockets {
  readonly dialer: Dialer;
  listen(address: SocketTarget, options?: { readonly mode?: number }): Promise<ChannelListener>;
}

const never = new AbortController().signal;
const loopback = { transport: "tcp", host: "127.0.0.1", port: 0 } as const satisfies SocketTarget;
/** What Linux lets the two kernel buffers of a connection grow to, and more. */
const inKernel = 16 * 1024 * 1024;

/** Registers it. */
export function adapterContract({ dialer, listen }: Sockets): void {
  const inDirectory = (name: string, body: (directory: string) => Promise<void>) =>
    Deno.test(name, async () => {
      const directory = await mkdtemp(`${tmpdir()}/sluice-adapter-`);
      try {
        await body(directory);
      } finally {
        await rm(directory, { recursive: true });
      }
    });

  const pair = async (at: SocketTarget): Promise<ChannelPair> => {
    const listener = await listen(at);
    const [one, other] = await Promise.all([
      dialer.connect(listener.address as SocketTarget, never),
      firstOf(listener),
    ]);
    return { one, other, dispose: () => listener.close() };
  };

  channelContract("TCP", inKernel, () => pair(loopback));
  channelContract("TLS over TCP", inKernel, async () => {
    const { one, other, dispose } = await pair(loopback);
    const { a } = await makeCertificates();
    const verify = { kind: "none" } as const;
    const [client, server] = await Promise.all([
      createTlsClient().connect(one, { serverName: "a.example", verify }, never),
      createTlsServer({ certificates: staticCertificates([a]) }).accept(other, never),
    ]);
    // Behind it no session ticket is left unread: TCP would answer a close with a reset.
    await server.write(Uint8Array.of(1));
    await client.read();
    return { one: client, other: server, dispose };
  });
  channelContract("Unix socket", inKernel, async () => {
    const directory = await mkdtemp(`${tmpdir()}/sluice-adapter-`);
    const { one, other, dispose } = await pair({ transport: "unix", path: `${directory}/socket` });
    return {
      one,
      other,
      dispose: async () => {
        await dispose?.();
        await rm(directory, { recursive: true });
      },
    };
  });

  channelContract("WebSocket", WINDOW, async () => {
    const listener = webSocketListener(await listen(loopback));
    const closed = deferred<void>();
    const client = webSocketDialer({
      open: (url, protocol) => {
        const socket = new WebSocket(url, protocol);
        socket.addEventListener("close", () => closed.resolve());
        return socket;
      },
    });
    const channels = listener[Symbol.asyncIterator]();
    const [one, { value: other }] = await Promise.all([
      client.connect(listener.address as Target, never),
      channels.next(),
    ]);
    return {
      one,
      other,
      dispose: async () => {
        // The runtime keeps a socket until its peer has closed it.
        await closed.promise;
        listener.close();
        // And the listener below waits for what has been accepted.
        await channels.next();
      },
    };
  });

  Deno.test("both ends know each other's address, over a dual-stack listener too", async () => {
    const listener = await listen({ ...loopback, host: "::" });
    const { port } = listener.address as { port: number };
    const [one, other] = await Promise.all([
      dialer.connect({ transport: "tcp", host: "127.0.0.1", port }, never),
      firstOf(listener),
    ]);
    assertEquals(other.localAddress, { transport: "tcp", host: "127.0.0.1", port });
    assertEquals(one.remoteAddress, other.localAddress);
    assertEquals(other.remoteAddress, one.localAddress);
    for (const it of [one, other, listener]) it.close();
  });

  Deno.test("a name is resolved", async () => {
    const listener = await listen({ ...loopback, host: "localhost" });
    const { port } = listener.address as { port: number };
    const [one, other] = await Promise.all([
      dialer.connect({ transport: "tcp", host: "localhost", port }, never),
      firstOf(listener),
    ]);
    assertEquals(one.localAddress, other.remoteAddress);
    for (const it of [one, other, listener]) it.close();
  });

  inDirectory("why there is no connection", async (directory) => {
    const gone = await listen(loopback);
    const closed = gone.address as SocketTarget;
    gone.close();
    const port = 25;
    const cases: [SocketTarget, ChannelError["kind"]][] = [
      [closed, "refused"],
      [{ ...closed, host: "localhost" } as SocketTarget, "refused"],
      [{ transport: "tcp", host: "no-such-host.invalid", port }, "unresolved"],
      [{ transport: "tcp", host: "a b", port }, "unresolved"],
      [{ transport: "unix", path: `${directory}/none` }, "refused"],
    ];
    for (const [target, kind] of cases) {
      const error = await assertRejects(() => dialer.connect(target, never), ChannelError);
      assertEquals([target, error.kind], [target, kind], error.message);
      assert(/^Cannot connect to \S.*: \S/.test(error.message), error.message);
    }
  });

  for (const early of [true, false]) {
    Deno.test(`a signal ${early ? "before" : "under way"} ends it, and nothing is left`, async () => {
      const listener = await listen(loopback);
      const controller = new AbortController();
      if (early) controller.abort(new Error("shutdown"));
      const connecting = dialer.connect(listener.address as SocketTarget, controller.signal);
      controller.abort(new Error("shutdown"));
      assertEquals((await assertRejects(() => connecting, ChannelError)).kind, "aborted");
      listener.close();
    });
  }

  Deno.test("a listener hands out channels until it is closed, and leaves them alone", async () => {
    const listener = await listen(loopback);
    const at = listener.address as SocketTarget;
    const accepted: Channel[] = [];
    const accepting = (async () => {
      for await (const channel of listener) accepted.push(channel);
    })();
    const one = await dialer.connect(at, never);
    const two = await dialer.connect(at, never);
    while (accepted.length < 2) await new Promise((resolve) => setTimeout(resolve, 0));
    listener.close();
    listener.close();
    await accepting;
    await one.write(Uint8Array.of(1));
    assertEquals(await accepted[0].read(), Uint8Array.of(1));
    const late = await assertRejects(() => dialer.connect(at, never), ChannelError);
    assertEquals(late.kind, "refused");
    for (const channel of [one, two, ...accepted]) channel.close();
  });

  Deno.test("what comes before anybody serves is ended with the listener", async () => {
    const listener = await listen(loopback);
    const client = await dialer.connect(listener.address as SocketTarget, never);
    listener.close();
    assertEquals(await client.read().catch(() => undefined), undefined);
    client.close();
  });

  inDirectory("an address in use is an error, and no other file is replaced", async (directory) => {
    const path = `${directory}/used`;
    for (const at of [loopback, { transport: "unix", path } as const]) {
      const listener = await listen(at);
      await assertRejects(() => listen(listener.address as SocketTarget));
      const client = await dialer.connect(listener.address as SocketTarget, never);
      client.close();
      listener.close();
    }
    await assertRejects(() => lstat(path));
    await writeFile(path, "mine");
    await assertRejects(() => listen({ transport: "unix", path }));
    assertEquals(await readFile(path, "utf8"), "mine");
  });

  inDirectory("a Unix socket: its mode, and the place of a dead one", async (directory) => {
    const target: SocketTarget = { transport: "unix", path: `${directory}/socket` };
    const dead = await listen({ transport: "unix", path: `${directory}/dead` });
    await link(`${directory}/dead`, target.path);
    dead.close();
    const listener = await listen(target, { mode: 0o620 });
    assertEquals((await lstat(target.path)).mode & 0o777, 0o620);
    const [one, other] = await Promise.all([dialer.connect(target, never), firstOf(listener)]);
    assertEquals(other.localAddress, target);
    for (const it of [one, other, listener]) it.close();
  });
}

async function firstOf(listener: ChannelListener): Promise<Channel> {
  const { value, done } = await listener[Symbol.asyncIterator]().next();
  assert(!done);
  return value;
}
