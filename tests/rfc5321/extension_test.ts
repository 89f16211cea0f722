import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Extensions } from "../../src/rfc5321/extension.ts";
import { Reply } from "../../src/rfc5321/reply.ts";

function offered(...lines: string[]): Extensions {
  return Extensions.parse(new Reply(250, ["mx.example Hello", ...lines]));
}

Deno.test("Extensions.parse: a real answer", () => {
  const extensions = offered(
    "PIPELINING",
    "SIZE 10240000",
    "VRFY",
    "ETRN",
    "STARTTLS",
    "AUTH PLAIN LOGIN",
    "AUTH=PLAIN LOGIN CRAM-MD5",
    "enhancedstatuscodes",
    "8BITMIME",
    "LIMITS RCPTMAX=50 MAILMAX=7",
  );
  assertEquals(extensions.toLines(), [
    "PIPELINING",
    "SIZE 10240000",
    "VRFY",
    "ETRN",
    "STARTTLS",
    "AUTH PLAIN LOGIN CRAM-MD5",
    "ENHANCEDSTATUSCODES",
    "8BITMIME",
    "LIMITS RCPTMAX=50 MAILMAX=7",
  ]);
  assert(extensions.has("8bitmime") && extensions.has("EnhancedStatusCodes"));
  assert(!extensions.has("SMTPUTF8"));
  assertEquals(extensions.parameters("auth"), ["PLAIN", "LOGIN", "CRAM-MD5"]);
  assertEquals(extensions.parameters("DSN"), []);
  assertEquals(extensions.size, 10240000);
  assertEquals(extensions.limit("RCPTMAX"), 50);
  assertEquals(extensions.limit("MAILMAX"), 7);
  assertEquals(extensions.limit("RCPTDOMAINMAX"), undefined);
});

Deno.test("Extensions.parse: the first line is never an extension", () => {
  assertEquals(Extensions.parse(new Reply(250, "SIZE 1")).toLines(), []);
});

Deno.test("Extensions.parse: a line out of the grammar is ignored", () => {
  const extensions = offered(
    "",
    " ",
    "-SIZE",
    "X_UNDERSCORE",
    "SIZE=10",
    "DSN p\tq",
    "s\u0131ze 5",
    "\u017fIZE 5",
    "CHUNKING ü",
    "VRFY  two  spaces ",
  );
  assertEquals(extensions.toLines(), ["VRFY two spaces"]);
});

Deno.test("Extensions.parse: of a repeated keyword the last line counts, at the first's place", () => {
  assertEquals(offered("SIZE 1", "DSN", "size 2").toLines(), ["SIZE 2", "DSN"]);
});

Deno.test("Extensions.parse: an AUTH list longer than a line is not taken whole", () => {
  const lines = Array.from({ length: 99 }, (_, n) => `AUTH M${n}-${"x".repeat(400)}`);
  const extensions = offered(...lines);
  assertEquals(extensions.parameters("AUTH").length, 1);
  new Reply(250, ["mx.example", ...extensions.toLines()]);
});

Deno.test("Extensions.size", () => {
  const table: [string, number | undefined][] = [
    ["SIZE 1000", 1000],
    ["SIZE 0", undefined],
    ["SIZE", undefined],
    ["SIZE -1", undefined],
    ["SIZE 1e3", undefined],
    ["SIZE 0x10", undefined],
    ["SIZE 9007199254740991", 9007199254740991],
    ["SIZE 9007199254740992", undefined],
    ["SIZE 99999999999999999999", undefined],
    ["SIZE 000000000000000000001", undefined],
    ["DSN", undefined],
  ];
  for (const [line, size] of table) assertEquals(offered(line).size, size, line);
});

Deno.test("Extensions.mechanisms", () => {
  assertEquals(
    offered("AUTH plain LOGIN", "AUTH=PLAIN SCRAM-SHA-256 b@d " + "X".repeat(21)).mechanisms,
    ["PLAIN", "LOGIN", "SCRAM-SHA-256"],
  );
  assertEquals(Extensions.none.mechanisms, []);
});

Deno.test("Extensions.limit, RFC 9422", () => {
  const table: [string, number | undefined][] = [
    ["LIMITS RCPTMAX=1", 1],
    ["LIMITS rcptmax=999999", 999999],
    ["LIMITS MAILMAX=5 RCPTMAX=6 RCPTMAX=7", 6],
    ["LIMITS RCPTMAX=0", undefined],
    ["LIMITS RCPTMAX=01", undefined],
    ["LIMITS RCPTMAX=1000000", undefined],
    ["LIMITS RCPTMAX=-1", undefined],
    ["LIMITS RCPTMAX", undefined],
    ["LIMITS RCPTMAX=", undefined],
    ["LIMITS RCPTMAX=5=6", undefined],
    ["LIMITS RCPTMAXIMUM=5", undefined],
    ["RCPTMAX=5", undefined],
  ];
  for (const [line, limit] of table) assertEquals(offered(line).limit("RCPTMAX"), limit, line);
});

Deno.test("Extensions: made by hand, and never changed", () => {
  const base = Extensions.of([["PIPELINING"], ["size", ["100"]]]);
  const more = base.with("dsn").with("SIZE", "50").without("pipelining");
  assertEquals(base.toLines(), ["PIPELINING", "SIZE 100"]);
  assertEquals(more.toLines(), ["SIZE 50", "DSN"]);
  assertEquals([...more], [["SIZE", ["50"]], ["DSN", []]]);
  assertEquals(base.without("ABSENT").toLines(), base.toLines());
  assertEquals(Extensions.none.toLines(), []);
  assert(Object.isFrozen(base.parameters("SIZE")));
  const [, parameters] = [...more][0];
  assert(Object.isFrozen(parameters));
});

Deno.test("Extensions: what cannot be offered", () => {
  const table: [keyword: string, ...parameters: string[]][] = [
    [""],
    ["A B"],
    ["-A"],
    ["A_B"],
    ["A\r\nB"],
    ["\u017fIZE"],
    ["A", ""],
    ["A", "b c"],
    ["A", "b\r\nQUIT"],
    ["A", "ü"],
    ["A", "x".repeat(505)],
  ];
  for (const [keyword, ...parameters] of table) {
    assertThrows(() => Extensions.none.with(keyword, ...parameters), RangeError);
    assertThrows(() => Extensions.of([[keyword, parameters]]), RangeError);
  }
  Extensions.none.with("A", "x".repeat(504));
});

Deno.test("Extensions: what is printed parses to the same offer", () => {
  const word = fc.string({ unit: fc.constantFrom(..."ABz09-=. ü"), maxLength: 6 });
  fc.assert(fc.property(fc.array(word, { maxLength: 99 }), (lines) => {
    const first = offered(...lines);
    const second = offered(...first.toLines());
    assertEquals([...second], [...first]);
  }));
});
