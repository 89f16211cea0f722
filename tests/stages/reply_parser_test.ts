import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  fuse,
  LineSplitter,
  ReplyFault,
  type ReplyFaultReason,
  ReplyParser,
  type ReplyParserOptions,
  type Stage,
} from "../../src/stages/mod.ts";
import { Reply } from "../../src/rfc5321/mod.ts";
import { assertEveryCutting, cuttings, run } from "../_chunking.ts";

/** Splitter and parser, and each reply as `[code, ...lines]`. */
function replies(options?: ReplyParserOptions): Stage<Uint8Array, [number, ...string[]]> {
  return fuse(new LineSplitter({ limit: 600 }), new ReplyParser(options), {
    transform: (reply, out) => out.enqueue([reply.code, ...reply.lines]),
  });
}

const table: [input: string, expected: [number, ...string[]][]][] = [
  ["250 OK\r\n", [[250, "OK"]]],
  ["250\r\n", [[250, ""]]],
  ["250 \r\n", [[250, ""]]],
  ["250-\r\n250\r\n", [[250, "", ""]]],
  ["250-a\r\n250-b c\r\n250 d\r\n354 go\r\n", [[250, "a", "b c", "d"], [354, "go"]]],
  ["550 5.7.1  No - really\r\n", [[550, "5.7.1  No - really"]]],
  ["559 x\r\n200 y\r\n", [[559, "x"], [200, "y"]]],
  // Multi-line replies that never end are not handed out.
  ["250-a\r\n", []],
  ["250 OK", []],
  ["250 OK\r", []],
  ["250 \xc3\xa9\xe2\x82\xac\r\n", [[250, "\u00e9\u20ac"]]],
  ["250 \xe9\xff a\r\n", [[250, "?? a"]]],
  ["250 \x1b[31m\t\x7f\x07\r\n", [[250, "?[31m\t??"]]],
  // U+0085, U+2028
  ["250 \xc2\x85\xe2\x80\xa8\r\n", [[250, "??"]]],
  ["250 " + "x".repeat(506) + "\r\n", [[250, "x".repeat(506)]]],
];

Deno.test("ReplyParser: hands out whole replies", () => {
  for (const [input, expected] of table) assertEveryCutting(input, replies, expected);
});

const faulty: [input: string, reason: ReplyFaultReason][] = [
  ["250 a\nb\r\n", "octets"],
  ["250 a\rb\r\n", "octets"],
  ["250 a\r\r\n", "octets"],
  ["250 a\0\r\n", "octets"],
  ["\r\n", "syntax"],
  ["25\r\n", "syntax"],
  ["250x\r\n", "syntax"],
  ["250_a\r\n", "syntax"],
  ["2500 a\r\n", "syntax"],
  [" 250 a\r\n", "syntax"],
  ["\xb2\xb5\xb0 a\r\n", "syntax"],
  ["100 a\r\n", "syntax"],
  ["600 a\r\n", "syntax"],
  ["000 a\r\n", "syntax"],
  ["260 a\r\n", "syntax"],
  ["HTTP/1.1 200 OK\r\n", "syntax"],
  ["250-a\r\n\r\n", "syntax"],
  ["250-a\r\n251 b\r\n", "mixed-codes"],
  ["250-a\r\n550-b\r\n", "mixed-codes"],
  ["250 " + "x".repeat(507) + "\r\n", "too-long"],
  ["250 " + "x".repeat(900) + "\r\n", "too-long"],
  ["250-a\r\n".repeat(4) + "250 a\r\n", "too-long"],
  [("250-" + "x".repeat(505) + "\r\n").repeat(2), "too-long"],
];

Deno.test("ReplyParser: refuses what is no reply", () => {
  for (const [input, reason] of faulty) {
    for (const [name, chunks] of cuttings(input)) {
      const message = `${JSON.stringify(input)} ${name}`;
      const stage = replies({ maxLines: 4, maxOctets: 1020 });
      const fault = assertThrows(() => run(stage, chunks), ReplyFault, "Parse a reply: ", message);
      assertEquals(fault.reason, reason, message);
    }
  }
});

Deno.test("ReplyParser: the limits are for one reply, and may be reached", () => {
  const line = "250-" + "x".repeat(4);
  const reply = `${line}\r\n`.repeat(3) + "250 xxxx\r\n";
  const stage = replies({ maxLines: 4, maxOctets: 40 });
  assertEquals(run(stage, [reply, reply]).length, 2);
});

Deno.test("ReplyParser: by default a hundred lines, and never more", () => {
  for (const options of [{}, { maxLines: 1000 }]) {
    const hundred = "250-\r\n".repeat(99);
    assertEquals(run(replies(options), [hundred + "250 \r\n"]).length, 1);
    const fault = assertThrows(
      () => run(replies(options), [hundred, "250-\r\n250 \r\n"]),
      ReplyFault,
    );
    assertEquals(fault.reason, "too-long");
  }
});

Deno.test("ReplyParser: knows of an unfinished reply, and forgets it", () => {
  const splitter = new LineSplitter({ limit: 600 });
  const parser = new ReplyParser();
  const stage = fuse(splitter, parser);
  assert(!parser.pending);
  run(stage, ["250-a\r\n"], { flush: false });
  assert(parser.pending);
  parser.clear();
  assert(!parser.pending);
  const [reply] = run(stage, ["354 b\r\n"], { flush: false });
  assert(reply instanceof Reply);
  assertEquals(reply.toString(), "354 b\r\n");
  assert(!parser.pending);
  for (const end of ["flush", "cancel"] as const) {
    run(stage, ["250-a\r\n"], { flush: false });
    parser[end]();
    assert(!parser.pending, end);
  }
});
