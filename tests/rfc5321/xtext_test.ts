import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodeXtext, encodeXtext, isXtext } from "../../src/rfc5321/xtext.ts";

Deno.test("xtext: known answers", () => {
  const table: [decoded: string, encoded: string][] = [
    ["", ""],
    ["QQ314159", "QQ314159"],
    // RFC 4954 §5.1
    ["e=mc2@example.com", "e+3Dmc2@example.com"],
    ["a+b", "a+2Bb"],
    ["two words", "two+20words"],
    ["\r\nQUIT", "+0D+0AQUIT"],
    ["\0\x7f", "+00+7F"],
    ["ü", "+C3+BC"],
    ["<>", "<>"],
  ];
  for (const [decoded, encoded] of table) {
    assertEquals(encodeXtext(decoded), encoded);
    assertEquals(decodeXtext(encoded), decoded);
  }
});

Deno.test("xtext: what may be encoded needs not be plain", () => {
  assertEquals(decodeXtext("+41+42C"), "ABC");
});

Deno.test("xtext: what is none", () => {
  for (const text of ["+", "+4", "+4g", "+3d", "a=b", "a b", "\t", "a\n", "ü", "+C3+", "++2B"]) {
    assert(!isXtext(text), JSON.stringify(text));
    assertEquals(decodeXtext(text), undefined);
  }
});

Deno.test("xtext: octets that are not UTF-8 have no text", () => {
  for (const text of ["+FF", "+C3", "+ED+A0+80", "+C0+80"]) {
    assert(isXtext(text));
    assertEquals(decodeXtext(text), undefined);
  }
});

Deno.test("xtext: decoding undoes encoding", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const encoded = encodeXtext(text);
    assert(isXtext(encoded));
    assertEquals(decodeXtext(encoded), text);
  }));
});
