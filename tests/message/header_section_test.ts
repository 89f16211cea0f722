import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { concat, encode } from "../../src/bytes.ts";
import { type HeaderEdit, HeaderSection, splitMessage } from "../../src/message/header_section.ts";

const latin1 = new TextDecoder("latin1");
const SECTION = "Received: one\r\n\tby two\r\nSubject: Hi\r\nX-A: 1\r\nTo: b\r\nx-a: 2\r\n";

function edited(section: string, edits: readonly HeaderEdit[]): string {
  const { octets } = HeaderSection.parse(encode(section)).edited(edits);
  return latin1.decode(concat(octets));
}

Deno.test("header section: a first line that goes on with nothing does not go on with what is added", () => {
  for (const at of ["top", 0, 1] as const) {
    const add = { kind: "add", name: "X-B", value: "3", at } as const;
    assertEquals(edited(" x: y\r\nA: 1\r\n", [add]), " x: y\r\nX-B: 3\r\nA: 1\r\n");
  }
});

/** What is done, and what stands in the place of `SECTION`. */
const table: Readonly<Record<string, readonly [edits: readonly HeaderEdit[], after: string]>> = {
  "nothing": [[], SECTION],
  "added on top": [
    [{ kind: "add", name: "X-B", value: "3", at: "top" }],
    `X-B: 3\r\n${SECTION}`,
  ],
  "added below": [
    [{ kind: "add", name: "X-B", value: "3", at: "bottom" }],
    `${SECTION}X-B: 3\r\n`,
  ],
  "added below two of them": [
    [{ kind: "add", name: "X-B", value: "3", at: 2 }],
    "Received: one\r\n\tby two\r\nSubject: Hi\r\nX-B: 3\r\nX-A: 1\r\nTo: b\r\nx-a: 2\r\n",
  ],
  "added below none of them": [
    [{ kind: "add", name: "X-B", value: "3", at: 0 }],
    `X-B: 3\r\n${SECTION}`,
  ],
  "added below more than there are": [
    [{ kind: "add", name: "X-B", value: "3", at: 100 }],
    `${SECTION}X-B: 3\r\n`,
  ],
  "two on top: the last is the first": [
    [
      { kind: "add", name: "X-B", value: "3", at: "top" },
      { kind: "add", name: "X-C", value: "4", at: "top" },
    ],
    `X-C: 4\r\nX-B: 3\r\n${SECTION}`,
  ],
  "all of a name removed": [
    [{ kind: "remove", name: "X-A" }],
    "Received: one\r\n\tby two\r\nSubject: Hi\r\nTo: b\r\n",
  ],
  "the second of a name removed": [
    [{ kind: "remove", name: "x-a", nth: 2 }],
    "Received: one\r\n\tby two\r\nSubject: Hi\r\nX-A: 1\r\nTo: b\r\n",
  ],
  "a folded one removed": [
    [{ kind: "remove", name: "received" }],
    "Subject: Hi\r\nX-A: 1\r\nTo: b\r\nx-a: 2\r\n",
  ],
  "one that is not there removed": [[{ kind: "remove", name: "X-Z" }], SECTION],
  "replaced in its place": [
    [{ kind: "replace", name: "subject", value: "[Spam] Hi", nth: 1 }],
    "Received: one\r\n\tby two\r\nsubject: [Spam] Hi\r\nX-A: 1\r\nTo: b\r\nx-a: 2\r\n",
  ],
  "the second of a name replaced": [
    [{ kind: "replace", name: "X-A", value: "new", nth: 2 }],
    "Received: one\r\n\tby two\r\nSubject: Hi\r\nX-A: 1\r\nTo: b\r\nX-A: new\r\n",
  ],
  "one that is not there replaced": [
    [{ kind: "replace", name: "X-Z", value: "new", nth: 1 }],
    `${SECTION}X-Z: new\r\n`,
  ],
};

for (const [name, [edits, after]] of Object.entries(table)) {
  Deno.test(`header section: ${name}`, () => assertEquals(edited(SECTION, edits), after));
}

