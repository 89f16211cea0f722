import { assert, assertEquals } from "@std/assert";
import { encode } from "../../src/bytes.ts";
import {
  type Command,
  type CommandFault,
  type CommandOptions,
  parseCommand,
  type Verb,
  verbs,
} from "../../src/rfc5321/command.ts";
import { Path } from "../../src/rfc5321/path.ts";

function parse(line: string, options?: CommandOptions): Command | CommandFault {
  return parseCommand(encode(line), options);
}

function fault(line: string): string {
  const result = parse(line);
  return "fault" in result ? result.fault : `accepted: ${line}`;
}

const samples: Record<Verb, [argument: string, value: Record<string, unknown>]> = {
  HELO: [" relay.example", { name: "relay.example" }],
  EHLO: [" [192.0.2.1]", { name: "[192.0.2.1]" }],
  LHLO: [" a", { name: "a" }],
  MAIL: [" FROM:<Smith@bar.com> SIZE=5", {
    reversePath: Path.from("Smith@bar.com"),
    parameters: { size: 5 },
  }],
  RCPT: [" TO:<Jones@foo.com>", { forwardPath: Path.from("Jones@foo.com"), parameters: {} }],
  DATA: ["", {}],
  BDAT: [" 86 LAST", { size: 86, last: true }],
  RSET: ["", {}],
  NOOP: [" What Ever", { argument: "What Ever" }],
  QUIT: ["", {}],
  VRFY: [" Smith", { argument: "Smith" }],
  EXPN: [" List", { argument: "List" }],
  HELP: ["", { argument: "" }],
  STARTTLS: ["", {}],
  AUTH: [" plain AGEAYg==", { mechanism: "PLAIN", initialResponse: "AGEAYg==" }],
  XCLIENT: [" NAME=spike.porcupine.org ADDR=168.100.189.2", {
    attributes: new Map([["NAME", "spike.porcupine.org"], ["ADDR", "168.100.189.2"]]),
  }],
  XFORWARD: [" NAME=[UNAVAILABLE]", { attributes: new Map([["NAME", undefined]]) }],
};

Deno.test("every verb has a sample that parses in any case", () => {
  assertEquals([...verbs].sort(), Object.keys(samples).sort());
  for (const verb of verbs) {
    const [argument, value] = samples[verb];
    const mixed = verb.replace(/(?<=.)[A-Z]/g, (c, at: number) => at % 2 ? c.toLowerCase() : c);
    for (const written of [verb, verb.toLowerCase(), mixed]) {
      assertEquals(parse(written + argument), { verb, ...value } as Command, written);
      assertEquals(parse(`${written}${argument}  `), { verb, ...value } as Command, "spaces after");
    }
    assertEquals(fault(`${verb}X${argument}`), "unknown-verb");
  }
});

Deno.test("MAIL and RCPT: paths as the RFCs write them", () => {
  const table: [line: string, path: string][] = [
    ["MAIL FROM:<>", "<>"],
    ["mail from:<a@b>", "<a@b>"],
    ["MAIL From:<@hosta.int,@jkl.org:userc@d.bar.org>", "<userc@d.bar.org>"],
    ['MAIL FROM:<"a> SIZE=1 \\"b"@c>', '<"a> SIZE=1 \\"b"@c>'],
    ["MAIL FROM:<ü@ü.example> SMTPUTF8", "<ü@ü.example>"],
    ["RCPT TO:<Postmaster>", "<Postmaster>"],
    ["RCPT to:<a@[IPv6:::1]>", "<a@[IPv6:::1]>"],
  ];
  for (const [line, path] of table) {
    const command = parse(line);
    assert(!("fault" in command), line);
    assert(command.verb === "MAIL" || command.verb === "RCPT");
    const found = command.verb === "MAIL" ? command.reversePath : command.forwardPath;
    assertEquals(found.toString(), path);
  }
});

