import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  maxPattern,
  parsePattern,
  PatternError,
  type PatternKind,
} from "../../../src/policy/rules/pattern.ts";
import { Path } from "../../../src/rfc5321/path.ts";
import { readsOf } from "./_work.ts";

/** A path as a command has it, with or without its brackets. */
function path(text: string): Path {
  const parsed = Path.parse(text.startsWith("<") ? text : `<${text}>`);
  assert(parsed !== undefined, text);
  return parsed;
}

Deno.test("address patterns: what matches and what does not", () => {
  const rows: readonly [pattern: string, yes: string[], no: string[]][] = [
    [
      "user@dom.example",
      ["user@dom.example", "user@DOM.Example", '"user"@dom.example', "<@a,@b:user@dom.example>"],
      ["User@dom.example", "user@sub.dom.example", "user@dom.example.org", "<>"],
    ],
    ["user@DOM.Example", ["user@dom.example"], ["user@xdom.example"]],
    ["*@dom.example", ["a@dom.example", '""@dom.example'], ["a@b.dom.example", "<>"]],
    ["@dom.example", ["a@dom.example"], ["a@b.dom.example", "<>"]],
    ["dom.example", ["a@dom.example", "A@DOM.EXAMPLE"], ["a@b.dom.example", "<>"]],
    ["user@*", ["user@a", "user@b.c", "user@[192.0.2.1]"], ["users@a", "USER@a", "<>"]],
    ["user@", ["user@a"], ["users@a", "<>"]],
    [".dom.example", ["a@b.dom.example", "a@c.b.dom.example"], ["a@dom.example", "a@xdom.example"]],
    ["*.dom.example", ["a@b.dom.example", "a@c.B.dom.example"], ["a@dom.example"]],
    ["user@.dom.example", ["user@b.dom.example"], ["user@dom.example", "a@b.dom.example"]],
    [".dom*", ["a@b.dom.example", "a@b.domain"], ["a@dom.example"]],
    ["sales-*@dom?.example", ["sales-@dom1.example", "sales-x-y@domx.example"], [
      "sales@dom1.example",
      "sales-x@dom.example",
      "Sales-x@dom1.example",
    ]],
    ["mail?.example", ["a@mail1.example"], ["a@mail.example", "mail1.example@x"]],
    ["*", ["a@b", "<Postmaster>"], ["<>"]],
    ["*@*", ["a@b", "<Postmaster>"], ["<>"]],
    ["<>", ["<>"], ["a@b", "<Postmaster>"]],
    // RFC 5321 §4.5.1: in any case, here and without domain.
    ["postmaster@*", ["<Postmaster>", "POSTMASTER@a", '"postMaster"@a'], ["postmasters@a"]],
    ['"PostMaster"@a', ["postmaster@a"], ["postmaster@b"]],
    // In quotes everything stands for itself; without, characters that atoms have.
    ['"a*b"@x', ["a*b@x"], ["acb@x"]],
    ['"a@b"@x', ['"a@b"@x'], ["a@b"]],
    ['"a\\"@"@x', ['"a\\"@"@x'], ["a@x"]],
    ['"user"@x', ["user@x"], ["users@x"]],
    ["a!#$%&'+-/=^_`{|}~@x", ["a!#$%&'+-/=^_`{|}~@x"], ["a@x"]],
    // Address literals, with an "@" of their own.
    ["*@[192.0.2.?]", ["a@[192.0.2.1]"], ["a@[192.0.2.10]"]],
    ["[IPv6:2001:DB8::1]", ["a@[IPv6:2001:db8::1]"], ["a@[IPv6:2001:db8::2]"]],
    // RFC 6531
    ["dörte@*.sörensen.example", ["dörte@a.sörensen.example"], ["dorte@a.sörensen.example"]],
    ["?@x", ["ö@x", "😀@x"], ["öö@x"]],
    ["/^[a-z]+@dom\\.example$/", ["user@DOM.example"], ["User@dom.example", "a1@dom.example"]],
    ["/^[a-z]+@dom\\.example$/i", ["USER@dom.example"], ["a1@dom.example"]],
    ["/spam/", ["a-spam-b@x", "a@spam.example"], ["a@x", "<>"]],
    ["/^$/", ["<>"], ["a@b", "<Postmaster>"]],
    ["/^o=a\\/b@/", ["o=a/b@x"], ["o=a@x"]],
    ["/^a b@x$/", ['"a b"@x'], ["ab@x"]],
    ["/^Postmaster$/", ["<Postmaster>"], ["Postmaster@x"]],
  ];
  for (const [text, yes, no] of rows) {
    const pattern = parsePattern(text, "address");
    assertEquals(pattern.text, text);
    for (const one of yes) assert(pattern.matches(path(one)), `${text} on ${one}`);
    for (const one of no) assert(!pattern.matches(path(one)), `${text} on ${one}`);
  }
});

