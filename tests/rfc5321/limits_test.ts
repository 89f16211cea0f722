import { assert, assertEquals } from "@std/assert";
import {
  baseCommandLine,
  commandLineIncreases,
  maxAuthLine,
  maxCommandLine,
  maxReplyText,
  timeouts,
} from "../../src/rfc5321/limits.ts";
import { mailTable, rcptTable } from "../../src/rfc5321/parameter_table.ts";

Deno.test("the command line grows by what the RFCs say", () => {
  const stated = {
    SIZE: 26,
    "8BITMIME": 17,
    SMTPUTF8: 10,
    AUTH: 500,
    "MT-PRIORITY": 15,
    DELIVERBY: 17,
    FUTURERELEASE: 34,
    REQUIRETLS: 11,
    RRVS: 33,
  };
  for (const [extension, octets] of Object.entries(stated)) {
    assertEquals(
      commandLineIncreases.filter((row) => row.extension === extension).map((row) => row.octets),
      [octets],
    );
  }
  // RFC 3461 §5.4
  assert(maxCommandLine >= 1036);
  const mail = commandLineIncreases.filter((row) => row.verb === "MAIL");
  assertEquals(maxCommandLine, baseCommandLine + mail.reduce((sum, row) => sum + row.octets, 0));
  assert(maxCommandLine < maxAuthLine);
});

Deno.test("every extension that brings a parameter has its row, and none else", () => {
  const rows = [
    ...Object.values(mailTable).map((row) => ["MAIL", row.keyword] as const),
    ...Object.values(rcptTable).map((row) => ["RCPT", row.keyword] as const),
  ];
  const extensionOf: Record<string, string> = {
    BODY: "8BITMIME",
    RET: "DSN",
    ENVID: "DSN",
    BY: "DELIVERBY",
    HOLDFOR: "FUTURERELEASE",
    HOLDUNTIL: "FUTURERELEASE",
    NOTIFY: "DSN",
    ORCPT: "DSN",
  };
  const needed = rows.map(([verb, keyword]) => `${verb} ${extensionOf[keyword] ?? keyword}`);
  const listed = commandLineIncreases.map((row) => `${row.verb} ${row.extension}`);
  assertEquals(new Set(listed), new Set(needed));
  assertEquals(listed.length, new Set(listed).size);
});

Deno.test("a reply line of the greatest length has 512 octets", () => {
  assertEquals("250 ".length + maxReplyText + "\r\n".length, 512);
});

Deno.test("timeouts in minutes, RFC 5321 §4.5.3.2", () => {
  assertEquals(Object.values(timeouts).map((value) => value / 60_000), [5, 5, 5, 2, 3, 10, 5]);
});
