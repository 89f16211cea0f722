/**
 * Questions and replies of the domain name system.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { encode } from "../../src/bytes.ts";
import { RecordError, type RecordType } from "../../src/dns/records.ts";
import { decodeReply, encodeQuestion, ReplyError } from "../../src/dns/wire.ts";
import { nameOctets, short } from "./_name_server.ts";

const TYPES: Readonly<Record<RecordType, number>> = {
  A: 1,
  CNAME: 5,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
};

interface Answer {
  /** Default: the name that was asked for. */
  readonly owner?: readonly number[];
  readonly type: RecordType;
  readonly data: readonly number[];
}

/** A reply to the question 7 for a type of x.example. */
function reply(
  asked: RecordType,
  answers: readonly Answer[],
  { flags = [0x81, 0x80], id = 7 }: { flags?: readonly number[]; id?: number } = {},
): Uint8Array {
  return new Uint8Array([
    ...[...short(id), ...flags, 0, 1, ...short(answers.length), 0, 0, 0, 0],
    ...[...nameOctets("x.example"), 0, TYPES[asked], 0, 1],
    ...answers.flatMap(({ owner = [0xc0, 12], type, data }) => [
      ...[...owner, 0, TYPES[type], 0, 1, 0, 0, 0, 60],
      ...[...short(data.length), ...data],
    ]),
  ]);
}

const text = (...texts: string[]): number[] =>
  texts.flatMap((text) => [text.length, ...encode(text)]);

Deno.test("a question is written as RFC 1035 §4.1 has it", () => {
  const octets = [
    0x12,
    0x34,
    1,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    ...nameOctets("x.example"),
    0,
    16,
    0,
    1,
  ];
  assertEquals([...encodeQuestion(0x1234, "x.example", "TXT")], octets);
  assertEquals([...encodeQuestion(0x1234, "x.example.", "TXT")], octets);
  for (const name of ["", ".", "a..b", `${"a".repeat(64)}.b`, "a.".repeat(128), "a b", "ä.b"]) {
    assertEquals(assertThrows(() => encodeQuestion(1, name, "A"), RecordError).code, "EBADNAME");
  }
});

Deno.test("records are read", () => {
  const cases: readonly [RecordType, readonly number[], unknown][] = [
    ["A", [192, 0, 2, 1], "192.0.2.1"],
    ["AAAA", [0x20, 1, 0x0d, 0xb8, ...Array(11).fill(0), 1], "2001:db8:0:0:0:0:0:1"],
    ["PTR", nameOctets("mx.x.example"), "mx.x.example"],
    ["PTR", [2, 0x61, 0x2e, 0xc0, 12], "a\\046.x.example"],
    ["MX", [0, 10, 2, 0x6d, 0x78, 0xc0, 12], { exchange: "mx.x.example", priority: 10 }],
    ["TXT", text("v=spf1", "", " -all"), ["v=spf1", "", " -all"]],
  ];
  for (const [type, data, expected] of cases) {
    assertEquals(decodeReply(reply(type, [{ type, data }]), 7, "X.Example", type), [expected]);
  }
});

Deno.test("an alias is followed, and what belongs to nobody is not believed", () => {
  const answers: Answer[] = [
    { owner: nameOctets("other.example"), type: "TXT", data: text("no") },
    { type: "CNAME", data: nameOctets("Y.example") },
    { owner: nameOctets("y.example"), type: "CNAME", data: nameOctets("z.example") },
    { owner: nameOctets("z.example"), type: "TXT", data: text("yes") },
  ];
  assertEquals(decodeReply(reply("TXT", answers), 7, "x.example", "TXT"), [["yes"]]);
});

Deno.test("why there are no records is told", () => {
  for (
    const [flags, code] of [
      [[0x81, 0x80], "ENODATA"],
      [[0x81, 0x83], "ENOTFOUND"],
      [[0x81, 0x82], "ESERVFAIL"],
      [[0x81, 0x85], "EREFUSED"],
      [[0x81, 0x84], "ESERVFAIL"],
    ] as const
  ) {
    const octets = reply("TXT", [], { flags });
    const error = assertThrows(() => decodeReply(octets, 7, "x.example", "TXT"), RecordError);
    assertEquals(error.code, code);
  }
});

Deno.test("what is no reply to the question is refused", () => {
  const good = { type: "TXT", data: text("yes") } as const;
  const unasked = new Uint8Array([
    ...[...short(7), 0x81, 0x80, 0, 0, 0, 1, 0, 0, 0, 0, ...nameOctets("x.example")],
    ...[0, TYPES.TXT, 0, 1, 0, 0, 0, 60, ...short(good.data.length), ...good.data],
  ]);
  const wrong: readonly Uint8Array[] = [
    new Uint8Array(0),
    reply("TXT", [good], { id: 8 }),
    reply("TXT", [good], { flags: [0x01, 0x80] }),
    reply("TXT", [good], { flags: [0x83, 0x80] }),
    reply("A", [good]),
    reply("TXT", [good]).subarray(0, -1),
    reply("TXT", [{ ...good, owner: [0xc0, 0xff] }]),
    reply("TXT", [{ ...good, owner: [0x80, 1] }]),
    reply("TXT", [{ ...good, owner: [0xc0, 27] }]),
    reply("TXT", [{ type: "TXT", data: [40, 0x61] }]),
    reply("TXT", [{ type: "TXT", data: [10, 0x61] }, good]),
    reply("TXT", [{ type: "CNAME", data: [1] }, good]),
    unasked,
  ];
  for (const octets of wrong) {
    assertThrows(() => decodeReply(octets, 7, "x.example", "TXT"), ReplyError);
  }
  const cut = reply("A", [{ type: "A", data: [1, 2, 3] }]);
  assertThrows(() => decodeReply(cut, 7, "x.example", "A"), ReplyError);
});

Deno.test("whatever comes is read or refused", () => {
  const good = reply("TXT", [
    { type: "CNAME", data: [1, 0x61, 0xc0, 12] },
    { owner: [1, 0x61, 0xc0, 12], type: "TXT", data: text("yes") },
  ]);
  const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 1, maxLength: 6 }),
      fc.nat(good.length),
      (all, cut) => {
        const octets = good.slice(0, cut === 0 ? good.length : cut);
        for (const [at, octet] of all) octets[at] = octet;
        try {
          assert(decodeReply(octets, 7, "x.example", "TXT").length > 0);
        } catch (error) {
          assert(error instanceof RecordError || error instanceof ReplyError, String(error));
        }
      },
    ),
    { numRuns: 2_000 },
  );
});