Deno.test("lines that are out of their verb's grammar", () => {
  const table = [
    "HELO",
    "EHLO",
    "EHLO ",
    "EHLO  a",
    "EHLO a b",
    "EHLO <a>",
    "EHLO ü.example",
    `EHLO ${"a".repeat(256)}`,
    "MAIL",
    "MAIL FROM",
    "MAIL FROM:",
    "MAIL FROM:a@b",
    "MAIL FROM: <a@b>",
    "MAIL FROM:< a@b>",
    "MAIL FROM :<a@b>",
    "MAIL  FROM:<a@b>",
    "MAIL FR\u017fOM:<a@b>",
    "MAIL TO:<a@b>",
    "MAIL FROM:<a@b",
    'MAIL FROM:<"a@b>',
    "MAIL FROM:<Postmaster>",
    "RCPT TO:<>",
    "RCPT FROM:<a@b>",
    "RCPT TO:",
    "RCPT TO: <a@b>",
    "DATA x",
    "RSET x",
    "QUIT now",
    "STARTTLS x",
    "BDAT",
    "BDAT -1",
    "BDAT +1",
    "BDAT 0x10",
    "BDAT 1e3",
    "BDAT 1.0",
    "BDAT 1 FIRST",
    "BDAT 1 LAST x",
    "BDAT  1",
    "BDAT 1  LAST",
    "BDAT LAST",
    "BDAT 1LAST",
    "BDAT ١",
    "BDAT 9007199254740992",
    "BDAT 000000000000000000001",
    "VRFY",
    "EXPN",
    "AUTH",
    "AUTH ",
    "AUTH A.B",
    `AUTH ${"X".repeat(21)}`,
    "AUTH PLAIN a",
    "AUTH PLAIN ==",
    "AUTH PLAIN AAA",
    "AUTH PLAIN AA=A",
    "AUTH PLAIN AAAA=",
    "AUTH PLAIN AAAA AAAA",
    "AUTH PLAIN  AAAA",
    "AUTH PLAIN *",
  ];
  for (const line of table) {
    const result = parse(line);
    assert("fault" in result, line);
    assertEquals([result.verb, result.fault], [line.split(" ")[0] as Verb, "syntax"], line);
    assert(result.detail?.startsWith(result.verb!), line);
  }
});

Deno.test("values at the edge of the grammar", () => {
  assertEquals(parse(`EHLO ${"a".repeat(255)}`), { verb: "EHLO", name: "a".repeat(255) });
  assertEquals(parse("EHLO _what?ever!"), { verb: "EHLO", name: "_what?ever!" });
  assertEquals(parse("bdat 0 last"), { verb: "BDAT", size: 0, last: true });
  assertEquals(parse("BDAT 00000000000000000012"), { verb: "BDAT", size: 12, last: false });
  assertEquals(parse("BDAT 9007199254740991"), {
    verb: "BDAT",
    size: Number.MAX_SAFE_INTEGER,
    last: false,
  });
  assertEquals(parse("AUTH scram-sha-256"), { verb: "AUTH", mechanism: "SCRAM-SHA-256" });
  assertEquals(parse("AUTH EXTERNAL ="), {
    verb: "AUTH",
    mechanism: "EXTERNAL",
    initialResponse: "=",
  });
  const long = "A".repeat(12_000);
  assertEquals(parse(`AUTH X_Y ${long}`), {
    verb: "AUTH",
    mechanism: "X_Y",
    initialResponse: long,
  });
  assertEquals(parse("NOOP"), { verb: "NOOP", argument: "" });
  assertEquals(parse("HELP me  please"), { verb: "HELP", argument: "me  please" });
  assertEquals(parse("VRFY ü SMTPUTF8"), { verb: "VRFY", argument: "ü SMTPUTF8" });
});

Deno.test("faults of parameters name the keyword", () => {
  const table: [string, CommandFault][] = [
    ["MAIL FROM:<> SIZE=x", { verb: "MAIL", fault: "parameter-syntax", detail: "SIZE" }],
    ["MAIL FROM:<> X-A=1", { verb: "MAIL", fault: "unknown-parameter", detail: "X-A" }],
    ["MAIL FROM:<> NOTIFY=NEVER", { verb: "MAIL", fault: "unknown-parameter", detail: "NOTIFY" }],
    ["RCPT TO:<a@b> SIZE=1", { verb: "RCPT", fault: "unknown-parameter", detail: "SIZE" }],
    ["MAIL FROM:<> RET=FULL ret=FULL", {
      verb: "MAIL",
      fault: "duplicate-parameter",
      detail: "RET",
    }],
    ["MAIL FROM:<a@b>>", { verb: "MAIL", fault: "parameter-syntax", detail: "" }],
    ["MAIL FROM:<>SIZE=1", { verb: "MAIL", fault: "parameter-syntax", detail: "" }],
    ["MAIL FROM:<>  SIZE=1", { verb: "MAIL", fault: "parameter-syntax", detail: "" }],
  ];
  for (const [line, expected] of table) assertEquals(parse(line), expected, line);
});

