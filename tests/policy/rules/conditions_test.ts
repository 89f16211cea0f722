/**
 * Every condition, met and not met.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { When } from "../../../src/policy/rules/conditions.ts";
import { conditions } from "../../../src/policy/rules/conditions.ts";
import { compileRules, type RulePhase } from "../../../src/policy/rules/rule.ts";
import type { PeerCertificate, TlsFacts } from "../../../src/channel.ts";
import { FakeClock } from "../../_clock.ts";
import { environment, inWords, rule, type Situation } from "./_rules.ts";

const print = "ab".repeat(32);

function tls(version: string, peer?: Partial<PeerCertificate>): TlsFacts {
  const certificate = peer && {
    subject: "client.example",
    issuer: "ca",
    validTo: 0,
    fingerprint: print,
    verified: true,
    ...peer,
  };
  return { version, cipher: "", serverName: "", ...(certificate && { peer: certificate }) };
}

/** Friday, 10:00. */
const friday = Date.UTC(2026, 0, 2, 10);

type Row = readonly [phase: RulePhase, when: When, met: Situation, notMet: Situation, now?: number];

const rows: readonly Row[] = [
  ["connect", { client: "192.0.2.1" }, {}, { client: { address: "192.0.2.2" } }],
  ["connect", { client: ["10.0.0.0/8", "192.0.2.0/24"] }, {}, { client: { address: "11.0.0.1" } }],
  ["connect", { client: "2001:db8::/32" }, { client: { address: "2001:db8::1" } }, {}],
  ["connect", { client: "@partners" }, { client: { address: "192.0.2.200" } }, {}],
  ["connect", { client: "0.0.0.0/0" }, {}, { client: { address: "" } }],
  ["connect", { "client-name": ".isp.example" }, { client: { name: "a.isp.example" } }, {}],
  ["connect", { "client-name": "@partners" }, { client: { name: "a.partner.example" } }, {}],
  ["ehlo", { hello: "old.example" }, { hello: "OLD.example" }, { hello: "new.example" }],
  ["mail", { hello: "/^[0-9]+$/" }, { client: { hello: "77" } }, {}],
  ["auth", { listener: ["smtps", "sub*"] }, { listener: "submission" }, {}],
  ["connect", { tls: true }, { client: { tls: tls("TLSv1.3") } }, {}],
  ["connect", { tls: false }, {}, { client: { tls: tls("TLSv1.3") } }],
  [
    "mail",
    { tls: { version: ["1.2", "TLSv1.3"] } },
    { client: { tls: tls("TLSv1.2") } },
    { client: { tls: tls("TLSv1.1") } },
  ],
  [
    "mail",
    { tls: { verified: true } },
    { client: { tls: tls("TLSv1.3", {}) } },
    { client: { tls: tls("TLSv1.3", { verified: false }) } },
  ],
  ["mail", { tls: { verified: false } }, { client: { tls: tls("TLSv1.3") } }, {}],
  [
    "mail",
    { tls: { verified: "*.example" } },
    { client: { tls: tls("TLSv1.3", {}) } },
    { client: { tls: tls("TLSv1.3", { verified: false }) } },
  ],
  [
    "mail",
    { tls: { fingerprint: "AB:".repeat(31) + "AB" } },
    { client: { tls: tls("TLSv1.3", {}) } },
    { client: { tls: tls("TLSv1.3", { fingerprint: "cd".repeat(32) }) } },
  ],
  [
    "mail",
    { tls: { version: "1.3", verified: true } },
    { client: { tls: tls("TLSv1.3", {}) } },
    { client: { tls: tls("TLSv1.3") } },
  ],
  ["mail", { login: true }, { client: { login: "anna" } }, {}],
  ["mail", { login: false }, {}, { client: { login: "anna" } }],
  ["mail", { login: "an*" }, { client: { login: "anna" } }, { client: { login: "bert" } }],
  ["mail", { sender: "<>" }, { sender: "<>" }, {}],
  ["mail", { sender: "@sender.example" }, {}, { sender: "<>" }],
  ["rcpt", { sender: "@partners" }, { sender: "vip@sender.example" }, {}],
  ["content", { sender: "a@sender.example" }, {}, { sender: "A@sender.example" }],
  ["rcpt", { recipient: "postmaster@*" }, { recipient: "Postmaster" }, {}],
  ["rcpt", { recipient: ["x@y.example", "b@*"] }, {}, { recipient: "c@recipient.example" }],
  [
    "data",
    { recipient: "vip@one.example" },
    { recipients: ["a@two.example", "vip@one.example"] },
    { recipients: ["a@two.example"] },
  ],
  ["mail", { size: ">10m" }, { size: 10485761 }, { size: 10485760 }],
  ["mail", { size: "<1k" }, { size: 1023 }, {}],
  ["data", { size: [">=2k", "=1"] }, { size: 1 }, { size: 2047 }],
  ["content", { size: ">1k" }, { octets: 1025 }, { size: 5000, octets: 1024 }],
  ["headers", { header: { name: "subject" } }, { header: "Subject:\r\n" }, {}],
  ["headers", { header: { name: "Date", missing: true } }, {}, { header: "DATE: now\r\n" }],
  [
    "headers",
    { header: { name: "Subject", matches: "*lottery*" } },
    { header: "Subject: Won\r\n a LOTTERY!\r\n" },
    { header: "X-Subject: lottery\r\nSubject: no\r\n" },
  ],
  [
    "content",
    { header: { name: "Subject", matches: ["*win*", "/^Grü(?:n|ß)/"] } },
    { header: "Subject: first\r\nSubject: =?utf-8?q?Gr=C3=BC=C3?= =?utf-8?q?=9Fe?=\r\n" },
    { header: "Subject: first\r\n" },
  ],
  [
    "headers",
    { header: [{ name: "X-A", matches: "1" }, { name: "X-B", matches: "2" }] },
    { header: "X-B: 2\r\n" },
    { header: "X-A: 2\r\nX-B: 1\r\n" },
  ],
  ["content", { score: { above: 15 } }, { score: 15.5 }, { score: 15 }],
  ["content", { score: { below: -1 } }, { score: -1.5 }, {}],
  ["content", { score: { above: -2, below: 3 } }, {}, { score: 3 }],
  ["rcpt", { recipients: "<=1" }, {}, {}],
  [
    "data",
    { recipients: ">1" },
    { recipients: ["a@one.example", "b@one.example"] },
    { recipients: ["a@one.example"] },
  ],
  ["connect", { time: "mon-fri 08:00-18:00" }, {}, {}, friday],
  ["connect", { time: ["sat,sun", "18:00-08:00"] }, {}, {}, friday + 86_400_000],
  ["mail", { sender: "a@*", client: "192.0.2.1" }, {}, { sender: "c@sender.example" }],
  ["mail", { not: { client: ["10.0.0.0/8", "@partners"] } }, {}, {
    client: { address: "10.1.1.1" },
  }],
  ["mail", { or: [{ login: true }, { sender: "a@*" }] }, {}, { sender: "c@sender.example" }],
  [
    "mail",
    { and: [{ sender: "a@*" }, { not: { or: [{ login: true }, { tls: true }] } }] },
    {},
    { client: { login: "anna" } },
  ],
];

