import { assertEquals } from "@std/assert";
import { HeaderWatch } from "../../src/session/header_watch.ts";
import { cuttings, octets } from "../_chunking.ts";

const messages: readonly [message: string, received: number, ended: boolean][] = [
  ["", 0, false],
  ["\r\n", 0, true],
  ["Received: a\r\nReceived: b\r\n\r\nReceived: c\r\n", 2, true],
  ["received: a\r\nRECEIVED:b\r\n", 2, false],
  // Folded lines, other fields, and what only looks alike.
  ["Subject: Received: x\r\n\tReceived: y\r\n Received: z\r\n", 0, false],
  ["X-Received: a\r\nReceived-SPF: b\r\nReceived : c\r\nReceive: d\r\n", 0, false],
  ["Receive", 0, false],
  ["Received", 0, false],
  ["Received:", 1, false],
  ["a\r\n\r\n\r\n", 0, true],
  [".\r\nReceived: a\r\n\r\n", 1, true],
];

Deno.test("header watch: counts Received fields up to the empty line, however it is cut", () => {
  for (const [message, received, ended] of messages) {
    for (const [name, chunks] of cuttings(message)) {
      const watch = new HeaderWatch();
      for (const chunk of chunks) watch.look(octets(chunk));
      const found = [watch.received, watch.ended];
      assertEquals(found, [received, ended], `${JSON.stringify(message)} ${name}`);
    }
  }
});
