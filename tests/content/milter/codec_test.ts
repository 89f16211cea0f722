import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { concat, encode } from "../../../src/bytes.ts";
import { type Answer, type Progress, readAnswer } from "../../../src/content/milter/answer.ts";
import {
  COMMAND,
  connectData,
  envelopeData,
  headerData,
  macrosPacket,
} from "../../../src/content/milter/commands.ts";
import {
  CHUNK,
  LARGEST_FIELD,
  MessageSplitter,
  type Piece,
} from "../../../src/content/milter/message_splitter.ts";
import {
  ACTION,
  type Agreement,
  offer,
  readAgreement,
  STEP,
} from "../../../src/content/milter/negotiation.ts";
import {
  LARGEST,
  MilterFault,
  number32,
  type Packet,
  packet,
  PacketSplitter,
  string,
} from "../../../src/content/milter/packet.ts";
import { TooMuch } from "../../../src/message/feed.ts";
import { Path } from "../../../src/rfc5321/path.ts";
import { addHeader, changeHeader, insertHeader, replyCode } from "./_milter.ts";

const latin1 = new TextDecoder("latin1");
const ALL: Agreement = { version: 6, actions: 0x1ff, steps: STEP.skip, macros: {} };

/** The packets in these octets, `octets` at a time. */
function split(all: Uint8Array, octets: number = all.length): Packet[] {
  const splitter = new PacketSplitter();
  const packets: Packet[] = [];
  const out = { enqueue: (one: Packet): void => void packets.push(one) };
  for (let at = 0; at < all.length; at += octets) {
    splitter.transform(all.subarray(at, at + octets), out);
  }
  splitter.flush();
  return packets;
}

