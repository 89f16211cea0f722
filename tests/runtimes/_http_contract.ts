/**
 * Mail that goes out by the runtime's own `fetch`. It runs inside the runtime.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { assertEquals } from "@std/assert";
import { openSession } from "../../src/testing/session.ts";
import { httpUpstream } from "../../src/upstream/http/upstream.ts";

const LINE = `${"x".repeat(998)}\r\n`;

/** Registers it. */
export function httpContract(): void {
  Deno.test("HTTP: a message, held or sent as it comes, and an answer before its end", async () => {
    const received: number[] = [];
    const server = createServer(async (request, response) => {
      const to = request.headers["rcpt-to"];
      if (to === "<full@y.example>") {
        response.writeHead(413).end();
        // Octets that nobody reads would be answered with a reset.
        request.on("error", () => {}).resume();
        return;
      }
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece);
      received.push(Buffer.concat(pieces).length);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    {
      const upstream = httpUpstream({ url: `http://127.0.0.1:${port}/mail` });
      await using session = await openSession({ upstream, trace: false });
      for (
        const [to, content, reply] of [
          ["b@y.example", LINE, "250 2.0.0"],
          ["b@y.example", LINE.repeat(500), "250 2.0.0"],
          ["full@y.example", LINE.repeat(5000), "552 5.3.4"],
        ]
      ) {
        await session.cmd("MAIL FROM:<a@x.example>", "250");
        await session.cmd(`RCPT TO:<${to}>`, "250");
        await session.message(content, reply);
      }
    }
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    assertEquals(received, [1_000, 500_000]);
  });
}
