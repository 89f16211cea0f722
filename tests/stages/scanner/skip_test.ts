import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { octets, random } from "../../_chunking.ts";
import { ways } from "../_scanners.ts";

/** Where skipping has to stop, by one regular expression. */
function stopOf(text: string): number {
  // deno-lint-ignore no-control-regex
  const found = /\r(?!\n)|(?<!\r)\n|(?<=\r\n)[.\x00]/.exec(text);
  return found?.index ?? text.length;
}

const frame = octets("\r\n.\r\r\n");

/** Asserts that every way stops in `text` where it has to, whatever lies around it. */
function assertStops(text: string, offset = 0): void {
  const expected = stopOf(text);
  for (const { name, scanner, allocate } of ways) {
    for (const before of [frame, frame.subarray(0, 4), frame.subarray(0, 2)]) {
      const memory = allocate(offset + before.length + text.length + frame.length).fill(0x2e);
      memory.set(before, offset);
      memory.set(octets(text), offset + before.length);
      memory.set(frame, offset + before.length + text.length);
      // What lies before the chunk, and what lies in the chunk before `from`.
      const inside = memory.subarray(offset + before.length, offset + before.length + text.length);
      const message = () => `${name}, offset ${offset}: ${JSON.stringify(text)}`;
      assertEquals(scanner.skip(inside, 0), expected, message());
      const behind = memory.subarray(offset, offset + before.length + text.length);
      assertEquals(scanner.skip(behind, before.length), before.length + expected, message());
    }
  }
}

const table: [text: string, stop: number][] = [
  ["", 0],
  ["\r", 0],
  ["\n", 0],
  ["\r\n", 2],
  [".", 1],
  ["\0", 1],
  ["\r\n.", 2],
  ["\r\n\0", 2],
  ["\r\n\r\n.", 4],
  ["\r\r\n", 0],
  ["\r\n\n", 2],
  ["\r\n\r", 2],
  ["a\n.", 1],
  ["a.\0\x0b\x0c\x0e\x8d\x8a\xae\xff", 10],
];

Deno.test("skip: stops at what somebody has to decide", () => {
  for (const [text, stop] of table) {
    assertEquals(stopOf(text), stop, JSON.stringify(text));
    assertStops(text);
  }
});

Deno.test("skip: at every place of a block, a word and a copy, with anything behind", () => {
  for (const filler of ["a".repeat(16), "\r\n".repeat(8), ".\0 \r\nxyz"]) {
    for (let length = 0; length <= 160; length++) {
      const before = filler.repeat(length / filler.length + 1).slice(0, length);
      if (before.endsWith("\r")) continue;
      for (const [text] of table) {
        for (const after of ["", "a", filler.repeat(3)]) assertStops(before + text + after);
      }
    }
  }
});

Deno.test("skip: every octet, alone and behind CRLF", () => {
  for (let octet = 0; octet < 256; octet++) {
    for (const before of ["a".repeat(70), `${"a".repeat(70)}\r\n`]) {
      assertStops(`${before}${String.fromCharCode(octet)}${"b".repeat(20)}`);
    }
  }
});

Deno.test("skip: however near the chunk's end", () => {
  for (const [text] of table) {
    for (let before = 0; before <= 84; before++) {
      for (let after = 0; after <= 20; after++) {
        assertStops("a".repeat(before) + text + "b".repeat(after));
      }
    }
  }
});

Deno.test("skip: wherever the chunk lies in its memory", () => {
  for (let offset = 0; offset < 20; offset++) {
    for (let length = 60; length < 90; length++) {
      for (const text of ["\r\n.", "\n", "\r\na"]) {
        assertStops(`${"a".repeat(length)}${text}${"b".repeat(17)}`, offset);
      }
    }
  }
});

Deno.test("skip: at the ends of copies, up to the largest and beyond", () => {
  const behind = "b".repeat(40);
  for (const { scanner, allocate } of ways) {
    const chunk = allocate(100_000).fill(0x61);
    // 32 octets are looked at first; then 512 are copied, 2048 and so on to 32768, and that again.
    for (let end = 32, size = 512; end < 99_000; end += size, size = Math.min(size * 4, 32_768)) {
      for (let at = end - 18; at < end + 4; at++) {
        for (const [text] of table) {
          const last = at + text.length + behind.length;
          chunk.set(octets(text + behind), at);
          assertEquals(
            scanner.skip(chunk.subarray(0, last), 0),
            at + stopOf(`a${text}${behind}`) - 1,
          );
          chunk.fill(0x61, at, last);
        }
      }
    }
  }
});

Deno.test("property: every way stops where a regular expression does", () => {
  const parts = fc.constantFrom(
    ...["\r", "\n", ".", "\0", "\r\n.", "\r\n\0"],
    ...["a", "\r\n", "\x0b", "a".repeat(16), `${"a".repeat(76)}\r\n`, "\r\n".repeat(20)],
  );
  const text = fc.array(fc.oneof({ weight: 9, arbitrary: fc.constant("a\r\n") }, parts), {
    maxLength: 200,
    size: "max",
  }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, fc.nat(3), (text, offset) => assertStops(text, offset)),
    { numRuns: 500, seed: 5321 },
  );
});

Deno.test("skip: whatever a chunk holds, its time is in proportion to it", () => {
  // What is copied in vain after each stop must not grow with the chunk.
  const next = random(1);
  for (const { name, scanner, allocate } of ways) {
    const chunk = allocate(262_144);
    for (let at = 0; at < chunk.length; at++) chunk[at] = next() < 0.05 ? 0x0a : 0x61;
    let stops = 0;
    const started = performance.now();
    for (let at = 0; at < chunk.length; at++) {
      at = scanner.skip(chunk, at);
      stops++;
    }
    assert(stops > 10_000);
    // 20 ms at 80 MB/s; copying the rest each time would take minutes.
    assert(performance.now() - started < 2_000, name);
  }
});