function hex(octets: Uint8Array): string {
  return [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join(" ");
}

Deno.test("milter packets: written", () => {
  assertEquals(hex(packet("A")), "00 00 00 01 41");
  assertEquals(hex(packet("H", string("a"))), "00 00 00 03 48 61 00");
  assertEquals(hex(number32(0x80c0ffee)), "80 c0 ff ee");
  assertEquals(hex(string("a\0b")), "61 20 62 00");
  assertEquals(
    hex(offer()),
    "00 00 00 0d 4f 00 00 00 06 00 00 01 31 00 1f f7 ff",
  );
});

Deno.test("milter packets: read, at every split", () => {
  const all = concat([packet("c"), replyCode("550 no"), packet("h", string("A"), string(""))]);
  const codes = ["c", "y", "h"];
  for (let octets = 1; octets <= all.length; octets++) {
    assertEquals(split(all, octets).map(({ code }) => code), codes);
  }
  assertEquals(split(packet("B", new Uint8Array(LARGEST - 1)))[0].data.length, LARGEST - 1);
});

/** What is told to a milter, NULs as bars. */
const commands: Readonly<Record<string, readonly [data: readonly Uint8Array[], told: string]>> = {
  "a client with a name": [
    connectData({
      ...{ name: "a.example", address: "192.0.2.1", port: 0x4142 },
      ...{ hello: "", extended: false, trusted: false },
    }),
    "a.example|4AB192.0.2.1|",
  ],
  "a client without": [
    connectData({
      ...{ address: "2001:db8::1", port: 0x4142, hello: "", extended: false, trusted: false },
    }),
    "[2001:db8::1]|6AB2001:db8::1|",
  ],
  "a client without an address": [
    connectData({ address: "", port: 0, hello: "", extended: false, trusted: false }),
    "localhost|U",
  ],
  "no sender": [envelopeData(Path.null, ""), "<>|"],
  "parameters": [
    envelopeData(Path.from("a@b.example"), " SIZE=1 BODY=8BITMIME"),
    "<a@b.example>|SIZE=1|BODY=8BITMIME|",
  ],
  "a header field": [headerData({ name: "A", body: encode(" 1\r\n") }, ALL), "A|1|"],
  "a header field with two spaces": [
    headerData({ name: "A", body: encode("  1\r\n") }, ALL),
    "A| 1|",
  ],
  "a header field with a tab": [headerData({ name: "A", body: encode("\t1\r\n") }, ALL), "A|\t1|"],
  "a header field with its space": [
    headerData({ name: "A", body: encode(" 1\r\n") }, { ...ALL, steps: STEP.leadingSpace }),
    "A| 1|",
  ],
  "a folded header field": [
    headerData({ name: "A", body: encode(" 1\r\n\t2\r\n 3\r\n") }, ALL),
    "A|1\n\t2\n 3|",
  ],
  "a header field with a NUL": [
    headerData({ name: "A", body: encode(" 1\u00002\r\n") }, ALL),
    "A|1 2|",
  ],
  "a header field without an end": [headerData({ name: "A", body: encode("1") }, ALL), "A|1|"],
  "a header field without a value": [headerData({ name: "A", body: encode("") }, ALL), "A||"],
  "macros": [
    [macrosPacket(COMMAND.connect, [["j", "x"], ["{a}", ""]]).subarray(5)],
    "Cj|x|{a}||",
  ],
};

for (const [name, [data, told]] of Object.entries(commands)) {
  Deno.test(`milter commands: ${name}`, () => {
    assertEquals(latin1.decode(concat(data)).replaceAll("\0", "|"), told);
  });
}

const add = (name: string, value: string, at: "bottom" | number = "bottom"): Answer => ({
  kind: "edit",
  edit: { kind: "add", name, value, at },
});

/** What is read from a packet. */
const answers: Readonly<Record<string, readonly [octets: Uint8Array, answer: Answer | Progress]>> =
  {
    "continue": [packet("c"), { kind: "continue" }],
    "accept": [packet("a"), { kind: "accept" }],
    "discard": [packet("d"), { kind: "discard" }],
    "skip": [packet("s"), { kind: "skip" }],
    "progress": [packet("p"), { kind: "progress" }],
    "quarantine": [packet("q", string("why")), { kind: "quarantine" }],
    "add": [addHeader("A", "1"), add("A", "1")],
    "add in UTF-8": [addHeader("A", "\u00e9"), add("A", "\u00e9")],
    "add in Latin-1": [packet("h", string("A"), Uint8Array.of(0xe9, 0)), add("A", "\u00e9")],
    "add with a line end": [addHeader("A", "1\r\n"), add("A", "1")],
    "insert at 0": [insertHeader(0, "A", "1"), add("A", "1", 0)],
    "insert at 1": [insertHeader(1, "A", "1"), add("A", "1", 0)],
    "insert at 5": [insertHeader(5, "A", "1"), add("A", "1", 4)],
    "change": [
      changeHeader(3, "A", "1"),
      { kind: "edit", edit: { kind: "replace", name: "A", value: "1", nth: 3 } },
    ],
    "remove": [
      changeHeader(3, "A", ""),
      { kind: "edit", edit: { kind: "remove", name: "A", nth: 3 } },
    ],
  };

for (const [name, [octets, answer]] of Object.entries(answers)) {
  Deno.test(`milter answers: ${name}`, () => {
    assertEquals(readAnswer(split(octets)[0], ALL), answer);
  });
}

/** What a refusal says. */
const refusals: Readonly<Record<string, readonly [octets: Uint8Array, reply: string]>> = {
  "reject": [packet("r"), "550 5.7.1 Rejected\r\n"],
  "tempfail": [packet("t"), "451 4.7.1 Try again later\r\n"],
  "a reply": [replyCode("554 5.7.1 No"), "554 5.7.1 No\r\n"],
  "a reply without a text": [replyCode("554"), "554 \r\n"],
  "a reply of lines": [replyCode("450-4.7.1 a\r\n450 4.7.1 b"), "450-4.7.1 a\r\n450 4.7.1 b\r\n"],
  "a reply with percents": [replyCode("550 5%% %s"), "550 5% s\r\n"],
};

for (const [name, [octets, reply]] of Object.entries(refusals)) {
  Deno.test(`milter answers: ${name}`, () => {
    const answer = readAnswer(split(octets)[0], ALL);
    assertEquals(answer.kind === "refuse" && answer.reply.toString(), reply);
  });
}

Deno.test("milter negotiation: what is agreed upon", () => {
  const octets = packet(
    "O",
    ...[number32(4), number32(ACTION.addHeaders), number32(STEP.noBody | 0x8000_0000)],
    ...[
      number32(0),
      string("j  {daemon_name}"),
      number32(5),
      string(""),
      number32(77),
      string("i"),
    ],
  );
  assertEquals(readAgreement(split(octets)[0]), {
    version: 4,
    actions: ACTION.addHeaders,
    steps: STEP.noBody,
    macros: { connect: ["j", "{daemon_name}"], endOfMessage: [] },
  });
});

/** A message piece by piece: fields as `name|body`. */
function pieces(message: Uint8Array, octets: number = Math.max(1, message.length)): string[] {
  const splitter = new MessageSplitter();
  const found: string[] = [];
  const out = {
    enqueue(piece: Piece): void {
      if (piece.kind === "field") {
        found.push(`${piece.field.name}|${latin1.decode(piece.field.body)}`);
      } else found.push(piece.kind === "body" ? latin1.decode(piece.octets) : "--");
    },
  };
  for (let at = 0; at < message.length; at += octets) {
    splitter.transform(message.subarray(at, at + octets), out);
  }
  splitter.flush(out);
  return found;
}

const messages: Readonly<Record<string, readonly string[]>> = {
  "": ["--"],
  "\r\n": ["--"],
  "\r\nbody": ["--", "body"],
  "A: 1\r\nB:2\r\n\r\nbody\r\n": ["A| 1\r\n", "B|2\r\n", "--", "body\r\n"],
  "A: 1\r\n\t2\r\n 3\r\n\r\n": ["A| 1\r\n\t2\r\n 3\r\n", "--"],
  "A: 1": ["A| 1", "--"],
  "A \t: 1\r\n": ["A| 1\r\n", "--"],
  "A: 1\n\nbody": ["A| 1\n", "--", "body"],
  " 1\r\nA: 1\r\n": ["--", " 1\r\nA: 1\r\n"],
  "From a@b Mon\r\nA: 1\r\n\r\n": ["--", "From a@b Mon\r\nA: 1\r\n\r\n"],
  ": 1\r\n": ["--", ": 1\r\n"],
  "A: 1\r\n--\r\n\r\nbody": ["A| 1\r\n", "--", "--\r\n\r\nbody"],
  [`${"N".repeat(200)}: 1\r\n\r\n`]: [`${"N".repeat(200)}| 1\r\n`, "--"],
};

for (const [message, expected] of Object.entries(messages)) {
  Deno.test(`milter message: ${JSON.stringify(message).slice(0, 60)}`, () => {
    const octets = encode(message);
    for (let size = 1; size <= Math.max(1, octets.length); size++) {
      assertEquals(pieces(octets, size), expected, `${size} octets at a time`);
    }
  });
}

Deno.test("milter message: the largest header field, and one that is larger", () => {
  const field = (octets: number): Uint8Array => encode(`A:${"x".repeat(octets - 4)}\r\n`);
  const [told] = pieces(concat([field(LARGEST_FIELD), encode("\r\n")]));
  const data = headerData({ name: "A", body: encode(told.slice(2)) }, ALL);
  assertEquals(split(packet("L", ...data)).length, 1);
  assertThrows(() => pieces(field(LARGEST_FIELD + 1)), TooMuch);
  assertThrows(() => pieces(encode(`A: 1\r\n${" x\r\n".repeat(LARGEST_FIELD / 4)}`)), TooMuch);
  assertThrows(() => pieces(encode(`A:${"x".repeat(LARGEST_FIELD)}`), 1_000), TooMuch);
});

Deno.test("milter message: a long line that is no header field is body", () => {
  const line = encode("x".repeat(2 * CHUNK + 5));
  assertEquals(pieces(line, 1_000).map(({ length }) => length), [2, CHUNK, CHUNK, 5]);
});

const octetsOf = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));

