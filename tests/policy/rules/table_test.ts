import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { parsePattern } from "../../../src/policy/rules/pattern.ts";
import { parseTable, Table, TableError, type TableKey } from "../../../src/policy/rules/table.ts";
import { Path } from "../../../src/rfc5321/path.ts";
import { readsOf } from "./_work.ts";

/** `a@b` and `<…>` are paths, `ip:…` IP addresses, others domains. */
function key(text: string): TableKey {
  if (text.startsWith("ip:")) return { address: text.slice(3) };
  if (!text.includes("@") && !text.startsWith("<")) return { domain: text };
  const path = Path.parse(text.startsWith("<") ? text : `<${text}>`);
  assert(path !== undefined, text);
  return { path };
}

const mixed = `
# Every kind of key, those that are tried last first.
/^x[0-9]+@/          expression
*-list@lists.example wildcards
mail?.example        some hosts
192.0.2.*            text of an address
.dom.example         subdomains
.deep.dom.example    deeper subdomains
dom.example          domain
@dom.example         every mailbox
user@                everywhere
\tuser@dom.example   mailbox  # no comment here  \t

<>                   null
"john doe"@dom.example \t quoted
10.0.0.0/8           ten
10.1.0.0/16          # a comment, no value
2001:db8::/32        documentation
192.0.2.7
`;

Deno.test("parseTable: keys of every kind, in the order that is documented", () => {
  const table = parseTable(mixed, "mixed");
  const rows: readonly [key: string, value: string | undefined][] = [
    ["user@dom.example", "mailbox  # no comment here"],
    ["user@DOM.EXAMPLE", "mailbox  # no comment here"],
    ["User@dom.example", "every mailbox"],
    ["user@other.example", "everywhere"],
    ["user@a.dom.example", "everywhere"],
    ['"john doe"@dom.example', "quoted"],
    ["joe@dom.example", "every mailbox"],
    ["joe@a.dom.example", "subdomains"],
    ["joe@a.deep.dom.example", "deeper subdomains"],
    ["joe@deep.dom.example", "subdomains"],
    ["joe@xdom.example", undefined],
    ["x12@dom.example", "every mailbox"],
    ["x12@other.example", "expression"],
    ["a-list@lists.example", "wildcards"],
    ["joe@mail1.example", "some hosts"],
    ["<>", "null"],
    ["<Postmaster>", undefined],
    ["dom.example", "domain"],
    ["DOM.example", "domain"],
    ["a.dom.example", "subdomains"],
    ["b.a.deep.dom.EXAMPLE", "deeper subdomains"],
    [".dom.example", undefined],
    ["mail7.EXAMPLE", "some hosts"],
    ["example", undefined],
    ["", undefined],
    ["ip:10.2.3.4", "ten"],
    ["ip:::ffff:10.2.3.4", "ten"],
    ["ip:10.1.3.4", ""],
    ["ip:2001:db8::1", "documentation"],
    ["ip:192.0.2.7", ""],
    ["ip:192.0.2.8", "text of an address"],
    ["ip:198.51.100.1", undefined],
    ["ip:nonsense", undefined],
  ];
  for (const [text, value] of rows) {
    assertEquals(table.get(key(text)), value, text);
    assertEquals(table.has(key(text)), value !== undefined, text);
  }
  assertEquals([table.size, table.name], [16, "mixed"]);
});

Deno.test("parseTable: each kind of key counts before those that come later in the order", () => {
  const order = [
    ...["user@a.dom.example", "user@", "@a.dom.example", "a.dom.example"],
    ...[".dom.example", ".example", "us*@a.dom.example", "/user/"],
  ];
  for (let first = 0; first < order.length; first++) {
    // Written the other way round, so that it is not the order of lines that decides.
    const rest = order.slice(first);
    const lines = [...rest.slice(0, -2).reverse(), ...rest.slice(-2)];
    const table = parseTable(lines.map((line) => `${line} ${line}`).join("\n"), "order");
    assertEquals(table.get(key("user@a.dom.example")), order[first]);
  }
});

Deno.test("parseTable: what else is found by one look-up", () => {
  const table = parseTable("*@a.example 1\nuser@* 2\n*.b.example 3\npostmaster@c.example 4", "t");
  assertEquals(table.get(key("x@a.example")), "1");
  assertEquals(table.get(key("user@x")), "2");
  assertEquals(table.get(key("x.b.example")), "3");
  assertEquals(table.get(key("PostMaster@c.example")), "4");
  assertEquals(table.get(key("a.example")), undefined);
});

Deno.test("parseTable: ignoreCase is for local-parts", () => {
  const table = parseTable("User@x 1\nSales@ 2\nJo*@y 3", "t", { ignoreCase: true });
  assertEquals(table.get(key("uSER@x")), "1");
  assertEquals(table.get(key("SALES@z")), "2");
  assertEquals(table.get(key("jOE@y")), "3");
});

Deno.test("parseTable: lines end with LF or CRLF, the last perhaps with nothing", () => {
  for (const text of ["a 1\nb 2\n", "a 1\nb 2", "a 1\r\nb 2\r\n", "\n\na 1  \n\r\n b\t2 \n\n"]) {
    const table = parseTable(text, "t");
    assertEquals([table.size, table.get(key("a")), table.get(key("b"))], [2, "1", "2"]);
  }
  assertEquals(parseTable("", "t").size, 0);
});

