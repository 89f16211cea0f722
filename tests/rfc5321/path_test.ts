import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Path } from "../../src/rfc5321/path.ts";

function parse(text: string): Path {
  const path = Path.parse(text);
  assert(path !== undefined, `not parsed: ${text}`);
  return path;
}

Deno.test("Path.parse: what it is made of", () => {
  const table: [
    text: string,
    localPart: string,
    domain: string,
    address: string,
    route: string[],
  ][] = [
    ["<>", "", "", "", []],
    ["<Postmaster>", "Postmaster", "", "Postmaster", []],
    ["<POSTMASTER>", "POSTMASTER", "", "POSTMASTER", []],
    ["<Smith@Bar.COM>", "Smith", "bar.com", "Smith@Bar.COM", []],
    ["<a@b>", "a", "b", "a@b", []],
    ["<a@1.2.3.4>", "a", "1.2.3.4", "a@1.2.3.4", []],
    ["<a@xn--r8jz45g.jp>", "a", "xn--r8jz45g.jp", "a@xn--r8jz45g.jp", []],
    ["<!#$%&'*+-/=?^_`{|}~@x>", "!#$%&'*+-/=?^_`{|}~", "x", "!#$%&'*+-/=?^_`{|}~@x", []],
    ["<a.b.c@x>", "a.b.c", "x", "a.b.c@x", []],
    // RFC 5321 §4.1.2: the value of "Joe\,Smith" has nine characters.
    ['<"Joe\\,Smith"@x>', "Joe,Smith", "x", '"Joe\\,Smith"@x', []],
    ['<"john doe"@Example.COM>', "john doe", "example.com", '"john doe"@Example.COM', []],
    ['<"a@b>c\\"\\\\"@x>', 'a@b>c"\\', "x", '"a@b>c\\"\\\\"@x', []],
    ['<""@x>', "", "x", '""@x', []],
    ["<a@[192.0.2.1]>", "a", "[192.0.2.1]", "a@[192.0.2.1]", []],
    ["<a@[IPv6:2001:DB8::1]>", "a", "[ipv6:2001:db8::1]", "a@[IPv6:2001:DB8::1]", []],
    ["<a@[x-tag:b@c]>", "a", "[x-tag:b@c]", "a@[x-tag:b@c]", []],
    // RFC 5321 appendix C
    ["<@a.example,@B.example:c@d>", "c", "d", "c@d", ["a.example", "B.example"]],
    // RFC 6531
    ["<Dörte@Sörensen.example>", "Dörte", "sörensen.example", "Dörte@Sörensen.example", []],
    ["<用户@例子.广告>", "用户", "例子.广告", "用户@例子.广告", []],
    [
      '<"квіточка пошта"@пошта.укр>',
      "квіточка пошта",
      "пошта.укр",
      '"квіточка пошта"@пошта.укр',
      [],
    ],
    ["<ὅ@l\u00b7l.cat>", "ὅ", "l\u00b7l.cat", "ὅ@l\u00b7l.cat", []],
    // Only ASCII letters change their case: not the Kelvin sign.
    ["<A@\u212aX>", "A", "\u212ax", "A@\u212aX", []],
  ];
  for (const [text, localPart, domain, address, route] of table) {
    const path = parse(text);
    assertEquals(
      [path.localPart, path.domain, path.address, path.route],
      [localPart, domain, address, route],
    );
    assertEquals(path.toString(), `<${address}>`);
    assertEquals(path.toStringWithRoute(), text);
  }
});

