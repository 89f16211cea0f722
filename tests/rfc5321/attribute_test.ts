import { assert, assertEquals } from "@std/assert";
import { parseXclient, parseXforward } from "../../src/rfc5321/attribute.ts";

Deno.test("XCLIENT and XFORWARD: values in the grammar", () => {
  const both: [string, [string, string | undefined][]][] = [
    ["NAME=spike.porcupine.org ADDR=168.100.189.2", [
      ["NAME", "spike.porcupine.org"],
      ["ADDR", "168.100.189.2"],
    ]],
    ["addr=IPV6:2001:db8::1 port=65535", [["ADDR", "2001:db8::1"], ["PORT", "65535"]]],
    ["ADDR=ipv6:::1", [["ADDR", "::1"]]],
    ["NAME=[UNAVAILABLE] HELO=[tempunavail]", [["NAME", undefined], ["HELO", undefined]]],
    ["HELO=a+20b+2Bc", [["HELO", "a b+c"]]],
    ["HELO=+C3+BC", [["HELO", "ü"]]],
    ["PORT=0", [["PORT", "0"]]],
    ["PROTO=ESMTP", [["PROTO", "ESMTP"]]],
    [`HELO=${"x".repeat(255)}`, [["HELO", "x".repeat(255)]]],
  ];
  for (const [text, expected] of both) {
    assertEquals(parseXclient(text), new Map(expected), text);
    assertEquals(parseXforward(text), new Map(expected), text);
  }
  assertEquals(
    parseXclient("LOGIN=a@b DESTADDR=192.0.2.1 DESTPORT=25 REVERSE_NAME=x.example proto=smtp"),
    new Map([
      ["LOGIN", "a@b"],
      ["DESTADDR", "192.0.2.1"],
      ["DESTPORT", "25"],
      ["REVERSE_NAME", "x.example"],
      ["PROTO", "SMTP"],
    ]),
  );
  assertEquals(
    parseXforward("IDENT=4XYZ SOURCE=local PROTO=LMTP"),
    new Map([["IDENT", "4XYZ"], ["SOURCE", "LOCAL"], ["PROTO", "LMTP"]]),
  );
});

Deno.test("XCLIENT and XFORWARD: what is refused", () => {
  const both = [
    "",
    "NAME",
    "NAME=",
    "=x",
    "NAME=a  ADDR=192.0.2.1",
    "NAME=a ",
    "NAME=a NAME=b",
    "NAME=a name=b",
    "FOO=bar",
    "constructor=x",
    "NAME=a+20b",
    "NAME=a=b",
    "NAME=+zz",
    "HELO=+",
    "HELO=+0D+0AMAIL",
    "HELO=+00",
    "HELO=+09",
    "HELO=+C2+85",
    "HELO=+FF",
    "HELO=ü",
    `HELO=${"x".repeat(256)}`,
    `HELO=${"+C3+BC".repeat(128)}`,
    "ADDR=192.0.2.256",
    "ADDR=192.0.2.01",
    "ADDR=2001:db8::1",
    "ADDR=IPV6:192.0.2.1",
    "ADDR=IPV6:2001:db8::1%25eth0",
    "ADDR=mx.example",
    "ADDR=[192.0.2.1]",
    "PORT=65536",
    "PORT=-1",
    "PORT=1.5",
    "PORT=000025",
    "PROTO=a b",
    "PROTO=a+0A",
  ];
  for (const text of both) {
    assertEquals(parseXclient(text), undefined, text);
    assertEquals(parseXforward(text), undefined, text);
  }
  for (const text of ["PROTO=LMTP", "PROTO=E\u017fMTP", "IDENT=x", "SOURCE=LOCAL"]) {
    assertEquals(parseXclient(text), undefined, text);
  }
  for (
    const text of [
      "LOGIN=x",
      "DESTADDR=192.0.2.1",
      "REVERSE_NAME=x",
      "SOURCE=NOWHERE",
      `PROTO=${"X".repeat(65)}`,
    ]
  ) {
    assertEquals(parseXforward(text), undefined, text);
  }
});

Deno.test("the attributes are those that Postfix documents", () => {
  const accepts = (parse: typeof parseXclient, name: string) =>
    parse(`${name}=[UNAVAILABLE]`) !== undefined;
  for (
    const name of "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT REVERSE_NAME".split(" ")
  ) {
    assert(accepts(parseXclient, name), name);
  }
  for (const name of "NAME ADDR PORT PROTO HELO IDENT SOURCE".split(" ")) {
    assert(accepts(parseXforward, name), name);
  }
});
