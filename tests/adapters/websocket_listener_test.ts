/** The server's end of a WebSocket: requests, frames, and how it ends. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { memoryPair } from "../../src/adapters/memory.ts";
import {
  webSocketListener,
  type WebSocketListenerOptions,
} from "../../src/adapters/websocket_listener.ts";
import type { Channel, ChannelListener } from "../../src/channel.ts";
import { OptionError } from "../../src/errors.ts";
import { FakeClock } from "../_clock.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const TOKEN = "a-token-that-is-long-enough";

/** A request that is granted. */
const REQUEST: Readonly<Record<string, string>> = {
  Host: "mx.example",
  Upgrade: "websocket",
  Connection: "keep-alive, Upgrade",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol": "smtp",
};

/** The request with other headers in place of some of its own; `undefined` leaves one out. */
function request(
  headers: Readonly<Record<string, string | undefined>> = {},
  line = "GET /smtp HTTP/1.1",
): string {
  const lines = Object.entries({ ...REQUEST, ...headers })
    .filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line}\r\n${lines.join("")}\r\n`;
}

/** A listener that has the connections that it is given. */
class Given implements ChannelListener {
  readonly address = { transport: "tcp", host: "192.0.2.1", port: 8080 } as const;
  readonly #closed = Promise.withResolvers<void>();

  constructor(readonly channels: readonly Channel[]) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Channel, void> {
    yield* this.channels;
    await this.#closed.promise;
  }

  close(): void {
    this.#closed.resolve();
  }
}

/** A client's connection to a listener, and what the listener makes of it. */
class Wire implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly client: Channel;
  readonly #listener: ChannelListener;
  readonly #channels: AsyncIterator<Channel>;
  readonly accepted: Promise<IteratorResult<Channel>>;
  #received = "";

  constructor(options: WebSocketListenerOptions = {}, buffer = 1_000_000) {
    const [client, server] = memoryPair({ buffer });
    this.client = client;
    this.#listener = webSocketListener(new Given([server]), { clock: this.clock, ...options });
    this.#channels = this.#listener[Symbol.asyncIterator]();
    this.accepted = this.#channels.next();
  }

  /** A WebSocket that is open. */
  static async open(
    options?: WebSocketListenerOptions,
    buffer?: number,
  ): Promise<[Wire, Channel]> {
    const wire = new Wire(options, buffer);
    await wire.say(request());
    const { value } = await wire.accepted;
    await wire.reads("\r\n\r\n");
    wire.#received = "";
    return [wire, value];
  }

  async say(text: string): Promise<void> {
    await this.client.write(encoder.encode(text));
  }

  /** Sends a frame as a client does, under a mask of its own. */
  async frame(first: number, payload: Uint8Array | string, mask = [1, 2, 3, 4]): Promise<void> {
    const octets = typeof payload === "string" ? encoder.encode(payload) : payload;
    const { length } = octets;
    const head = length < 126
      ? [first, 0x80 | length]
      : [first, 0x80 | 126, length >> 8, length & 0xff];
    const masked = octets.map((octet, at) => octet ^ mask[at & 3]);
    await this.client.write(Uint8Array.from([...head, ...mask, ...masked]));
  }

  /** Everything up to a text, or to the end. */
  async reads(end?: string): Promise<string> {
    while (end === undefined || !this.#received.includes(end)) {
      const octets = await this.client.read().catch(() => undefined);
      if (octets === undefined) break;
      this.#received += Array.from(octets, (octet) => String.fromCharCode(octet)).join("");
    }
    return this.#received;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    this.#listener.close();
    await this.#channels.next();
  }
}

Deno.test("websocket listener: the handshake of RFC 6455 §1.3", async () => {
  await using wire = new Wire();
  await wire.say(request({}, "GET /smtp?any HTTP/1.1"));
  const response = await wire.reads("\r\n\r\n");
  assertStringIncludes(response, "HTTP/1.1 101 ");
  assertStringIncludes(response, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
  assertStringIncludes(response, "Sec-WebSocket-Protocol: smtp\r\n");
  const { value } = await wire.accepted;
  value.close();
});

Deno.test("websocket listener: requests that are refused", async (t) => {
  const tokens = [TOKEN];
  const origins = ["https://mail.example"];
  const cases: readonly [
    what: string,
    request: string,
    status: number,
    options?: WebSocketListenerOptions,
  ][] = [
    ["SMTP", "EHLO client.example\r\n\r\n", 400],
    ["another method", request({}, "POST /smtp HTTP/1.1"), 400],
    ["another version of HTTP", request({}, "GET /smtp HTTP/1.0"), 400],
    ["a line that is no header", request({ "Bad name": "x" }), 400],
    ["a CR in a header", request({ Host: "a\rb" }), 400],
    ["no Host", request({ Host: undefined }), 400],
    ["too long", request({ X: "x".repeat(8192) }), 431],
    ["another path", request({}, "GET /smtp/ HTTP/1.1"), 404],
    ["a page", request({ Upgrade: undefined }), 426],
    ["another version", request({ "Sec-WebSocket-Version": "8" }), 426],
    ["no Connection", request({ Connection: "close" }), 400],
    ["no key", request({ "Sec-WebSocket-Key": "short" }), 400],
    ["no subprotocol", request({ "Sec-WebSocket-Protocol": "chat" }), 400],
    ["a stranger's page", request({ Origin: "https://evil.example" }), 403],
    ["another page", request({ Origin: "https://evil.example" }), 403, { origins }],
    ["no token", request(), 401, { tokens }],
    ["a wrong token", request({ Authorization: `Bearer ${TOKEN}s` }), 401, { tokens }],
    [
      "a right token of a page",
      request({
        Authorization: `Bearer ${TOKEN}`,
        Origin: "null",
      }),
      403,
      { tokens },
    ],
  ];
  for (const [what, request, status, options] of cases) {
    await t.step(what, async () => {
      await using wire = new Wire(options);
      await wire.say(request);
      assertStringIncludes(await wire.reads(), `HTTP/1.1 ${status} `);
    });
  }
});

Deno.test("websocket listener: requests that are granted", async (t) => {
  const cases: readonly [what: string, request: string, options: WebSocketListenerOptions][] = [
    ["a page that is expected", request({ Origin: "https://mail.example" }), {
      origins: ["https://mail.example"],
    }],
    ["a token", request({ Authorization: `Bearer ${TOKEN}` }), { tokens: [TOKEN] }],
    ["one subprotocol of several", request({ "Sec-WebSocket-Protocol": "chat, smtp" }), {}],
  ];
  for (const [what, request, options] of cases) {
    await t.step(what, async () => {
      await using wire = new Wire(options);
      await wire.say(request);
      const { value } = await wire.accepted;
      value.close();
      assertStringIncludes(await wire.reads("\r\n\r\n"), "HTTP/1.1 101 ");
    });
  }
  assertThrows(() => webSocketListener(new Given([]), { tokens: ["short"] }), OptionError);
});

Deno.test("websocket listener: octet by octet, and with frames right behind the request", async () => {
  await using wire = new Wire();
  for (const character of request()) await wire.say(character);
  await wire.frame(0x82, Uint8Array.of(0, 65));
  const { value } = await wire.accepted;
  assertEquals(await value.read(), Uint8Array.of(65));
  value.close();
});

Deno.test("websocket listener: a request has ten seconds", async () => {
  await using wire = new Wire();
  await wire.say("GET /smtp HTTP/1.1\r\n");
  await wire.clock.advance(10_000);
  assertEquals(await wire.reads(), "");
});

Deno.test("websocket listener: frames, whole and in fragments", async () => {
  const [wire, channel] = await Wire.open();
  await using _ = wire;
  await wire.frame(0x82, Uint8Array.of(0, 1));
  await wire.frame(0x02, Uint8Array.of(0));
  await wire.frame(0x89, "ping");
  await wire.frame(0x00, Uint8Array.of(2, 3));
  await wire.frame(0x8a, "");
  await wire.frame(0x80, Uint8Array.of(4));
  assertEquals(await channel.read(), Uint8Array.of(1));
  assertEquals(await channel.read(), Uint8Array.of(2, 3, 4));
  assertEquals(await wire.reads("ping"), "\x8a\x04ping");
  await channel.write(new Uint8Array(200).fill(66));
  assertStringIncludes(await wire.reads("B".repeat(200)), `\x82\x7e\x00\xc9\x00${"B".repeat(200)}`);
  channel.close();
});

Deno.test("websocket listener: frames that are not allowed", async (t) => {
  const cases: readonly [what: string, octets: readonly number[], status: number][] = [
    ["no mask", [0x82, 1, 0], 1002],
    ["a reserved bit", [0xc2, 0x82, 0, 0, 0, 0, 0, 65], 1002],
    ["an unknown opcode", [0x83, 0x80, 0, 0, 0, 0], 1002],
    ["an unknown control opcode", [0x8b, 0x80, 0, 0, 0, 0], 1002],
    ["a long ping", [0x89, 0xfe, 0, 126, 0, 0, 0, 0], 1002],
    ["half a ping", [0x09, 0x80, 0, 0, 0, 0], 1002],
    ["half a status", [0x88, 0x81, 0, 0, 0, 0, 3], 1002],
    ["a continuation of nothing", [0x80, 0x81, 0, 0, 0, 0, 1], 1002],
    ["a message within another", [2, 0x81, 0, 0, 0, 0, 0, 0x82, 0x81, 0, 0, 0, 0, 0], 1002],
    ["a message of 262146 octets", [0x82, 0xff, 0, 0, 0, 0, 0, 4, 0, 2], 1009],
    ["a message of 2^63 octets", [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], 1009],
    ["a text", [0x81, 0x81, 0, 0, 0, 0, 65], 1003],
  ];
  for (const [what, octets, status] of cases) {
    await t.step(what, async () => {
      const [wire, channel] = await Wire.open();
      await using _ = wire;
      await wire.client.write(Uint8Array.from(octets));
      assertEquals(await channel.read().catch(({ kind }) => kind), "broken");
      const close = await wire.reads(String.fromCharCode(status >> 8, status & 0xff));
      assertEquals(close.charCodeAt(0), 0x88);
      channel.close();
    });
  }
});

Deno.test("websocket listener: a message of too many fragments, or of too large ones", async (t) => {
  for (const [count, size] of [[2000, 1], [5, 65_535]]) {
    await t.step(`${count} of ${size}`, async () => {
      const [wire, channel] = await Wire.open();
      await using _ = wire;
      const feeding = (async () => {
        for (let nth = 0; nth < count; nth++) {
          await wire.frame(nth === 0 ? 2 : 0, new Uint8Array(size));
        }
      })().catch(() => {});
      assertEquals(await channel.read().catch(({ kind }) => kind), "broken");
      assertStringIncludes(await wire.reads("\x03\xf1"), "\x03\xf1");
      channel.close();
      wire.client.close();
      await feeding;
    });
  }
});

Deno.test("websocket listener: so many requests may be under way", async () => {
  const pairs = Array.from({ length: 513 }, () => memoryPair());
  const clock = new FakeClock();
  const listener = webSocketListener(new Given(pairs.map(([, server]) => server)), { clock });
  const channels = listener[Symbol.asyncIterator]();
  const first = channels.next();
  assertEquals(await pairs[512][0].read(), undefined);
  await pairs[511][0].write(encoder.encode(request()));
  (await first).value.close();
  listener.close();
  for (const [client] of pairs) client.close();
  await channels.next();
});

Deno.test("websocket listener: a close frame is answered, and none is waited for forever", async (t) => {
  await t.step("the client's", async () => {
    const [wire, channel] = await Wire.open();
    await using _ = wire;
    await wire.frame(0x88, Uint8Array.of(3, 0xe8));
    assertEquals(await channel.read(), undefined);
    assertEquals(await wire.reads(), "\x88\x02\x03\xe8");
    channel.close();
  });
  await t.step("ours, and the client is silent", async () => {
    const [wire, channel] = await Wire.open();
    await using _ = wire;
    channel.close();
    await wire.reads("\x88\x02\x03\xe8");
    await wire.clock.advance(5_000);
    assertEquals(await wire.reads(), "\x88\x02\x03\xe8");
    await assertRejects(async () => {
      for (;;) await wire.frame(0x82, "x");
    });
  });
  await t.step("none, and the client takes nothing of what is left", async () => {
    const [wire, channel] = await Wire.open({}, 1_000);
    await using _ = wire;
    await channel.write(new Uint8Array(10_000));
    await wire.client.closeWrite();
    assertEquals(await channel.read().catch(({ kind }) => kind), "broken");
    channel.close();
    await wire.clock.advance(5_000);
    // Half a frame, and then the end.
    assertEquals((await wire.reads()).length, 1_000);
  });
  await t.step("none at all", async () => {
    const [wire, channel] = await Wire.open();
    await using _ = wire;
    wire.client.close();
    assertEquals(await channel.read().catch(({ kind }) => kind), "broken");
    channel.close();
  });
});

Deno.test("websocket listener: when it closes, what is under way ends and channels live on", async () => {
  const [one, first] = memoryPair();
  const [other, second] = memoryPair();
  const clock = new FakeClock();
  const listener = webSocketListener(new Given([first, second]), { clock });
  const channels = listener[Symbol.asyncIterator]();
  assertEquals(listener.address, { transport: "websocket", url: "ws://192.0.2.1:8080/smtp" });
  await one.write(encoder.encode(request()));
  const { value: channel } = await channels.next();
  await other.write(encoder.encode("GET /smtp HTTP/1.1\r\n"));
  listener.close();
  assertEquals((await channels.next()).done, true);
  assertEquals(await other.read().catch(() => undefined), undefined);
  assert(decoder.decode(await one.read()).startsWith("HTTP/1.1 101 "));
  await channel.write(encoder.encode("x"));
  assertEquals(await one.read(), Uint8Array.of(0x82, 2, 0, 120));
  one.close();
  other.close();
  channel.close();
});