Deno.test("Path.parse: what is none", () => {
  const table = [
    "",
    "<",
    ">",
    "a@b",
    "<a@b",
    "a@b>",
    " <a@b>",
    "<a@b> ",
    "< a@b>",
    "<a@b >",
    "< >",
    "<<a@b>>",
    "<a>",
    "<postmaster@>",
    "<@b>",
    "<a@>",
    "<a@b@c>",
    "<a b@c>",
    "<.a@b>",
    "<a.@b>",
    "<a..b@c>",
    "<a,b@c>",
    "<a\\b@c>",
    "<a(b)@c>",
    '<"a@b>',
    '<a"b"@c>',
    '<"a"b@c>',
    '<"a"."b"@c>',
    '<"a"b"@c>',
    '<"a\\"@c>',
    "<a@-b>",
    "<a@b->",
    "<a@b.>",
    "<a@.b>",
    "<a@b..c>",
    "<a@b_c>",
    "<a@b c>",
    "<a@b/c>",
    "<a@[192.0.2.256]>",
    "<a@[192.0.2.1>",
    "<a@192.0.2.1]>",
    "<a@[::1]>",
    "<a@[IPv6:x]>",
    "<a@[]>",
    // Full stops and spaces that some software maps to ASCII ones
    "<a@例\u3002jp>",
    "<a@b\uff0ec>",
    "<a@b\u00a0c>",
    "<a@b\u200bc>",
    "<a@b\ufeff>",
    "<@a>",
    "<@a:>",
    "<@a,b:c@d>",
    "<@a,:c@d>",
    "<@:c@d>",
    "<@a:Postmaster>",
    "<@a@b:c@d>",
    "<@[192.0.2.1]:c@d>",
    "<a:b@c>",
  ];
  for (const text of table) assertEquals(Path.parse(text), undefined, JSON.stringify(text));
});

Deno.test("Path: no control, separator or lone surrogate anywhere", () => {
  const bad = [
    "\0",
    "\t",
    "\n",
    "\r",
    "\x1b",
    "\x7f",
    "\x80",
    "\x85",
    "\x9f",
    "\u2028",
    "\u2029",
    "\ud800",
    "\udfff",
  ];
  for (const c of bad) {
    for (
      const text of [
        `a${c}@b`,
        `"a${c}"@b`,
        `"a\\${c}"@b`,
        `a@b${c}c`,
        `a@[x:${c}]`,
        `${c}postmaster`,
      ]
    ) {
      assertEquals(Path.parse(`<${text}>`), undefined);
      assertThrows(() => Path.from(text), RangeError);
    }
    assertEquals(Path.parse(`<@a${c}:b@c>`), undefined);
    assertThrows(() => Path.from("a@b").withLocalPart(`x${c}`), RangeError);
    assertThrows(() => Path.from("a@b").withDomain(`x${c}`), RangeError);
  }
});

Deno.test("Path: the limits of RFC 5321 §4.5.3.1", () => {
  const local64 = "l".repeat(64);
  const at = (length: number) => `${"d".repeat(length)}`;
  parse(`<${local64}@b>`);
  assertEquals(Path.parse(`<l${local64}@b>`), undefined);
  assertEquals(Path.parse(`<${"ü".repeat(33)}@b>`), undefined);
  assertEquals(Path.parse(`<"${"l".repeat(63)}"@b>`), undefined);
  parse(`<a@${at(252)}>`);
  assertEquals(Path.parse(`<a@${at(253)}>`), undefined);
  assertEquals(Path.parse(`<@${at(251)}:a@b>`), undefined);
  Path.from(`a@${at(252)}`);
  assertThrows(() => Path.from(`a@${at(253)}`), RangeError, "254");
  assertThrows(() => Path.from(`l${local64}@b`), RangeError, "64");
});

Deno.test("Path.from", () => {
  assertEquals(Path.from("Jones@XYZ.example").toString(), "<Jones@XYZ.example>");
  assertEquals(Path.from("postmaster").domain, "");
  for (const text of ["", "<a@b>", "a", "@a:b@c", "a@b\r\nDATA", "a@b> SIZE=1"]) {
    assertThrows(() => Path.from(text), RangeError, JSON.stringify(text));
  }
});

Deno.test("Path: what it says about itself", () => {
  assert(Path.null.isNull && Path.null.isAscii && !Path.null.domainLiteral);
  assertStrictEquals(Path.parse("<>"), Path.null);
  assert(!Path.from('""@x').isNull);
  assert(!Path.from("postmaster").isNull);
  assert(!Path.from("ü@x").isAscii && !Path.from("a@ü").isAscii && Path.from("a@b").isAscii);
  assert(Path.from("a@[192.0.2.1]").domainLiteral && !Path.from("a@b").domainLiteral);
  assert(Object.isFrozen(parse("<@a:b@c>").route));
});

