import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  type ClientHelloResult,
  MAX_CLIENT_HELLO,
  parseClientHello,
} from "../../src/adapters/client_hello.ts";

/** A vector: its length in `size` octets, then itself. */
function vector(size: number, ...octets: number[]): number[] {
  const length = Array.from({ length: size }, (_, i) => octets.length >> 8 * (size - 1 - i) & 255);
  return [...length, ...octets];
}

const codes = (text: string) => [...new TextEncoder().encode(text)];
const hostName = (text: string) => [0, ...vector(2, ...codes(text))];
const serverNames = (...list: number[]) => [0, 0, ...vector(2, ...vector(2, ...list))];
const protocols = (...names: string[]) => [
  ...[0, 16],
  ...vector(2, ...vector(2, ...names.flatMap((name) => vector(1, ...codes(name))))),
];
/** GREASE (RFC 8701): an extension that nobody knows. */
const unknown = [0x0a, 0x0a, ...vector(2, 1, 2, 3)];

/** The body of a ClientHello with these extensions; without any, they are absent. */
function body(...extensions: number[][]): number[] {
  const start = [3, 3, ...new Array(32).fill(7), ...vector(1, 1, 2, 3), ...vector(2, 19, 1)];
  const all = extensions.flat();
  return [...start, ...vector(1, 0), ...(extensions.length === 0 ? [] : vector(2, ...all))];
}

const message = (content: number[]) => [1, ...vector(3, ...content)];

/** The message in records of `size` octets. */
function records(content: number[], size = 16384): Uint8Array {
  const octets: number[] = [];
  for (let at = 0; at < content.length; at += size) {
    octets.push(22, 3, 1, ...vector(2, ...content.slice(at, at + size)));
  }
  return Uint8Array.from(octets);
}

const hello = (...extensions: number[][]) => records(message(body(...extensions)));

function complete(serverName: string, alpn: string[] = []): ClientHelloResult {
  return { kind: "complete", hello: { serverName, alpn } };
}

const whole = hello(unknown, serverNames(...hostName("Mail.Example")), protocols("smtp", "x"));
const parsed = complete("mail.example", ["smtp", "x"]);

Deno.test("parseClientHello: what is asked for", async (t) => {
  const cases: [string, Uint8Array, ClientHelloResult][] = [
    ["all", whole, parsed],
    ["no extensions", hello(), complete("")],
    ["empty extensions", hello([]), complete("")],
    ["no server name", hello(protocols("smtp")), complete("", ["smtp"])],
    ["underscores", hello(serverNames(...hostName("a_b.example"))), complete("a_b.example")],
    ["another kind of name", hello(serverNames(9, ...vector(2, 1, 2))), complete("")],
    ["not a host name", hello(serverNames(...hostName("a b"))), complete("")],
    ["with a line end", hello(serverNames(...hostName("a.example\n"))), complete("")],
    ["a trailing dot", hello(serverNames(...hostName("a.example."))), complete("")],
    ["an empty name", hello(serverNames(...hostName(""))), complete("")],
    ["too long a label", hello(serverNames(...hostName("a".repeat(64)))), complete("")],
    ["too long a name", hello(serverNames(...hostName("a.".repeat(127) + "a"))), complete("")],
    ["control characters", hello(protocols("a\r\nb")), complete("", ["a??b"])],
    ["something behind it", Uint8Array.of(...whole, 21, 3, 3, 0, 2, 2, 40), parsed],
  ];
  for (const [name, octets, expected] of cases) {
    await t.step(name, () => assertEquals(parseClientHello(octets), expected));
  }
});

Deno.test("parseClientHello: every prefix is incomplete", () => {
  for (let length = 0; length < whole.length; length++) {
    assertEquals(parseClientHello(whole.subarray(0, length)).kind, "incomplete", `${length}`);
  }
});

Deno.test("parseClientHello: the message may be spread over records of any size", () => {
  const content = [...whole.subarray(5)];
  for (const size of [1, 2, 3, 4, 5, 50, content.length - 1]) {
    const split = records(content, size);
    assertEquals(parseClientHello(split), parsed, `records of ${size}`);
    assertEquals(parseClientHello(split.subarray(0, split.length - 1)).kind, "incomplete");
  }
});

Deno.test("parseClientHello: what is none", async (t) => {
  const cases: [string, Uint8Array, string][] = [
    ["SMTP", Uint8Array.from(codes("EHLO a\r\n")), "record type is 69, expected 22"],
    ["SSL 2.0", Uint8Array.of(0x80, 0x2e, 1, 3, 1), "record type is 128"],
    ["another version", Uint8Array.of(22, 2), "major version is 2"],
    ["an empty record", Uint8Array.of(22, 3, 1, 0, 0), "record has 0 octets"],
    ["too large a record", Uint8Array.of(22, 3, 1, 0x40, 1), "record has 16385 octets"],
    ["a ServerHello", records([2, 0, 0, 0]), "message type is 2, expected 1"],
    ["too large a message", records([1, 1, 0, 0]), `more than ${MAX_CLIENT_HELLO} octets`],
    ["another record in between", Uint8Array.of(22, 3, 1, 0, 1, 1, 23), "record type is 23"],
    ["an empty message", records(message([])), "a length inside it is wrong"],
    ["a cut-off body", records(message(body().slice(0, -1))), "a length inside it is wrong"],
    ["a wrong list length", hello([0, 0, ...vector(2, 0, 9, 0, 0, 1, 97)]), "a length inside"],
    ["a wrong protocol length", hello([0, 16, ...vector(2, 0, 2, 9, 97)]), "a length inside"],
    ["half an extension", hello([0]), "a length inside it is wrong"],
  ];
  for (const [name, octets, problem] of cases) {
    await t.step(name, () => {
      const result = parseClientHello(octets);
      assert(result.kind === "invalid", result.kind);
      assertStringIncludes(result.problem, problem);
    });
  }
});

Deno.test("parseClientHello: never asks for more than its limit", () => {
  const largest = message(new Array(MAX_CLIENT_HELLO - 4).fill(0));
  const endless = records(largest, 1).subarray(0, MAX_CLIENT_HELLO);
  assertEquals(parseClientHello(endless).kind, "invalid");
  assertEquals(parseClientHello(endless.subarray(0, MAX_CLIENT_HELLO - 1)).kind, "incomplete");
});

Deno.test("parseClientHello: takes any octets without throwing", () => {
  const spoilt = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 })
    .map((changes) => {
      const octets = whole.slice();
      for (const [at, octet] of changes) octets[at] = octet;
      return octets;
    });
  const kinds = new Set<string>();
  fc.assert(
    fc.property(fc.oneof(spoilt, fc.uint8Array({ maxLength: 300 })), (octets) => {
      const result = parseClientHello(octets);
      kinds.add(result.kind);
      if (result.kind === "complete") {
        // Only what may stand in a log and in a look-up leaves the parser.
        assert(/^[a-z0-9_.-]*$/.test(result.hello.serverName));
        assert(result.hello.alpn.every((name) => /^[!-~]*$/.test(name)));
      }
    }),
    { numRuns: 2000, seed: 1 },
  );
  assertEquals(kinds, new Set(["complete", "incomplete", "invalid"]));
});
