import { assertEquals, assertStrictEquals } from "@std/assert";
import { Scratch } from "../src/scratch.ts";

const text = (octets: Uint8Array): string => new TextDecoder().decode(octets);

Deno.test("scratch: texts and octets one behind the other, whatever their size", () => {
  const long = "x".repeat(20_000);
  const scratch = new Scratch().text("é250 ").add(Uint8Array.of(0x4f)).text("k\r\n").text(long);
  assertEquals(text(scratch.octets), `é250 Ok\r\n${long}`);
  assertEquals(scratch.length, 20_010);
  scratch.free();
  assertEquals([scratch.length, scratch.octets.length], [0, 0]);
});

Deno.test("scratch: memory that was given back is used again, that of another one is not", () => {
  const first = new Scratch().text("a");
  const { buffer } = first.octets;
  const other = new Scratch().text("b");
  assertEquals(other.octets.buffer === buffer, false);
  first.free();
  const next = new Scratch().text("c");
  assertStrictEquals(next.octets.buffer, buffer);
  assertEquals([text(other.octets), text(next.octets)], ["b", "c"]);
  other.free();
  next.free();
});