Deno.test("domain and name patterns: what matches and what does not", () => {
  const rows: readonly [PatternKind, pattern: string, yes: string[], no: string[]][] = [
    ["domain", "dom.example", ["dom.example", "DOM.example"], ["a.dom.example", "dom.exampl", ""]],
    ["domain", ".DOM.example", ["a.dom.EXAMPLE", "b.a.dom.example"], [
      "dom.example",
      ".dom.example",
    ]],
    ["domain", "*.dom.example", ["a.dom.example"], ["dom.example", "xdom.example"]],
    ["domain", "*", ["a", ""], []],
    ["domain", "host-*-?.example", ["host--1.example", "HOST-a-b.example"], ["host-1.example"]],
    ["domain", "_dmarc.*", ["_dmarc.example"], ["dmarc.example"]],
    ["domain", "[*]", ["[192.0.2.1]", "[IPv6:::1]"], ["192.0.2.1"]],
    ["domain", "/^dyn[0-9]+\\./", ["dyn12.example", "DYN1.x"], ["dyn.example"]],
    ["name", "alice", ["alice"], ["Alice", "alice2"]],
    ["name", ".x", [".x"], ["a.x"]],
    ["name", "al*@dom.example", ["alice@dom.example"], ["alice@DOM.example"]],
    ["name", "Build Agent ?", ["Build Agent 7"], ["Build Agent 77"]],
    ["name", "/^A/", ["Alice"], ["alice"]],
    // No line terminators: "." is any character, "$" the end only.
    ["name", "/^a.b$/", ["a\nb", "a\u2028b"], ["ab", "a-b\n", "x\na-b"]],
  ];
  for (const [kind, text, yes, no] of rows) {
    assert(kind !== "address");
    const pattern = parsePattern(text, kind);
    assertEquals(pattern.text, text);
    for (const one of yes) assert(pattern.matches(one), `${text} on ${one}`);
    for (const one of no) assert(!pattern.matches(one), `${text} on ${one}`);
  }
});

Deno.test("ignoreCase: for local-parts and names, ASCII letters only", () => {
  const option = { ignoreCase: true };
  for (const text of ["User@x", '"uSer"@x', "US*@x"]) {
    const pattern = parsePattern(text, "address", option);
    assert(pattern.matches(path("user@x")) && pattern.matches(path("USER@X")), text);
  }
  assert(!parsePattern("ö@x", "address", option).matches(path("Ö@x")));
  assert(parsePattern("Al*", "name", option).matches("aLICE"));
  // What was captured keeps the case in which it was written.
  assertEquals(parsePattern("u-*@x", "address", option).capture(path("U-Ab@x")), ["Ab"]);
});

Deno.test("captures: the stars of the local-part, then those of the domain", () => {
  const rows: readonly [pattern: string, path: string, captures: string[]][] = [
    ["*@old.example", "Joe@old.example", ["Joe"]],
    ["@old.example", "joe@old.example", ["joe"]],
    ["old.example", "joe@OLD.example", ["joe"]],
    ["joe@", "joe@x", ["x"]],
    [".old.example", "joe@a.b.old.example", ["joe", "a.b"]],
    ["*+*@*.old.example", "joe+x+y@A.old.example", ["joe", "x+y", "a"]],
    ["joe@x", "joe@x", []],
    ["<>", "<>", []],
    ["*@x", '"a b"@x', ["a b"]],
    ["/^(.*)\\+(?:x)@(.*)\\.(org|com)?/", "joe+x@y.net", ["joe", "y", ""]],
  ];
  for (const [text, subject, captures] of rows) {
    const pattern = parsePattern(text, "address");
    assertEquals(pattern.capture(path(subject)), captures, text);
    assertEquals(pattern.captures, captures.length, text);
  }
});