Deno.test("spaceAfterColon", () => {
  const options = { spaceAfterColon: true };
  const expected = parse("MAIL FROM:<a@b> SIZE=1");
  assertEquals(parse("MAIL FROM: <a@b> SIZE=1", options), expected);
  assertEquals(parse("MAIL FROM:   <a@b> SIZE=1", options), expected);
  assertEquals(parse("MAIL FROM:<a@b> SIZE=1", options), expected);
  assert(!("fault" in parse("RCPT TO: <a@b>", options)));
  for (const line of ["MAIL FROM: a@b", "MAIL FROM : <a@b>", "MAIL FROM: < a@b>", "RCPT TO: "]) {
    assert("fault" in parse(line, options), line);
  }
});

Deno.test("unknown verbs, whatever they are called", () => {
  for (
    const line of [
      "",
      " ",
      "   ",
      " QUIT",
      "X",
      "TURN",
      "BURL x",
      "constructor",
      "__proto__",
      "toString",
      "DATA\u00a0x",
      "R\u017fET",
      "\ufeffQUIT",
      "QUIT;",
      "MAIL:FROM:<a@b>",
    ]
  ) {
    assertEquals(parse(line), { fault: "unknown-verb" }, JSON.stringify(line));
  }
});

Deno.test("requests of HTTP", () => {
  for (
    const line of [
      "GET / HTTP/1.1",
      "POST /x HTTP/1.0",
      "get",
      "PUT x",
      "HEAD /",
      "OPTIONS *",
      "CONNECT mx.example:25 HTTP/1.1",
      "DELETE /",
      "PATCH /",
      "TRACE / HTTP/1.1",
    ]
  ) {
    assertEquals(parse(line), { fault: "http" }, line);
  }
  assertEquals(fault("GETX / HTTP/1.1"), "unknown-verb");
});

Deno.test("octets that belong in no command", () => {
  for (let octet = 0; octet < 256; octet++) {
    const line = new Uint8Array([...encode("NOOP a"), octet, ...encode("b")]);
    const expected = octet < 0x20 || octet >= 0x7f ? "octets" : undefined;
    const result = parseCommand(line);
    assertEquals("fault" in result ? result.fault : undefined, expected, `octet ${octet}`);
  }
  for (const c of ["\x80", "\x85", "\x9f", "\u2028", "\u2029"]) {
    assertEquals(fault(`NOOP ${c}`), "octets");
    assertEquals(fault(`MAIL FROM:<a${c}@b>`), "octets");
  }
  const sequences: number[][] = [
    [0xc0, 0x80], // overlong NUL
    [0xc0, 0x8a], // overlong LF
    [0xe0, 0x80, 0x8d], // overlong CR
    [0xed, 0xa0, 0x80], // surrogate
    [0xf4, 0x90, 0x80, 0x80], // beyond U+10FFFF
    [0xc3], // cut short
  ];
  for (const octets of sequences) {
    assertEquals(parseCommand(new Uint8Array([...encode("NOOP "), ...octets])), {
      fault: "octets",
    });
  }
  // The beginning of a TLS ClientHello
  assertEquals(parseCommand(Uint8Array.of(0x16, 0x03, 0x01, 0x02)), { fault: "octets" });
});

Deno.test("a view into a larger buffer is read within its bounds", () => {
  const buffer = encode("xxxxNOOP abcyyyy");
  assertEquals(parseCommand(buffer.subarray(4, 12)), { verb: "NOOP", argument: "abc" });
});

Deno.test("long hostile lines take no time", () => {
  const start = performance.now();
  const long = 100_000;
  for (
    const line of [
      "MAIL FROM:<" + '"a"'.repeat(long),
      'MAIL FROM:<"' + "\\\\".repeat(long),
      "MAIL FROM:<" + "a".repeat(long),
      "MAIL FROM:<>" + " A".repeat(long),
      "AUTH PLAIN " + "A".repeat(long) + "*",
      "AUTH PLAIN " + "=".repeat(long),
      "EHLO " + "a ".repeat(long),
      "XCLIENT " + "NAME=a ".repeat(long),
      "x" + " ".repeat(long) + "x",
    ]
  ) {
    assert("fault" in parse(line));
  }
  assert(performance.now() - start < 1000);
});
