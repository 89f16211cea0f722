import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { parsePattern, PatternError } from "../../../src/policy/rules/pattern.ts";
import { parseTemplate, rewriteBy } from "../../../src/policy/rules/rewrite.ts";
import { Path } from "../../../src/rfc5321/path.ts";

function rewrite(patternText: string, templateText: string, path: string): string | undefined {
  const pattern = parsePattern(patternText, "address");
  const template = parseTemplate(templateText, pattern);
  const parsed = Path.parse(`<${path}>`);
  assert(parsed !== undefined, path);
  return rewriteBy(pattern, template, parsed)?.toString();
}

Deno.test("rewriteBy: what a path becomes", () => {
  const rows: readonly [pattern: string, template: string, path: string, to: string | undefined][] =
    [
      ["*@old.example", "*@new.example", "Joe@OLD.example", "<Joe@new.example>"],
      ["*@old.example", "*@new.example", "joe@other.example", undefined],
      ["*@old.example", "*@new.example", "", undefined],
      ["@old.example", "*@new.example", "joe@old.example", "<joe@new.example>"],
      ["old.example", "*@new.example", "joe@old.example", "<joe@new.example>"],
      [".old.example", "*@*.new.example", "joe@a.b.old.example", "<joe@a.b.new.example>"],
      [".old.example", "*.$2@new.example", "joe@a.old.example", "<joe.a@new.example>"],
      // A star of one side is not one of the other.
      ["*@*.old.example", "info@*.new.example", "joe@a.old.example", "<info@a.new.example>"],
      ["*@*.old.example", "$2-$1@$2.example", "joe@a.old.example", "<a-joe@a.example>"],
      ["*+*@x", "*@x", "joe+list@x", "<joe@x>"],
      ["joe@*", "sam@*", "joe@y.example", "<sam@y.example>"],
      ["*", "*@new.example", "Postmaster", "<Postmaster@new.example>"],
      ["*@x", "catch-all@x", "anything@x", "<catch-all@x>"],
      ["*@x", "<>", "joe@x", "<>"],
      ["<>", "bounces@x", "", "<bounces@x>"],
      ["/^(.+)\\.(.+)@x$/", "$2.$1@x", "joe.doe@x", "<doe.joe@x>"],
      ["/^(.)(.*)@x$/", "$$1-$1@x", "joe@x", "<$1-j@x>"],
      ["*@x", "$*$$@x", "joe@x", "<*$@x>"],
      ["*@x", '"$1 *"@x', "joe@x", '<"$1 *"@x>'],
      // What was quoted is quoted again where it must be, and only there.
      ["*@x", "*@y", '"a b@c"@x', '<"a b@c"@y>'],
      ["*@x", "*@y", '"joe"@x', "<joe@y>"],
      ["*@x", "*@[192.0.2.1]", "joe@x", "<joe@[192.0.2.1]>"],
    ];
  for (const [pattern, template, path, to] of rows) {
    assertEquals(rewrite(pattern, template, path), to, `${pattern} ${template} ${path}`);
  }
});

Deno.test("parseTemplate: what makes no path is refused, at its column", () => {
  const rows: readonly [pattern: string, template: string, column: number][] = [
    ["*@x", "", 1],
    ["*@x", "new.example", 1],
    ["*@x", "@new.example", 1],
    ["*@x", "*@", 1],
    ["*@x", "a b@x", 2],
    ["*@x", "*@a b", 1],
    ["*@x", "*@a..b", 1],
    ["*@x", '"a@x', 1],
    ["*@x", "*@x\r\nRCPT TO:<y>", 1],
    ["*@x", "**@y", 2],
    ["*@x", "*@*", 3],
    ["joe@*", "a*@y", 2],
    ["*@x", "a$2@y", 2],
    ["*@x", "a$0@y", 2],
    ["*@x", "a$@y", 2],
    ["joe@x", "$1@y", 1],
    ["/^(.*)@x/", "*@y", 1],
    ["/^(.*)@x/", "a@$2", 3],
    ["<>", "$1@y", 1],
    ["*@x", `${"a".repeat(600)}@y`, 1],
  ];
  for (const [pattern, template, column] of rows) {
    const error = assertThrows(
      () => parseTemplate(template, parsePattern(pattern, "address")),
      PatternError,
      undefined,
      template,
    );
    assertEquals(error.column, column, error.message);
  }
});

Deno.test("rewriteBy: what grows beyond RFC 5321's sizes is no path", () => {
  const pattern = parsePattern("*@x", "address");
  const template = parseTemplate("prefix-*@y", pattern);
  const long = Path.from(`${"a".repeat(60)}@x`);
  assertThrows(() => rewriteBy(pattern, template, long), RangeError, "not a mailbox");
});

Deno.test("rewriteBy: a changed domain keeps every local-part, and can be changed back", () => {
  const there = parsePattern("*@old.example", "address");
  const back = parsePattern("*@new.example", "address");
  const localParts = fc.string({ unit: fc.constantFrom(...'aZ0.+*?$ "\\@<>é'), maxLength: 20 });
  fc.assert(
    fc.property(localParts, (localPart) => {
      const before = Path.from("x@old.example").withLocalPart(localPart);
      const after = rewriteBy(there, parseTemplate("*@new.example", there), before);
      assertEquals([after?.localPart, after?.domain], [localPart, "new.example"]);
      const again = after && rewriteBy(back, parseTemplate("*@old.example", back), after);
      assert(again?.equals(before));
    }),
    { numRuns: 500, seed: 5321 },
  );
});

Deno.test("parseTemplate: text of any kind is a template, or refused by the documented error", () => {
  const pattern = parsePattern("*@*.old.example", "address");
  const path = Path.from("joe@a.old.example");
  const text = fc.string({
    unit: fc.constantFrom(...'ab@.*$12"\\<>[] \r\n', "a@b", "*@*"),
    maxLength: 12,
  });
  let accepted = 0;
  fc.assert(
    fc.property(text, (text) => {
      let template;
      try {
        template = parseTemplate(text, pattern);
      } catch (error) {
        if (!(error instanceof PatternError)) throw error;
        return;
      }
      accepted++;
      const after = rewriteBy(pattern, template, path);
      assert(after !== undefined && Path.parse(after.toString())?.equals(after), text);
    }),
    { numRuns: 5000, seed: 5321 },
  );
  assert(accepted > 50, `${accepted} accepted`);
});
