import { assertEquals, assertThrows } from "@std/assert";
import { encode } from "../../src/bytes.ts";
import { Field, writeField } from "../../src/message/field.ts";

const text = (octets: Uint8Array): string => new TextDecoder("latin1").decode(octets);

/** What was written: its name, and its value. */
const read: Readonly<Record<string, readonly [name: string, value: string]>> = {
  "Subject: Hi\r\n": ["Subject", "Hi"],
  "Subject:Hi": ["Subject", "Hi"],
  "Subject : Hi \t\r\n": ["Subject", "Hi"],
  "Subject: a\r\n b\r\n\tc\r\n": ["Subject", "a b\tc"],
  "Subject:\r\n": ["Subject", ""],
  "Subject: a: b\r\n": ["Subject", "a: b"],
  "X!#$%: 1\r\n": ["X!#$%", "1"],
  "From someone Mon Jan  1 00:00:00 2024\r\n": ["", ""],
  "no colon\r\n": ["", "no colon"],
  ": no name\r\n": ["", ": no name"],
  "with space: x\r\n": ["", "with space: x"],
  " continued\r\n": ["", "continued"],
  "\r\n": ["", ""],
};

for (const [line, [name, value]] of Object.entries(read)) {
  Deno.test(`field: ${JSON.stringify(line)}`, () => {
    const field = new Field(encode(line));
    assertEquals(field.name, name);
    if (!line.startsWith("From ")) assertEquals(field.value, value);
    assertEquals(text(field.octets), line);
  });
}

Deno.test("field: octets beyond ASCII are read as UTF-8, or one character each", () => {
  assertEquals(new Field(encode("Subject: Grüße\r\n")).value, "Grüße");
  assertEquals(new Field(Uint8Array.of(0x41, 0x3a, 0xe9)).value, "é");
});

Deno.test("field: names compare without case", () => {
  const field = new Field(encode("sUBJECT: x\r\n"));
  assertEquals([field.is("Subject"), field.is("Subject2"), field.is("")], [true, false, false]);
});

const words = (count: number): string =>
  Array.from({ length: count }, (_, nth) => `word${nth}`).join(" ");

/** Name and value, and what is written. */
const written: readonly (readonly [name: string, value: string, octets: string])[] = [
  ["X-Spam", "yes", "X-Spam: yes\r\n"],
  ["X-Spam", "", "X-Spam: \r\n"],
  [
    "X-Long",
    words(14),
    "X-Long: word0 word1 word2 word3 word4 word5 word6 word7 word8 word9 word10\r\n" +
    " word11 word12 word13\r\n",
  ],
  ["X-One", "x".repeat(200), `X-One: ${"x".repeat(200)}\r\n`],
  ["X-Folded", "a\r\n\tb", "X-Folded: a\r\n\tb\r\n"],
  ["X-Folded", "a\n b", "X-Folded: a\r\n b\r\n"],
  ["Subject", "Viele Grüße!", "Subject: Viele =?UTF-8?B?R3LDvMOfZSE=?=\r\n"],
];

for (const [name, value, octets] of written) {
  Deno.test(`field: ${name} with ${JSON.stringify(value).slice(0, 40)} is written`, () => {
    const made = writeField(name, value);
    assertEquals(text(made), octets);
    assertEquals(new Field(made).name, name);
  });
}

Deno.test("field: what is encoded says the same when it is decoded", () => {
  const value = "Ä".repeat(70) + " and " + "日本語".repeat(20);
  const lines = text(writeField("Subject", value)).split("\r\n");
  assertEquals(lines.every((line) => line.length <= 78), true);
  const encoded = lines.join("").matchAll(/=\?UTF-8\?B\?([A-Za-z0-9+/=]+)\?=/g);
  const decoded = Array.from(
    encoded,
    ([, base64]) =>
      new TextDecoder("utf-8", { fatal: true }).decode(
        Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)),
      ),
  ).join("");
  assertEquals(decoded, value);
});

/** Name, value, and part of the error. */
const refused: readonly (readonly [name: string, value: string, error: string])[] = [
  ["", "x", 'named ""'],
  ["X Y", "x", 'named "X Y"'],
  ["X:Y", "x", 'named "X:Y"'],
  ["Ü", "x", 'named "Ü"'],
  ["X".repeat(77), "x", "named"],
  ["X", "a\r\nBcc: b", "line break"],
  ["X", "a\nb", "line break"],
  ["X", "a\rb", "line break"],
  ["X", "a\r\n", "line break"],
  ["X", "a\r\n \r\n b", "line break"],
  ["X", "a\0b", "line break or a NUL"],
  ["X", "x".repeat(999), "998"],
];

for (const [name, value, error] of refused) {
  Deno.test(`field: ${JSON.stringify(name).slice(0, 20)} with ${JSON.stringify(value).slice(0, 30)} is not written`, () => {
    assertThrows(() => writeField(name, value), RangeError, error);
  });
}
