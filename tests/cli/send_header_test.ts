import { assertEquals, assertThrows } from "@std/assert";
import { addressesIn, fieldBodies } from "../../src/cli/send_header.ts";

Deno.test("fieldBodies: every field of the name, unfolded, up to the empty line", () => {
  const header = "To: a\r\n b\r\nX-To: no\r\nTO:c\nCc: d\n\te\n\nTo: body";
  assertEquals(fieldBodies(header, "To"), [" a b", "c"]);
  assertEquals(fieldBodies(header, "cc"), [" d\te"]);
  assertEquals(fieldBodies(header, "From"), []);
  assertEquals(fieldBodies("\nTo: body", "To"), []);
  assertEquals(fieldBodies(" folded: into nothing\nTo: a", "To"), [" a"]);
});

const good: readonly [body: string, addresses: string[]][] = [
  ["", []],
  [" , ,", []],
  ["a@example.org", ["<a@example.org>"]],
  ["a@example.org, b@example.org", ["<a@example.org>", "<b@example.org>"]],
  ["<a@example.org>", ["<a@example.org>"]],
  ["A. U. Thor <a@example.org>", ["<a@example.org>"]],
  ['"Doe, John <j>" <a@example.org>', ["<a@example.org>"]],
  ['"a, b"@example.org', ['<"a, b"@example.org>']],
  ['"a\\"b"@example.org', ['<"a\\"b"@example.org>']],
  ['"a . @ b"@example.org', ['<"a . @ b"@example.org>']],
  ["a@[192.0.2.1]", ["<a@[192.0.2.1]>"]],
  ["a@[IPv6:2001:db8::1]", ["<a@[IPv6:2001:db8::1]>"]],
  ["(x) a@example.org (y, (z) \\) <q@example.org>)", ["<a@example.org>"]],
  ["a (b) . c @ (d) example . org", ["<a.c@example.org>"]],
  ["<@r.example,@s.example:a@example.org>", ["<a@example.org>"]],
  ["undisclosed-recipients:;", []],
  ["G: a@example.org, B <b@example.org>;, c@example.org", [
    "<a@example.org>",
    "<b@example.org>",
    "<c@example.org>",
  ]],
  ["Jos\u00e9 <a@example.org>, \u00e4@example.org", ["<a@example.org>", "<\u00e4@example.org>"]],
  ["=?utf-8?q?A=2C_B?= <a@example.org>", ["<a@example.org>"]],
  ["postmaster", ["<postmaster>"]],
];

Deno.test("addressesIn: what RFC 5322 §3.4 and §4.4 know", async (t) => {
  for (const [body, addresses] of good) {
    await t.step(JSON.stringify(body), () => {
      assertEquals(addressesIn(body).map(String), addresses);
    });
  }
});

Deno.test("addressesIn: anything else is refused, not guessed", async (t) => {
  const bad = [
    ...["a", "a b@example.org", "John Doe a@example.org", "<>", "A <>", "<a@example.org"],
    ...[
      "a@example.org>",
      "<a@example.org> b",
      "<<a@example.org>>",
      '"a@example.org',
      "a@[192.0.2.1",
    ],
    ...["(a@example.org", "G: a@example.org", "a@example.org;", "G: H: a@example.org;;"],
    ...["<a@example.org>:", "a@@example.org", "a@b@example.org", "a\r\nb@example.org"],
    "<a@example.org\u2028>",
  ];
  for (const body of bad) {
    await t.step(
      JSON.stringify(body),
      () => void assertThrows(() => addressesIn(body), RangeError),
    );
  }
});

Deno.test("addressesIn: what is long and repeats ends, one way or the other", () => {
  for (const piece of ['"', "(", "[", "<", "\\", " ", " .", "a,", '"\\', "()"]) {
    try {
      addressesIn(piece.repeat(65_536 / piece.length));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
});