Deno.test("Path.withDomain and Path.withLocalPart", () => {
  const path = parse("<@r:Joe.Smith@old.example>");
  assertEquals(path.withDomain("New.example").toStringWithRoute(), "<Joe.Smith@New.example>");
  assertEquals(path.withLocalPart("a b").toStringWithRoute(), '<"a b"@old.example>');
  assertEquals(path.withLocalPart('q"\\').address, '"q\\"\\\\"@old.example');
  assertEquals(path.withLocalPart("").address, '""@old.example');
  assertEquals(Path.from("postmaster").withDomain("x").address, "postmaster@x");
  assertEquals(Path.from('"quoted"@x').withDomain("y").address, "quoted@y");
  assertThrows(() => Path.null.withDomain("x"), RangeError, "null reverse-path");
  assertThrows(() => Path.null.withLocalPart("x"), RangeError, "no domain");
  assertThrows(() => Path.from("postmaster").withLocalPart("x"), RangeError, "no domain");
  assertThrows(() => path.withDomain("x> SIZE=1"), RangeError);
  assertThrows(() => path.withDomain("b@c"), RangeError);
  assertThrows(() => path.withDomain(""), RangeError);
  assertThrows(() => path.withLocalPart("l".repeat(65)), RangeError);
});

Deno.test("Path.equals", () => {
  const same: [string, string][] = [
    ["<>", "<>"],
    ["<a@B.example>", "<a@b.EXAMPLE>"],
    ['<"a"@b>', "<a@b>"],
    ['<"a\\ b"@c>', '<"a b"@c>'],
    ["<@r:a@b>", "<a@b>"],
  ];
  const different: [string, string][] = [
    ["<A@b>", "<a@b>"],
    ["<a@b>", "<a@c>"],
    ["<>", '<""@b>'],
    ["<>", "<postmaster>"],
    // Never normalised: composed and decomposed
    ["<\u00e9@b>", "<e\u0301@b>"],
  ];
  for (const [a, b] of same) assert(parse(a).equals(parse(b)), `${a} ${b}`);
  for (const [a, b] of different) assert(!parse(a).equals(parse(b)), `${a} ${b}`);
});

Deno.test("Path: any local-part that fits can be given, and comes back", () => {
  // The two separators are refused: other programs take them for a line end.
  const printable = fc.string({ unit: "grapheme", maxLength: 15 })
    .filter((text) => !/[\u2028\u2029]/.test(text));
  fc.assert(fc.property(printable, (localPart) => {
    let path: Path;
    try {
      path = Path.from("a@b.example").withLocalPart(localPart);
    } catch (error) {
      assert(error instanceof RangeError && new TextEncoder().encode(localPart).length > 30);
      return;
    }
    assertEquals(path.localPart, localPart);
    assert(parse(path.toString()).equals(path));
  }));
});

Deno.test("Path: whatever is parsed prints as it was written", () => {
  const alphabet = fc.constantFrom(...'aZ09.-@@<>"\\:,[] \r\nüß\u2028', "IPv6:", "1.2.3.4", "a@b");
  fc.assert(
    fc.property(fc.array(alphabet, { maxLength: 12 }), (parts) => {
      const text = `<${parts.join("")}>`;
      const path = Path.parse(text);
      if (path === undefined) return;
      assertEquals(path.toStringWithRoute(), text);
      assert(parse(path.toString()).equals(path));
    }),
    { numRuns: 5000 },
  );
});

Deno.test("Path.parse: hostile text takes no time", () => {
  const long = 200_000;
  const start = performance.now();
  for (
    const text of [
      `<${"a".repeat(long)}>`,
      `<"${"\\".repeat(long)}"@b>`,
      `<a@${"-".repeat(long)}>`,
      `<${"@a,".repeat(long)}>`,
    ]
  ) {
    assertEquals(Path.parse(text), undefined);
    assertThrows(() => Path.from(text.slice(1, -1)), RangeError);
  }
  assertThrows(() => Path.from(`a@${"b-".repeat(long)}`), RangeError);
  assert(performance.now() - start < 1000);
});