Deno.test("milter message: property: every octet is told, however it comes", () => {
  const text = fc.array(fc.constantFrom("A", ":", " ", "\t", "\r\n", "\r", "\n", "\xff", "\0"));
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 9 }), (parts, size) => {
      const message = octetsOf(parts.join(""));
      const found = pieces(message, size);
      assertEquals(found, pieces(message));
      const told = found.filter((one) => one !== "--").join("").replaceAll(/[|:\r\n \t]/g, "");
      assertEquals(told, latin1.decode(message).replaceAll(/[|:\r\n \t]/g, ""));
    }),
    { numRuns: 1_000, seed: 8 },
  );
});

/** Octets that are nearly what a milter says. */
const nearly = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.tuple(
    fc.constantFrom(..."cadrtf4psyhimqO+-be2l"),
    fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 8 }),
        fc.constantFrom(string("A"), string("550 5.7.1 no"), string("550-x\r\n"), number32(6)),
      ),
      { maxLength: 4 },
    ),
  ).map(([code, data]) => packet(code, ...data)),
);

Deno.test("milter codec: fuzz: nothing but its fault is thrown", () => {
  fc.assert(
    fc.property(fc.array(nearly, { maxLength: 4 }), fc.integer({ min: 1, max: 9 }), (all, size) => {
      const packets = attempt(() => split(concat(all), size)) ?? [];
      for (const one of packets) {
        attempt(() => readAgreement(one));
        attempt(() => readAnswer(one, ALL));
        attempt(() => readAnswer(one, { ...ALL, actions: 0, steps: STEP.leadingSpace }));
      }
    }),
    { numRuns: 5_000, seed: 8 },
  );
});

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof MilterFault)) throw error;
  }
}