Deno.test("header section: a place that is none", () => {
  for (const at of [-1, 1.5, NaN, Infinity]) {
    assertThrows(
      () => edited(SECTION, [{ kind: "add", name: "X-B", value: "3", at }]),
      RangeError,
      `found the place ${at}`,
    );
  }
});

Deno.test("header section: what stands in it", () => {
  const section = HeaderSection.parse(encode(SECTION));
  assertEquals(section.get("SUBJECT"), "Hi");
  assertEquals(section.get("received"), "one\tby two");
  assertEquals(section.all("X-A"), ["1", "2"]);
  assertEquals([section.has("to"), section.has("cc")], [true, false]);
});

Deno.test("header section: a last line without its end does not swallow what is added", () => {
  const add = { kind: "add", name: "X-B", value: "3", at: "bottom" } as const;
  assertEquals(edited("Subject: Hi", [add]), "Subject: Hi\r\nX-B: 3\r\n");
  assertEquals(edited("", [add]), "X-B: 3\r\n");
});

/** A message, and where its header section ends. */
const split: Readonly<Record<string, readonly [header: string, rest: string]>> = {
  "A: 1\r\n\r\nbody\r\n": ["A: 1\r\n", "\r\nbody\r\n"],
  "\r\nbody": ["", "\r\nbody"],
  "A: 1\r\n": ["A: 1\r\n", ""],
  "A: 1": ["A: 1", ""],
  "": ["", ""],
  "A: 1\r\n \r\n\r\n": ["A: 1\r\n \r\n", "\r\n"],
};

for (const [message, [header, rest]] of Object.entries(split)) {
  Deno.test(`split: ${JSON.stringify(message)}`, () => {
    const parts = splitMessage(encode(message));
    assertEquals([latin1.decode(parts.header), latin1.decode(parts.rest)], [header, rest]);
  });
}

const octets = fc.array(fc.constantFrom("A", ":", " ", "\t", "\r\n", "\r", "\n", "\xff", "x", "\0"))
  .map((all) => Uint8Array.from(all.join(""), (character) => character.charCodeAt(0)));

Deno.test("header section: property: whatever came goes on as it came, and nothing throws", () => {
  fc.assert(
    fc.property(octets, (message) => {
      const { header, rest } = splitMessage(message);
      const section = HeaderSection.parse(header);
      for (const field of section.fields) void [field.name, field.value, field.body];
      assertEquals(concat([...section.octets, rest]), message);
    }),
    { numRuns: 2_000, seed: 5322 },
  );
});

const name = fc.constantFrom("X-A", "x-a", "Subject", "X-B");
const nth = fc.integer({ min: 1, max: 3 });
const value = fc.constantFrom("", "v", "folded\r\n v", "lang ".repeat(30).trim());
const edit: fc.Arbitrary<HeaderEdit> = fc.oneof(
  fc.record({
    kind: fc.constant("add" as const),
    name,
    value,
    at: fc.constantFrom<"top" | "bottom" | number>("top", "bottom", 0, 3, 20),
  }),
  fc.record({ kind: fc.constant("replace" as const), name, value, nth }),
  fc.record({ kind: fc.constant("remove" as const), name, nth }),
);

Deno.test("header section: property: only fields that an edit names change", () => {
  fc.assert(
    fc.property(octets, fc.array(edit, { maxLength: 4 }), (message, edits) => {
      const before = HeaderSection.parse(
        splitMessage(encode(SECTION + latin1.decode(message))).header,
      );
      const after = before.edited(edits);
      const named = (field: { readonly name: string }): boolean =>
        edits.some((one) => one.name.toLowerCase() === field.name.toLowerCase());
      const others = (section: HeaderSection): string[] =>
        section.fields.filter((field) => !named(field)).map((field) => latin1.decode(field.octets));
      // A last line without its end has one now where something stands below it.
      const last = others(before).at(-1);
      const kept = others(after);
      if (last !== undefined && kept.at(-1) === `${last}\r\n`) kept[kept.length - 1] = last;
      assertEquals(kept, others(before));
    }),
    { numRuns: 1_000, seed: 5322 },
  );
});