Deno.test("parseTable: a key that comes again", () => {
  assertEquals(parseTable("a 1\nA 1\n1.2.3.4\n1.2.3.4/32", "t").size, 2);
  const rows: readonly [text: string, line: number][] = [
    ["a 1\nA 2", 2],
    ["@a 1\n\n*@a", 3],
    ["1.2.3.0/24 x\n::ffff:1.2.3.0/120 y", 2],
  ];
  for (const [text, line] of rows) {
    const error = assertThrows(() => parseTable(text, "t"), TableError, "one value for each key");
    assertEquals([error.line, error.column], [line, 1]);
  }
});

Deno.test("parseTable: mistakes are named with line and column", () => {
  const rows: readonly [text: string, where: string, problem: string][] = [
    ["a\nb\n  us<er@x y", "t:3:5", 'found "<"'],
    ["a@b@c", "t:1:4", 'found "@"'],
    ["/a", "t:1:3", "no end"],
    ["/a b", "t:1:3", "no end"],
    [" /a b(/ x", "t:1:3", "missing closing )"],
    ["/a b/x y", "t:1:6", '"x"'],
    ['"a b@c d', "t:1:1", 'found "\\""'],
    ["10.0.0.0/33", "t:1:1", "address/bits"],
    ["\n10.0.0.1/8 x", "t:2:1", "bits set behind the first 8"],
    ["a  b\u0000c", "t:1:4", "a control character"],
    ["a  550 b\rRCPT", "t:1:4", "a control character"],
    ["a\u0000 b", "t:1:2", "a control character"],
    ["a\rb c", "t:1:2", "a control character"],
    [`a ${"b".repeat(65_535)}`, "t:1:65537", "allowed are 65536"],
    ["a".repeat(501), "t:1:501", "at most 500"],
  ];
  for (const [text, where, problem] of rows) {
    const error = assertThrows(
      () => parseTable(text, "t"),
      TableError,
      undefined,
      text.slice(0, 40),
    );
    assertEquals(error.message, `${where}: ${error.problem}`);
    assert(error.problem.includes(problem), error.message);
    assertEquals(error.table, "t");
  }
});

Deno.test("Table: the same as trying every pattern", () => {
  const names = fc.constantFrom("a", "b", "a.b", "b.a", "a.b.a");
  const locals = fc.constantFrom("u", "v", "*", "");
  const keys = fc.oneof(
    fc.tuple(locals, names).map(([local, name]) => `${local}@${name}`),
    names,
    names.map((name) => `.${name}`),
    fc.constantFrom("u@", "v@*", "?@a", "<>", "/u/", "*b"),
  );
  const paths = [
    ...["u", "v", "w"].flatMap((local) =>
      ["a", "b", "a.b", "b.a", "a.b.a", "c.a.b.a"].map((domain) => `${local}@${domain}`)
    ),
    "<>",
  ];
  fc.assert(
    fc.property(fc.array(keys, { maxLength: 6 }), (keys) => {
      const table = parseTable(keys.join("\n"), "t");
      for (const text of paths) {
        const subject = key(text);
        assert("path" in subject);
        const any = keys.some((one) => parsePattern(one, "address").matches(subject.path));
        assertEquals(table.has(subject), any, `${keys} ${text}`);
      }
    }),
    { numRuns: 300, seed: 5321 },
  );
});

Deno.test("Table: a look-up costs the same among few entries and among many", () => {
  const filled = (entries: number) => {
    const table = new Table("t");
    for (let index = 0; index < entries; index++) {
      table.add(`user${index}@dom.example`, "");
      table.add(`dom${index}.example`, "");
      table.add(`.sub${index}.example`, "");
      table.add(`10.${index >> 8}.${index & 255}.0/24`, "");
    }
    return table;
  };
  const probes = ["user7@dom.example", "a.b.c.example", "joe@a.sub7.example", "ip:10.0.7.9"];
  const costs = [10, 10_000].map((entries) => {
    const table = filled(entries);
    return probes.map((probe) => readsOf(() => table.get(key(probe))));
  });
  assertEquals(costs[0], costs[1]);
});

Deno.test("parseTable: text of any kind is a table, or refused by the documented error", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.string({
      unit: fc.constantFrom(...'ab@.*?/\\"<>#: \t\r\n1', "\n", "10.0.0.0/8", "a@b", "::/0"),
      maxLength: 24,
    }),
  );
  let accepted = 0;
  fc.assert(
    fc.property(text, (text) => {
      try {
        const table = parseTable(text, "t");
        for (const one of ["a@b", "<>", "a.b", "ip:10.0.0.1"]) table.get(key(one));
        accepted++;
      } catch (error) {
        if (!(error instanceof TableError)) throw error;
        const line = text.split("\n")[error.line - 1];
        assert(error.column >= 1 && error.column <= line.length + 1, error.message);
      }
    }),
    { numRuns: 5000, seed: 5321 },
  );
  assert(accepted > 200, `${accepted} accepted`);
});