/** Rows whose condition looks at nothing that a situation tells. */
const alwaysMet: readonly string[] = ["recipients", "time"];

Deno.test("conditions are met and not met", async (t) => {
  for (const [at, when, met, notMet, now] of rows) {
    await t.step(`${at}: ${JSON.stringify(when)}`, async () => {
      const clock = new FakeClock(now);
      const then = { reject: "550 5.7.1 Met" };
      const policy = compileRules([{ name: "r", at, when, then }], environment({ clock }));
      assertEquals(inWords(await rule(policy, at, met)), "550 5.7.1 Met");
      if (met === notMet || alwaysMet.includes(Object.keys(when)[0]) && at !== "data") return;
      assertEquals(inWords(await rule(policy, at, notMet)), "");
    });
  }
});

Deno.test("the table of this test has every condition but the rate", () => {
  const tested = new Set(["rate"].concat(rows.flatMap(([, when]) => Object.keys(when))));
  assertEquals(Object.keys(conditions).filter((key) => !tested.has(key)), []);
});

Deno.test("a rule without conditions always applies", async () => {
  const policy = compileRules([{ name: "r", at: "auth", then: { defer: true } }], environment());
  assertEquals(inWords(await rule(policy, "auth", {})), "451 4.7.1 Try again later");
});
