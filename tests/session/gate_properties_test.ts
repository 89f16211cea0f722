/** Whatever a message is, and however it comes: only what an edit names is different upstream. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  definePolicy,
  type Edit,
  edit,
  type HeaderEdit,
  HeaderSection,
  type Policy,
} from "../../src/policy/mod.ts";
import { splitMessage } from "../../src/message/header_section.ts";
import { onStage } from "../_dialogue.ts";
import { Robots } from "../_robot.ts";

const latin1 = new TextDecoder("latin1");
const octetsOf = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));

const line = fc.constantFrom(
  "Subject: Hi",
  "X-A: 1",
  "x-a: 2",
  " folded",
  "no field at all",
  "X-Long: " + "long ".repeat(20),
  ".dot",
  "..",
  "",
  "8-bit: \xe4\xff",
  "x".repeat(200),
);
/** Lines with their ends: what DATA can bring. */
const content = fc.array(line, { maxLength: 30 }).map((lines) =>
  lines.map((one) => `${one}\r\n`).join("")
);
const name = fc.constantFrom("X-A", "Subject", "X-New");
const value = fc.constantFrom("v", "folded\r\n value", "lang ".repeat(30).trim());
const nth = fc.integer({ min: 1, max: 2 });
const change: fc.Arbitrary<HeaderEdit> = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), name, value, at: fc.constant("top" as const) }),
  fc.record({ kind: fc.constant("add" as const), name, value, at: fc.constant("bottom" as const) }),
  fc.record({ kind: fc.constant("replace" as const), name, value, nth }),
  fc.record({ kind: fc.constant("remove" as const), name, nth }),
);
const edits = fc.array(change, { maxLength: 3 });
/** Sizes of pieces, over and over. */
const pieces = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 4 });

/** What the message has to be upstream. */
function expected(
  message: string,
  first: readonly HeaderEdit[],
  second: readonly HeaderEdit[],
): string {
  const { header, rest } = splitMessage(octetsOf(message));
  const edited = HeaderSection.parse(header).edited([...first, ...second]);
  return [...edited.octets, rest].map((octets) => latin1.decode(octets)).join("");
}

for (const offers of [["PIPELINING", "CHUNKING"], ["PIPELINING"]]) {
  const way = offers.includes("CHUNKING") ? "chunks" : "data";
  Deno.test(`property: random messages, edits and pieces, by ${way}`, async () => {
    let atHeaders: Edit;
    let atEnd: Edit;
    const policy: Policy = definePolicy({
      headers: () => atHeaders,
      filter: async ({ message }) => {
        for await (const _ of message.stream());
        return atEnd;
      },
    });
    await onStage({ offers, upstream: { chunkSize: 97 }, proxy: { policy } }, async (stage) => {
      const robots = new Robots(stage);
      const client = stage.connect();
      await robots.rest();
      await client.send("EHLO x\r\n");
      await robots.rest();
      await fc.assert(
        fc.asyncProperty(content, edits, edits, pieces, async (message, first, second, sizes) => {
          [atHeaders, atEnd] = [edit(first), edit(second)];
          await client.send("MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n");
          await robots.rest();
          const wire = octetsOf(`${message.replace(/^\./gm, "..")}.\r\n`);
          for (let at = 0, nth = 0; at < wire.length; at += sizes[nth++ % sizes.length]) {
            await client.send(wire.subarray(at, at + sizes[nth % sizes.length]));
          }
          await robots.rest();
          assertEquals(client.take().split("\r\n").at(-2), "250 2.0.0 Queued");
          assertEquals(robots.messages.at(-1), expected(message, first, second));
        }),
        { numRuns: 60, seed: 1870 },
      );
      client.close();
      await robots.rest();
    });
  });
}
