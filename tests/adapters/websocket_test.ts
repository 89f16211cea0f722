/** SMTP over WebSocket: what is said, what is refused, and what is bounded. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Channel, ChannelError } from "../../src/channel.ts";
import { upgradeToChannel } from "../../src/adapters/deno/websocket.ts";
import { webSocketChannel, WINDOW } from "../../src/adapters/websocket.ts";
import { webSocketDialer } from "../../src/adapters/websocket_dialer.ts";
import { listenerPair, played, PlayedSocket } from "./_websockets.ts";

const nowhere = { transport: "websocket", url: "" } as const;
const ends = { localAddress: nowhere, remoteAddress: nowhere };

async function faultOf(promise: Promise<unknown>): Promise<string> {
  const { kind, message } = await assertRejects(() => promise, ChannelError);
  return `${kind}: ${message}`;
}

Deno.test("websocket: octets, the end, and room for more", async () => {
  const socket = new PlayedSocket();
  const channel = await played(socket);
  assertEquals(socket.binaryType, "arraybuffer");
  await channel.write(Uint8Array.of(7, 8));
  await channel.closeWrite();
  assertEquals(socket.sent, [Uint8Array.of(0, 7, 8), Uint8Array.of(2)]);

  socket.says(0, 1, 2, 3);
  socket.says(0, 4);
  socket.says(2);
  assertEquals(await channel.read(3), Uint8Array.of(1, 2, 3));
  assertEquals(await channel.read(), Uint8Array.of(4));
  assertEquals(await channel.read(), undefined);
  channel.close();
  assertEquals(socket.closings, [[1000, undefined]]);
});

Deno.test("websocket: room is given back in halves of a window, and never after the end", async () => {
  const socket = new PlayedSocket();
  const channel = await played(socket);
  const message = new Uint8Array(1 + WINDOW / 4);
  for (let nth = 0; nth < 3; nth++) {
    socket.receive(message.slice().buffer);
    await channel.read(WINDOW);
  }
  // 131072 octets, and a quarter that is not told yet.
  assertEquals(socket.sent, [Uint8Array.of(1, 0, 2, 0, 0)]);
  socket.receive(message.slice().buffer);
  socket.says(2);
  await channel.read(WINDOW);
  assertEquals(socket.sent.length, 1);
  channel.close();
});

Deno.test("websocket: a writer waits for room, and for no more than it needs", async () => {
  const socket = new PlayedSocket();
  const channel = await played(socket);
  let written = 0;
  const writing = (async () => {
    for (; written < 3; written++) await channel.write(new Uint8Array(WINDOW / 2));
  })();
  const sent = () => socket.sent.reduce((sum, { length }) => sum + length - 1, 0);
  while (written < 2) await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([written, sent()], [2, WINDOW]);
  assert(socket.sent.every(({ length }) => length <= 65_536));
  socket.says(1, 0, 0, 0, 1);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([written, sent()], [2, WINDOW + 1]);
  socket.says(1, 0, 2, 0, 0);
  await writing;
  assertEquals(sent(), WINDOW + WINDOW / 2);
  channel.close();
});

Deno.test("websocket: what breaks the rules ends the connection", async (t) => {
  const window = new Uint8Array(2 + WINDOW).buffer;
  const cases: readonly [what: string, messages: readonly unknown[], status: number][] = [
    ["a text", ["220 ready"], 1003],
    ["a Blob", [new Blob()], 1003],
    ["no kind", [new ArrayBuffer(0)], 1002],
    ["an unknown kind", [Uint8Array.of(3).buffer], 1002],
    ["no octets", [Uint8Array.of(0).buffer], 1002],
    ["more octets than there is room for", [window], 1002],
    ["octets behind the end", [Uint8Array.of(2).buffer, Uint8Array.of(0, 1).buffer], 1002],
    ["a second end", [Uint8Array.of(2).buffer, Uint8Array.of(2).buffer], 1002],
    ["an end with octets", [Uint8Array.of(2, 0).buffer], 1002],
    ["half a number", [Uint8Array.of(1, 0, 0).buffer], 1002],
    ["room for nothing", [Uint8Array.of(1, 0, 0, 0, 0).buffer], 1002],
    ["more room than a window", [Uint8Array.of(1, 0, 0, 0, 1).buffer], 1002],
  ];
  for (const [what, messages, status] of cases) {
    await t.step(what, async () => {
      const socket = new PlayedSocket();
      const channel = await played(socket);
      for (const message of messages) socket.receive(message);
      assertEquals(socket.closings.map(([status]) => status), [status]);
      if (messages.length === 1) {
        assertEquals((await faultOf(channel.read())).split(":")[0], "broken");
      }
      assertEquals((await faultOf(channel.write(Uint8Array.of(1)))).split(":")[0], "broken");
      channel.close();
      assertEquals(socket.closings.length, 1);
    });
  }
});

Deno.test("websocket: a client says private status codes", async () => {
  const socket = new PlayedSocket((status) => status === 1000 || status >= 3000);
  const channel = await played(socket);
  socket.receive("text");
  assertEquals(socket.closings.map(([status]) => status), [4003]);
  channel.close();
});

Deno.test("websocket: a peer that sends and takes nothing is cut off", async () => {
  const socket = new PlayedSocket();
  const channel = await played(socket);
  socket.bufferedAmount = 2 * WINDOW + 1;
  socket.receive(new ArrayBuffer(1 + WINDOW / 2));
  await channel.read(WINDOW);
  assertEquals(socket.closings.map(([status]) => status), [1002]);
  channel.close();
});

Deno.test("websocket: how it ends is what a reader is told", async (t) => {
  const cases: readonly [code: number, wasClean: boolean, ended: boolean, says: string][] = [
    [1000, true, false, "the end"],
    [1005, true, false, "the end"],
    [1011, true, false, "broken: Cannot read: the peer has closed the WebSocket: 1011 why"],
    [1006, false, false, "broken: Cannot read: a broken wire"],
    [1006, false, true, "the end"],
  ];
  for (const [code, wasClean, ended, says] of cases) {
    await t.step(`${code} ${ended ? "behind an end" : "without an end"}`, async () => {
      const socket = new PlayedSocket();
      const channel = await played(socket);
      if (ended) socket.says(2);
      socket.ends(code, wasClean, "why");
      const found = await channel.read().then(
        () => "the end",
        (error) => faultOf(Promise.reject(error)),
      );
      assertEquals(found, says);
      assert((await faultOf(channel.write(Uint8Array.of(1)))).startsWith("broken: Cannot write: "));
      channel.close();
      assertEquals(socket.closings, []);
    });
  }
});

Deno.test("websocket: one that never opens", async () => {
  const refused = new PlayedSocket();
  refused.readyState = 0;
  const refusal = faultOf(webSocketChannel(refused, ends));
  refused.ends(1006, false);
  assertEquals(await refusal, "refused: Cannot open a WebSocket: a broken wire");

  const slow = new PlayedSocket();
  slow.readyState = 0;
  const controller = new AbortController();
  const abortion = faultOf(webSocketChannel(slow, ends, controller.signal));
  controller.abort(new Error("too late"));
  assertEquals(await abortion, "aborted: Stopped opening a WebSocket: too late");
  assertEquals(slow.closings, [[1000, undefined]]);
});

Deno.test("websocket: a server that agrees to no subprotocol is no server of ours", async () => {
  const socket = Object.assign(new PlayedSocket(), { protocol: "" });
  const dialer = webSocketDialer({ open: () => socket });
  const target = { transport: "websocket", url: "ws://mx.example/smtp" } as const;
  const fault = await faultOf(dialer.connect(target, new AbortController().signal));
  assertEquals(
    fault,
    'refused: Cannot speak SMTP over ws://mx.example/smtp: found subprotocol "", allowed is smtp',
  );
  assertEquals(socket.closings.length, 1);
});

Deno.test("websocket: an app refuses what a listener would", async (t) => {
  const upgrade = { upgrade: "websocket", "sec-websocket-protocol": "smtp" };
  const cases: readonly [headers: Record<string, string>, status: number][] = [
    [{}, 426],
    [{ upgrade: "websocket" }, 400],
    [{ ...upgrade, origin: "https://evil.example" }, 403],
    [upgrade, 401],
  ];
  for (const [headers, status] of cases) {
    await t.step(String(status), async () => {
      const request = new Request("http://mx.example/smtp", { headers });
      const remoteAddr = { transport: "tcp", hostname: "192.0.2.1", port: 1 } as const;
      const tokens = ["a-token-that-is-long-enough"];
      const ends = { remoteAddr, localAddress: nowhere };
      const { response, channel } = await upgradeToChannel(request, ends, { tokens });
      assertEquals([response.status, channel], [status, undefined]);
    });
  }
});

Deno.test("websocket: one read and one write at a time", async () => {
  const channel = await played(new PlayedSocket());
  const reading = faultOf(channel.read());
  await assertRejects(() => channel.read(), TypeError);
  const writing = faultOf(channel.write(new Uint8Array(WINDOW + 1)));
  await assertRejects(() => channel.write(Uint8Array.of(1)), TypeError);
  channel.close();
  assertEquals((await Promise.all([reading, writing])).map((fault) => fault.split(":")[0]), [
    "closed",
    "closed",
  ]);
});

Deno.test("websocket: a reader that does not read makes nobody's memory grow", async () => {
  const { one, other, dispose } = await listenerPair();
  try {
    await Promise.all([one, other].map((channel) => writtenBy(channel)));
  } finally {
    one.close();
    other.close();
    await dispose?.();
  }
});

/** Offers 64 MiB to a peer that takes none of it. */
async function writtenBy(channel: Channel): Promise<void> {
  const chunk = new Uint8Array(65_536);
  let written = 0;
  // The other end may close first.
  const writing = (async () => {
    for (; written < 64 * 1024 * 1024; written += chunk.length) await channel.write(chunk);
  })().catch(() => {});
  for (let turns = 0, last = -1; turns < 20; turns = written === last ? turns + 1 : 0) {
    last = written;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert(written <= WINDOW, `${written} octets were taken`);
  channel.close();
  await writing;
}
