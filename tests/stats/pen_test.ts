import { assertEquals } from "@std/assert";
import { Path } from "../../src/rfc5321/path.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import { pens } from "../../src/stats/pen.ts";

const { plain, redacted } = pens;

Deno.test("paths: the domain stays", () => {
  const rows: readonly [path: Path, plain: string, redacted: string][] = [
    [Path.null, "", ""],
    [Path.from("Alice@x.example"), "Alice@x.example", "…@x.example"],
    [Path.from('"a b"@x.example'), '"a b"@x.example', "…@x.example"],
    [Path.from("ü@bücher.example"), "ü@bücher.example", "…@bücher.example"],
    [Path.from("a@[192.0.2.1]"), "a@[192.0.2.1]", "…@[192.0.2.1]"],
    [Path.from("Postmaster"), "Postmaster", "…"],
  ];
  for (const [path, shown, hidden] of rows) {
    assertEquals([plain.address(path), redacted.address(path)], [shown, hidden]);
    assertEquals([plain.path(path), redacted.path(path)], [`<${shown}>`, `<${hidden}>`]);
  }
});

Deno.test("replies: the codes stay", () => {
  const rows: readonly [reply: Reply, one: string, lines: string, hidden: string, text?: string][] =
    [
      [Reply.parse("250 2.1.5 Ok"), "250 2.1.5 Ok", "250 2.1.5 Ok", "250 2.1.5", "Ok"],
      [Reply.parse("550 alice?"), "550 alice?", "550 alice?", "550", "alice?"],
      [new Reply(250, ["a", "b"]), "250 a b", "250-a\n250 b", "250", "a"],
      [new Reply(250, ""), "250", "250", "250", ""],
    ];
  for (const [reply, one, lines, hidden, text] of rows) {
    assertEquals([plain.reply(reply), plain.lines(reply), plain.text(reply)], [one, lines, text]);
    assertEquals(
      [redacted.reply(reply), redacted.lines(reply), redacted.text(reply)],
      [hidden, hidden, undefined],
    );
  }
});

Deno.test("words: what stands before an @ goes, in every form", () => {
  const rows: Readonly<Record<string, string>> = {
    "": "",
    "proceeds": "proceeds",
    "becomes <a@x> <b@y>": "becomes <…@x> <…@y>",
    "a@x": "…@x",
    "@x": "…@x",
    "a@": "…@",
    "a@x,b@y;c@z": "…@x,…@y;…@z",
    "Cannot take a.b+c@x: full": "Cannot take …@x: full",
    'to "a b"@x': "…@x",
    '"a@b"@x': '"…@…@x',
    "line\na@x\r\nb@y\tc@z": "line\n…@x\r\n…@y\t…@z",
    "ü@x": "…@x",
  };
  for (const [words, hidden] of Object.entries(rows)) {
    assertEquals([plain.words(words), redacted.words(words)], [words, hidden]);
  }
});

Deno.test("a login says nothing", () => {
  assertEquals([plain.login("alice"), redacted.login("alice")], ["alice", "…"]);
});
