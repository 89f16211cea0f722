import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { matchWildcard } from "../../../src/policy/rules/wildcard.ts";
import { readsOf } from "./_work.ts";

function taken(pattern: string, subject: string): string[] | undefined {
  return matchWildcard(pattern, subject)?.map(({ start, end }) => subject.slice(start, end));
}

Deno.test("matchWildcard: what the stars take", () => {
  const rows: readonly [pattern: string, subject: string, stars: string[] | undefined][] = [
    ["", "", []],
    ["", "a", undefined],
    ["abc", "abc", []],
    ["abc", "abcd", undefined],
    ["abcd", "abc", undefined],
    ["*", "", [""]],
    ["*", "abc", ["abc"]],
    ["**", "abc", ["", "abc"]],
    ["a*", "abc", ["bc"]],
    ["*c", "abc", ["ab"]],
    ["*c", "cabc", ["cab"]],
    ["a*c", "ac", [""]],
    ["a*b*c", "axbxbxc", ["x", "xbx"]],
    ["*-*", "a-b-c", ["a", "b-c"]],
    ["*.dom.example", "a.b.dom.example", ["a.b"]],
    ["?", "", undefined],
    ["?", "a", []],
    ["??", "a", undefined],
    ["a?c*", "abcd", ["d"]],
    ["*ab?", "aabab", undefined],
    ["*ab?", "ababc", ["ab"]],
    ["?", "😀", []],
    ["*?", "😀😀", ["😀"]],
    ["*😀", "😀x😀", ["😀x"]],
    ["*", "a\nb\r\u2028c", ["a\nb\r\u2028c"]],
    ["[a-c]+$", "[a-c]+$", []],
  ];
  for (const [pattern, subject, stars] of rows) {
    assertEquals(taken(pattern, subject), stars, `${pattern} on ${subject}`);
  }
});

Deno.test("matchWildcard: the same as backtracking", () => {
  const letters = fc.constantFrom("a", "b", "é", "😀");
  const subjects = fc.string({ unit: letters, maxLength: 12 });
  const patterns = fc.string({
    unit: fc.oneof(letters, fc.constantFrom("*", "?")),
    maxLength: 8,
  });
  let matches = 0;
  fc.assert(
    fc.property(patterns, subjects, (pattern, subject) => {
      const naive = new RegExp(
        `^${pattern.replaceAll("?", "[^]").replaceAll("*", "([^]*?)")}$`,
        "u",
      );
      const expected = naive.exec(subject)?.slice(1);
      if (expected !== undefined) matches++;
      assertEquals(taken(pattern, subject), expected);
    }),
    { numRuns: 5000, seed: 5321 },
  );
  assert(matches > 200, `${matches} matches`);
});

Deno.test("matchWildcard: steps are bounded by the two lengths", () => {
  const subject = "a".repeat(100_000);
  const rows: readonly [pattern: string, factor: number][] = [
    // Stars without end, on what does not match: exponential where every star may move.
    ["*a".repeat(30) + "*b", 4],
    ["*".repeat(400) + "b", 4],
    ["*?".repeat(100) + "b", 6],
    // The worst: every place begins to match and fails late.
    ["*" + "a".repeat(8) + "b", 40],
  ];
  for (const [pattern, factor] of rows) {
    const reads = readsOf(() => assertEquals(matchWildcard(pattern, subject), undefined));
    assert(reads > subject.length && reads < subject.length * factor, `${pattern}: ${reads}`);
  }
});