Deno.test("what is no pattern is refused, at its column", () => {
  const rows: readonly [PatternKind, text: string, column: number, found: string][] = [
    ["address", "", 1, "nothing"],
    ["name", "", 1, "nothing"],
    ["address", "@", 1, '"@"'],
    ["address", "us er@x", 3, '" "'],
    ["address", "a@b@c", 4, '"@"'],
    ["address", "a@b c", 4, '" "'],
    ["address", "a@b..c", 4, '".."'],
    ["address", "a@b.", 4, '"."'],
    ["address", ".a@b", 1, '"."'],
    ["address", "a.@b", 2, '"."'],
    ["address", "a..b@c", 2, '".."'],
    ["address", "<a@b>", 1, '"<"'],
    ["address", '"a@b', 1, '"\\"a"'],
    ["address", '"a"b@c', 1, '"\\"a\\"b"'],
    ["address", "ab\u0007@c", 3, "a control character"],
    ["address", "a@b\ud800", 4, "a control character"],
    ["address", "😀\u2028@c", 2, "a control character"],
    ["domain", "a@b", 2, '"@"'],
    ["domain", "a,b", 2, '","'],
    ["domain", "..a", 1, '".."'],
    ["name", "a".repeat(maxPattern + 1), maxPattern + 1, "501 characters"],
    ["address", "/a", 3, "no end"],
    ["address", "/", 2, "no end"],
    ["address", "/a\\/", 5, "no end"],
    ["address", "/a/g", 4, '"g"'],
    ["address", "/a/b/", 4, '"b/"'],
    ["address", "/ab(/", 2, "missing closing )"],
    ["address", "/ab[/", 4, '"[" (missing closing ]'],
    ["domain", "/x(?=a)/", 3, '"(?=" '],
    ["domain", "/x(?<!a)/", 3, "(?<"],
    ["name", "/(a)\\1/", 5, '"\\\\1" '],
    ["name", "/a**/", 3, '"**"'],
    ["name", "/a{1,1001}/", 3, "invalid repeat count"],
    ["name", "/(?:a{1,1000}){1,1000}/", 2, "expression too large"],
    ["name", "/a{1,600}/", 1, "1201 instructions"],
    ["name", `/${"(a)".repeat(10)}/`, 1, "10 groups"],
  ];
  for (const [kind, text, column, found] of rows) {
    const error = assertThrows(
      () => kind === "address" ? parsePattern(text, kind) : parsePattern(text, kind),
      PatternError,
      undefined,
      text.slice(0, 40),
    );
    assertEquals([error.pattern, error.column], [text, column], error.message);
    assert(error.found.includes(found), error.message);
    assert(error.message.includes(`at column ${column}, allowed is ${error.allowed}`));
    assert(error.message.length < 400, error.message);
  }
});

Deno.test("hostile expressions: each character of the subject is read a few times", () => {
  const subject = "a".repeat(100_000) + "!";
  for (
    const text of [
      "/^(a+)+$/",
      "/^(a|aa)+$/",
      "/^(a|a?)+$/",
      "/(a*)*b/",
      "/(x+x+)+y/",
      "/(.*)(.*)(.*)(.*)(.*)z/",
      "/^(([a-z])+.)+[A-Z]([a-z])+$/",
      "/(?:a?){200}b/",
    ]
  ) {
    const pattern = parsePattern(text, "name");
    const reads = readsOf(() => assertEquals(pattern.matches(subject), false));
    assert(reads < subject.length * 4, `${text}: ${reads} reads`);
  }
});

Deno.test("text of any kind is a pattern, or refused by the documented error", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.string({
      unit: fc.constantFrom(...'ab@.*?/\\"<>[]()|+^${}1,:-i \n', "(?", "\\p{L}", "a@b"),
      maxLength: 16,
    }),
  );
  const subjects = [path("a@b"), path("<>"), path('"a b"@[192.0.2.1]'), path("<Postmaster>")];
  let accepted = 0;
  fc.assert(
    fc.property(text, (text) => {
      try {
        const pattern = parsePattern(text, "address");
        for (const subject of subjects) {
          const captures = pattern.capture(subject);
          assertEquals(pattern.matches(subject), captures !== undefined);
          if (captures !== undefined) assertEquals(captures.length, pattern.captures);
        }
        accepted++;
      } catch (error) {
        if (!(error instanceof PatternError)) throw error;
        assert(error.column >= 1 && error.column <= text.length + 1, error.message);
      }
      for (const kind of ["domain", "name"] as const) {
        try {
          parsePattern(text, kind).matches("a.b");
        } catch (error) {
          if (!(error instanceof PatternError)) throw error;
        }
      }
    }),
    { numRuns: 5000, seed: 5321 },
  );
  assert(accepted > 100, `${accepted} accepted`);
});
