import { assertEquals, assertThrows } from "@std/assert";
import {
  encodeProxyHeader,
  type ProxyEndpoint,
  type ProxyHeader,
  ProxyHeaderFault,
  ProxyHeaderReader,
} from "../../src/stages/mod.ts";
import { assertEveryCutting, cuttings, octets, run, text } from "../_chunking.ts";

const make = () => new ProxyHeaderReader();
const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
const pair = (value: number) => String.fromCharCode(value >> 8, value & 0xff);
const binary = (commandAndFamily: string, block: string, length = block.length) =>
  SIGNATURE + commandAndFamily + pair(length) + block;

const v4 = "\xc0\x00\x02\x01\xcb\x00\x71\x09";
const v6 = "\x20\x01\x0d\xb8" + "\0".repeat(11) + "\x01" + "\0".repeat(15) + "\x01";
const ports = pair(40000) + pair(25);
const from = (host: string, port = 40000): ProxyEndpoint => ({ host, port });
const to = (host: string, port = 25): ProxyEndpoint => ({ host, port });

const lines: [line: string, header: ProxyHeader][] = [
  ["UNKNOWN", { version: 1, local: true }],
  ["UNKNOWN ffff::1 ffff::2 65535 65535", { version: 1, local: true }],
  ["UNKNOWN \xff anything", { version: 1, local: true }],
  [
    "TCP4 192.0.2.1 203.0.113.9 40000 25",
    { version: 1, local: false, source: from("192.0.2.1"), destination: to("203.0.113.9") },
  ],
  [
    "TCP4 0.0.0.0 255.255.255.255 0 65535",
    {
      version: 1,
      local: false,
      source: from("0.0.0.0", 0),
      destination: to("255.255.255.255", 65535),
    },
  ],
  [
    "TCP6 2001:DB8:0:0:0:0:0:1 ::1 40000 25",
    { version: 1, local: false, source: from("2001:db8::1"), destination: to("::1") },
  ],
  [
    `TCP6 ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535`,
    {
      version: 1,
      local: false,
      source: from("ffff:".repeat(7) + "ffff", 65535),
      destination: to("ffff:".repeat(7) + "ffff", 65535),
    },
  ],
];

const binaries: [wire: string, header: ProxyHeader][] = [
  [binary("\x20\x00", ""), { version: 2, local: true }],
  [binary("\x20\x11", v4 + ports), { version: 2, local: true }],
  [binary("\x20\xff", "anything"), { version: 2, local: true }],
  [binary("\x21\x00", "\0\0\0"), { version: 2, local: true }],
  [
    binary("\x21\x11", v4 + ports),
    {
      version: 2,
      local: false,
      source: from("192.0.2.1"),
      destination: to("203.0.113.9"),
      tlvs: [],
    },
  ],
  [
    binary("\x21\x21", v6 + ports + "\x04\0\0\xea\0\x02ab"),
    {
      version: 2,
      local: false,
      source: from("2001:db8::1"),
      destination: to("::1"),
      tlvs: [{ type: 4, value: octets("") }, { type: 0xea, value: octets("ab") }],
    },
  ],
  [
    binary("\x21\x31", "/".repeat(216) + "\x01\0\x01x"),
    { version: 2, local: true, tlvs: [{ type: 1, value: octets("x") }] },
  ],
  [
    binary("\x21\x11", v4 + ports + "\x04" + pair(1009) + "\0".repeat(1009)),
    {
      version: 2,
      local: false,
      source: from("192.0.2.1"),
      destination: to("203.0.113.9"),
      tlvs: [{ type: 4, value: new Uint8Array(1009) }],
    },
  ],
];

Deno.test("ProxyHeaderReader: reads both versions", () => {
  for (const [line, header] of lines) assertEveryCutting(`PROXY ${line}\r\n`, make, [header]);
  for (const [wire, header] of binaries) assertEveryCutting(wire, make, [header]);
});

Deno.test("ProxyHeaderReader: an unfinished header is none", () => {
  for (const wire of [`PROXY ${lines[3][0]}\r\n`, binaries[4][0]]) {
    for (let length = 0; length < wire.length; length++) {
      assertEquals(run(make(), [wire.slice(0, length)]), []);
    }
  }
});

Deno.test("ProxyHeaderReader: take stops behind the header", () => {
  for (const header of ["PROXY UNKNOWN\r\n", binaries[5][0]]) {
    const reader = make();
    const found: ProxyHeader[] = [];
    const chunk = octets("xx" + header + "EHLO a\r\n");
    const end = reader.take(chunk, 2, { enqueue: (header) => found.push(header) });
    assertEquals(end, 2 + header.length);
    assertEquals(found.length, 1);
  }
});

Deno.test("ProxyHeaderReader: extension fields outlast the next header", () => {
  const header = (value: string) => binary("\x21\x11", v4 + ports + "\x04\0\x01" + value);
  const headers = run(make(), [header("a") + header("b")]) as ProxyHeader[];
  assertEquals(headers.map(({ tlvs }) => text(tlvs![0].value)), ["a", "b"]);
});

