import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  asciiLowerCase,
  asciiUpperCase,
  cut,
  isAscii,
  isClean,
  octetLength,
} from "../../src/rfc5321/text.ts";

Deno.test("isClean refuses every control, both separators and lone surrogates, nothing else", () => {
  for (let code = 0; code <= 0xffff; code++) {
    const refused = code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0x2028 ||
      code === 0x2029 || (code >= 0xd800 && code <= 0xdfff);
    const text = String.fromCharCode(0x61, code, 0x61);
    if (isClean(text) === refused) assertEquals(`U+${code.toString(16)}`, "the other answer");
  }
  assert(isClean(""));
  assert(isClean("\u{1f600}"));
  assert(isClean("a\tb", { tab: true }));
  assert(!isClean("a\nb", { tab: true }));
  assert(!isClean("a\vb", { tab: true }));
});

Deno.test("octetLength and isAscii agree with TextEncoder", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
    const length = new TextEncoder().encode(text).length;
    assertEquals(octetLength(text), length);
    assertEquals(isAscii(text), length === text.length);
  }));
});

Deno.test("cut leaves the longest beginning that fits", () => {
  assertEquals(cut("abc", 3), "abc");
  assertEquals(cut("abc", 2), "ab");
  assertEquals(cut("aü", 2), "a");
  assertEquals(cut("aü", 3), "aü");
  assertEquals(cut("\u{1f600}", 3), "");
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), fc.nat(60), (text, octets) => {
      const kept = cut(text, octets);
      assert(text.startsWith(kept) && octetLength(kept) <= octets);
      const next = [...text.slice(kept.length)][0];
      assert(next === undefined || octetLength(kept + next) > octets);
    }),
  );
});

Deno.test("case changes touch ASCII letters only", () => {
  // Kelvin sign, long s, dotless i, sharp s: Unicode's rules would make ASCII of them.
  assertEquals(asciiLowerCase("AZaz09-Ü\u212a"), "azaz09-Ü\u212a");
  assertEquals(asciiUpperCase("AZaz09-ü\u017f\u0131\u00df"), "AZAZ09-ü\u017f\u0131\u00df");
});
