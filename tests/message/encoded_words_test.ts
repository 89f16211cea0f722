import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { Field, writeField } from "../../src/message/field.ts";
import { decodeWords } from "../../src/message/encoded_words.ts";

/** RFC 2047 §8 has the first ones. */
const rows: Readonly<Record<string, string>> = {
  "(=?ISO-8859-1?Q?a?=)": "(a)",
  "(=?ISO-8859-1?Q?a?= b)": "(a b)",
  "(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)": "(ab)",
  "(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)": "(ab)",
  "(=?ISO-8859-1?Q?a_b?=)": "(a b)",
  "(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)": "(a b)",
  "=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>": "Keith Moore <moore@cs.utk.edu>",
  "=?US-ASCII*EN?Q?Keith_Moore?=": "Keith Moore",
  "=?koi8-r?b?8NLJ18XU?= all": "Привет all",
  "=?utf-8?q?=c3?= =?UTF-8?Q?=A4=zz=?=": "ä=zz=",
  "=?UTF-8?B?w6Q=?==?UTF-8?B?w7Y=?=": "äö",
  "=?x-unknown?Q?a?= b": "=?x-unknown?Q?a?= b",
  "=?utf-8?B?%%?= =?utf-8?B?YQ==?=": "=?utf-8?B?%%?= =?utf-8?B?YQ==?=",
  "=?utf-8?Q?a b?=": "=?utf-8?Q?a b?=",
  "=?utf-8?X?a?= =?? ?=": "=?utf-8?X?a?= =?? ?=",
  "no word": "no word",
  "": "",
};

for (const [written, read] of Object.entries(rows)) {
  Deno.test(`${JSON.stringify(written)} reads ${JSON.stringify(read)}`, () => {
    assertEquals(decodeWords(written), read);
  });
}

Deno.test("what is written as encoded-words reads as it was", () => {
  const word = fc.stringMatching(/^[a-zäöüß€😀]{1,30}$/u);
  fc.assert(fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
    const value = words.join(" ");
    assertEquals(decodeWords(new Field(writeField("Subject", value)).value), value);
  }));
});

Deno.test("it never fails, and takes time linear in the text", () => {
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => {
    decodeWords(`=?${text}?=`);
    decodeWords(`=?utf-8?q?${text}?= =?utf-8?b?${text}?=`);
  }));
  const long = "=?utf-8?q?".repeat(100_000);
  assertEquals(decodeWords(long), long);
  assertEquals(decodeWords("=?utf-8?q?a?= ".repeat(50_000)).length, 50_001);
});