const faulty: [name: string, wire: string][] = [
  ["no header", "EHLO a\r\n"],
  ["lower case", "proxy UNKNOWN\r\n"],
  ["half a signature", "\r\n\r\n\0\r\nQUIT\r\n"],
  ["no family", "PROXY \r\n"],
  ["unknown family", "PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n"],
  ["UNKNOWN goes on", "PROXY UNKNOWNX\r\n"],
  ["two spaces", "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"],
  ["trailing space", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"],
  ["tab", "PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n"],
  ["bare LF", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"],
  ["bare CR", "PROXY UNKNOWN\rEHLO\r\n"],
  ["CR CR LF", "PROXY UNKNOWN\r\r\n"],
  ["port too large", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"],
  ["port with a leading zero", "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"],
  ["port with a sign", "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n"],
  ["port missing", "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"],
  ["octal octet", "PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n"],
  ["octet too large", "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n"],
  ["short IPv4", "PROXY TCP4 192.2 192.0.2.2 1 2\r\n"],
  ["IPv6 for IPv4", "PROXY TCP4 ::1 192.0.2.2 1 2\r\n"],
  ["IPv4 for IPv6", "PROXY TCP6 192.0.2.1 ::1 1 2\r\n"],
  ["zone", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n"],
  ["IPv6 with two gaps", "PROXY TCP6 1::2::3 ::1 1 2\r\n"],
  ["other digits", "PROXY TCP4 192.0.2.1 192.0.2.2 \xb2 2\r\n"],
  ["line too long", `PROXY UNKNOWN ${"x".repeat(92)}\r\n`],
  ["line without an end", "PROXY UNKNOWN " + "x".repeat(1000)],
  ["version 1 in binary", binary("\x11\x11", v4 + ports)],
  ["version 3", binary("\x31\x11", v4 + ports)],
  ["unknown command", binary("\x22\x11", v4 + ports)],
  ["unknown family", binary("\x21\x41", v4 + ports)],
  ["datagrams", binary("\x21\x12", v4 + ports)],
  ["addresses cut short", binary("\x21\x11", v4)],
  ["IPv6 block too short", binary("\x21\x21", v4 + ports)],
  ["no block", binary("\x21\x11", "")],
  ["length above the cap", binary("\x21\x11", v4 + ports, 1025)],
  ["extension cut in its head", binary("\x21\x11", v4 + ports + "\x04\0")],
  ["extension cut in its value", binary("\x21\x11", v4 + ports + "\x04\0\x02a")],
];

Deno.test("ProxyHeaderReader: refuses everything else", () => {
  for (const [name, wire] of faulty) {
    for (const [cutting, chunks] of cuttings(wire)) {
      assertThrows(() => run(make(), chunks), ProxyHeaderFault, "", `${name}, ${cutting}`);
    }
  }
});

Deno.test("ProxyHeaderReader: refuses at the first octet that cannot belong to a header", () => {
  for (const start of ["E", "PROXY\t", "\r\n\r\n\r", "PROXY UNKNOWN" + "x".repeat(94)]) {
    assertEquals(run(make(), [start.slice(0, -1)]), []);
    assertThrows(() => run(make(), [start]), ProxyHeaderFault);
  }
});

Deno.test("ProxyHeaderReader: a line may have 107 octets", () => {
  const wire = `PROXY UNKNOWN ${"x".repeat(91)}\r\n`;
  assertEquals(wire.length, 107);
  assertEquals(run(make(), [wire]), [{ version: 1, local: true }]);
});

Deno.test("encodeProxyHeader: writes known octets", () => {
  const table: [version: 1 | 2, ends: ProxyEndpoint[], wire: string][] = [
    [1, [], "PROXY UNKNOWN\r\n"],
    [2, [], binary("\x20\x00", "")],
    [1, [from("192.0.2.1")], "PROXY UNKNOWN\r\n"],
    [1, [from("192.0.2.1"), to("203.0.113.9")], `PROXY ${lines[3][0]}\r\n`],
    [2, [from("192.0.2.1"), to("203.0.113.9")], binary("\x21\x11", v4 + ports)],
    [1, [from("2001:DB8:0::1"), to("::1")], "PROXY TCP6 2001:db8::1 ::1 40000 25\r\n"],
    [2, [from("2001:db8::1"), to("::1")], binary("\x21\x21", v6 + ports)],
    [
      2,
      [from("fe80::1%eth0"), to("::1")],
      binary(
        "\x21\x21",
        "\xfe\x80" + "\0".repeat(13) + "\x01" + "\0".repeat(15) + "\x01" + ports,
      ),
    ],
    [1, [from("192.0.2.1"), to("::1")], "PROXY TCP6 ::ffff:c000:201 ::1 40000 25\r\n"],
  ];
  for (const [version, [source, destination], wire] of table) {
    assertEquals(text(encodeProxyHeader(version, source, destination)), wire);
  }
});

Deno.test("encodeProxyHeader: what it writes is read back", () => {
  const hosts = [["192.0.2.1", "203.0.113.9"], ["2001:db8::1", "::"], ["::ffff:1:2", "fe80::1"]];
  for (const version of [1, 2] as const) {
    for (const [client, server] of hosts) {
      const wire = text(encodeProxyHeader(version, from(client, 0), to(server, 65535)));
      const ends = { source: from(client, 0), destination: to(server, 65535) };
      const header = { version, local: false, ...ends };
      assertEveryCutting(wire, make, [version === 1 ? header : { ...header, tlvs: [] }]);
    }
  }
});

Deno.test("encodeProxyHeader: refuses what is no address or port", () => {
  const good = to("192.0.2.2");
  const hosts = [
    "",
    "example.org",
    "127.1",
    "0x7f.0.0.1",
    "[::1]",
    "1.2.3.4\r\nMAIL",
    "2130706433",
  ];
  const ports = [-1, 65536, 1.5, NaN];
  for (const bad of [...hosts.map((host) => from(host)), ...ports.map((p) => from("::1", p))]) {
    for (const version of [1, 2] as const) {
      assertThrows(() => encodeProxyHeader(version, bad, good), RangeError, "PROXY header");
      assertThrows(() => encodeProxyHeader(version, good, bad), RangeError, "PROXY header");
    }
  }
});
