import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { createGateway } from "../../src/gateway/gateway.ts";
import { CaptureUpstream, MemoryStore } from "../../src/upstream/capture.ts";
import { octets, text } from "../_chunking.ts";
import { FakeClock } from "../_clock.ts";
import { request } from "./_gateway.ts";

/** Octets in pieces: lines that end as they must, dots where they may mislead, and any octet else. */
const line = fc.oneof(
  fc.constantFrom(".", "..", "", "BDAT 5 LAST", "QUIT", "--b", "Received: from x"),
  fc.uint8Array({ maxLength: 40 }).map((one) =>
    text(one.filter((octet) => ![0, 10, 13].includes(octet)))
  ),
);
const pieces = fc.array(
  fc.array(line, { maxLength: 8 }).map((lines) => lines.map((one) => `${one}\r\n`).join("")),
  { maxLength: 5 },
);

Deno.test("what arrives below the trace header is the body, octet for octet", async () => {
  const store = new MemoryStore();
  const upstream = new CaptureUpstream("capture:", store);
  const gateway = createGateway({ upstream, clock: new FakeClock(), hostname: "mx.example" });
  await fc.assert(
    fc.asyncProperty(
      pieces,
      fc.string({ unit: fc.constantFrom("x", "."), maxLength: 5 }),
      fc.nat(),
      async (
        all,
        rest,
        cut,
      ) => {
        const sent = all.join("") + rest;
        const at = sent.length === 0 ? 0 : cut % sent.length;
        const body = ReadableStream.from([octets(sent.slice(0, at)), octets(sent.slice(at))]);
        const answer = await gateway.fetch(request({ body }));
        assertEquals(answer.status, 200, await answer.text());
        const arrived = text(store.messages.at(-1)!.content);
        // The trace header ends with its date.
        assertEquals(arrived.slice(arrived.indexOf("+0000\r\n") + "+0000\r\n".length), sent);
      },
    ),
    { numRuns: 150, seed: 1 },
  );
  await gateway.close();
});
