import { assertEquals } from "@std/assert";
import { concat, encode } from "../../src/bytes.ts";
import { HeldOctets } from "../../src/message/held_octets.ts";

const text = (octets: Uint8Array): string => new TextDecoder().decode(octets);

Deno.test("held octets: they leave in the order in which they have come", () => {
  const held = new HeldOctets();
  held.append(encode("one "));
  held.append(encode("two"));
  assertEquals([held.length, text(held.octets)], [7, "one two"]);
  const memory = new Uint8Array(5);
  assertEquals([held.moveTo(memory), text(memory), text(held.octets)], [5, "one t", "wo"]);
  held.append(encode("!"));
  assertEquals([held.moveTo(memory), text(memory.subarray(0, 3)), held.length], [3, "wo!", 0]);
  assertEquals(held.moveTo(memory), 0);
  held.free();
});

Deno.test("held octets: as many as come, whatever has left before", () => {
  for (const size of [1_000, 8_192, 40_000, 65_536, 300_000]) {
    const held = new HeldOctets();
    const seen: Uint8Array[] = [];
    let next = 0;
    for (let nth = 0; nth < 20; nth++) {
      held.append(Uint8Array.from({ length: size }, () => next++ % 251));
      const memory = new Uint8Array(Math.floor(size * 0.7));
      seen.push(memory.subarray(0, held.moveTo(memory)));
    }
    const all = concat([...seen, held.octets]);
    assertEquals(all.length, 20 * size);
    assertEquals(all.every((octet, at) => octet === at % 251), true, `${size}`);
    held.free();
    assertEquals(held.length, 0);
  }
});

Deno.test("held octets: memory that is used again belongs to one at a time", () => {
  const first = new HeldOctets();
  first.append(encode("first"));
  const octets = first.octets;
  first.free();
  first.free();
  const [second, third] = [new HeldOctets(), new HeldOctets()];
  second.append(encode("other"));
  third.append(encode("third"));
  assertEquals([second, third].map((held) => text(held.octets)), ["other", "third"]);
  assertEquals(octets.buffer === second.octets.buffer, true);
  assertEquals(second.octets.buffer === third.octets.buffer, false);
});
