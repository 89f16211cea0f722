/** A gateway behind the runtime's own HTTP server. */

import { assertEquals, assertMatch } from "@std/assert";
import { encode } from "../../src/bytes.ts";
import { createGateway, type Gateway } from "../../src/gateway/gateway.ts";
import type { ProxyOptions } from "../../src/options.ts";
import type { TransactionEnd } from "../../src/session/observer.ts";
import { CaptureUpstream, MemoryStore } from "../../src/upstream/capture.ts";
import { guarded } from "../_peer.ts";
import { MESSAGE, read } from "./_gateway.ts";

interface Served {
  readonly gateway: Gateway<Deno.ServeHandlerInfo<Deno.NetAddr>>;
  readonly store: MemoryStore;
  readonly port: number;
  /** How the next transaction ends. */
  readonly ended: Promise<TransactionEnd>;
}

async function served(options: ProxyOptions, use: (served: Served) => Promise<void>) {
  const store = new MemoryStore();
  const { promise: ended, resolve } = Promise.withResolvers<TransactionEnd>();
  const gateway = createGateway({
    upstream: new CaptureUpstream("capture:", store),
    observers: [{ transaction: (_, end) => resolve(end) }],
    ...options,
  }, {
    client: (_request, { remoteAddr }: Deno.ServeHandlerInfo<Deno.NetAddr>) => remoteAddr.hostname,
  });
  const quiet = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const http = Deno.serve(quiet, gateway.fetch);
  try {
    await use({ gateway, store, port: http.addr.port, ended });
  } finally {
    await http.shutdown();
    await gateway.close();
  }
}

const QUERY = "/messages?from=a@x.example&to=b@y.example";
const RAW = { "content-type": "message/rfc822" };

Deno.test("served: a message of many pieces, without a length", async () => {
  const piece = encode(`${"x".repeat(10_000)}\r\n`);
  await served({ trace: false }, async ({ store, port }) => {
    let left = 50;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        if (left-- === 0) controller.close();
        else controller.enqueue(piece.slice());
      },
    });
    const url = `http://127.0.0.1:${port}${QUERY}`;
    await read(await fetch(url, { method: "POST", headers: RAW, body }), 200);
    assertEquals(store.messages[0].content.length, 50 * piece.length);
  });
});

Deno.test("served: a client that breaks off in mid-body leaves no message behind", async () => {
  for (
    const [name, framing, octets] of [
      ["by length", "Content-Length: 1000000", MESSAGE],
      ["in chunks", "Transfer-Encoding: chunked", `10\r\n${MESSAGE.slice(0, 16)}\r\n`],
    ]
  ) {
    await served({}, async ({ store, port, ended }) => {
      const client = await Deno.connect({ hostname: "127.0.0.1", port });
      const head = `POST ${QUERY} HTTP/1.1\r\nHost: localhost\r\nContent-Type: message/rfc822\r\n`;
      const writer = client.writable.getWriter();
      await writer.write(encode(`${head}${framing}\r\n\r\n${octets}`));
      client.close();
      const { kind } = await guarded(ended, () => `the end of what comes ${name}`);
      assertEquals(kind, "broken", name);
      assertEquals(store.messages.length, 0, name);
    });
  }
});

Deno.test("served: refused before the body has come", async () => {
  await served({ limits: { messageSize: 1_000 } }, async ({ port }) => {
    const client = await Deno.connect({ hostname: "127.0.0.1", port });
    const head = `POST ${QUERY} HTTP/1.1\r\nHost: localhost\r\nContent-Type: message/rfc822\r\n`;
    await client.write(encode(`${head}Content-Length: 1000000\r\n\r\nSubject: Hi\r\n`));
    const buffer = new Uint8Array(65_536);
    const count = await guarded(client.read(buffer), () => "an answer");
    assertMatch(new TextDecoder().decode(buffer.subarray(0, count!)), /^HTTP\/1\.1 413 /);
    client.close();
  });
});
