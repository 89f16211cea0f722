import { assertEquals } from "@std/assert";
import { CommandParser, fuse, LineSplitter, type ParsedLine } from "../../src/stages/mod.ts";
import { assertEveryCutting, run } from "../_chunking.ts";

const LIMIT = 32;
const commands = (spaceAfterColon = false) => () =>
  fuse(new LineSplitter({ limit: 64 }), new CommandParser({ limit: LIMIT, spaceAfterColon }));
const response = "A".repeat(40);

const table: [input: string, expected: ParsedLine[]][] = [
  ["RSET\r\nquit\r\n", [{ verb: "RSET" }, { verb: "QUIT" }]],
  ["BDAT 5 LAST\r\n", [{ verb: "BDAT", size: 5, last: true }]],
  ["NOOP " + "x".repeat(25) + "\r\n", [{ verb: "NOOP", argument: "x".repeat(25) }]],
  ["NOOP " + "x".repeat(26) + "\r\nRSET\r\n", [{ fault: "line-too-long" }, { verb: "RSET" }]],
  ["x".repeat(100) + "\r\nRSET\r\n", [{ fault: "line-too-long" }, { verb: "RSET" }]],
  ["RSET\nQUIT\r\n", [{ fault: "bare-newline" }]],
  ["RSET\rQUIT\r\n", [{ fault: "bare-newline" }]],
  ["RSET\r\r\n", [{ fault: "bare-newline" }]],
  ["RSET\0\r\n", [{ fault: "octets" }]],
  ["\x16\x03\x01\r\n", [{ fault: "octets" }]],
  // RFC 4954 §4
  [
    `auth plain ${response}\r\n`,
    [{ verb: "AUTH", mechanism: "PLAIN", initialResponse: response }],
  ],
  [`AUTHX PLAIN ${response}\r\n`, [{ fault: "line-too-long" }]],
  [`AUTH\x00PLAIN ${response}\r\n`, [{ fault: "octets" }]],
  [`\x01UTH PLAIN ${response}\r\n`, [{ fault: "line-too-long" }]],
  [`AUTH PLAIN ${response.repeat(2)}\r\n`, [{ fault: "line-too-long" }]],
  ["GET / HTTP/1.1\r\n", [{ fault: "http" }]],
  ["RSET", []],
];

Deno.test("CommandParser: a line becomes a command or says why not", () => {
  for (const [input, expected] of table) assertEveryCutting(input, commands(), expected);
});

Deno.test("CommandParser: leniencies reach the grammar", () => {
  const input = "MAIL FROM: <>\r\n";
  for (const lenient of [false, true]) {
    const [parsed] = run(commands(lenient)(), [input]) as ParsedLine[];
    assertEquals("fault" in parsed, !lenient);
  }
});
