/**
 * What authors of rules are told.
 *
 * @module
 */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { OptionError } from "../../../src/errors.ts";
import { definePolicy } from "../../../src/policy/policy.ts";
import type { Then } from "../../../src/policy/rules/actions.ts";
import type { When } from "../../../src/policy/rules/conditions.ts";
import {
  type CheckFactory,
  compileRules,
  RuleError,
  ruleMistakes,
  type RulePhase,
} from "../../../src/policy/rules/rule.ts";
import { environment } from "./_rules.ts";

const checks = new Map<string, CheckFactory>([
  ["mail only", () => definePolicy({ mail: () => undefined })],
  ["picky", () => {
    throw new OptionError("max-age", -1, "a positive number");
  }],
]);

type Row = readonly [at: RulePhase, when: When, then: Then, message: string];

const no: Then = { reject: "550 No" };

const mistakes: readonly Row[] = [
  ["mail", { client: "10.0.0.300" }, no, 'when.client: found "10.0.0.300", allowed is an IP'],
  ["mail", { client: ["::1", "10.0.0.1/8"] }, no, 'when.client[1]: found "10.0.0.1/8", allowed is'],
  ["mail", { client: "@none" }, no, 'when.client: found "@none", allowed is a table that'],
  [
    "mail",
    { sender: "@none" },
    no,
    'when.sender: found "@none", allowed is a table that [tables] defines: nobody, partners',
  ],
  ["mail", { "client-name": "a b" }, no, 'when.client-name: found " " at column 2 of "a b"'],
  [
    "connect",
    { hello: "x.example" },
    no,
    "when.hello: found a condition at connect, allowed is it",
  ],
  ["ehlo", { login: true }, no, "when.login: found a condition at ehlo, allowed is it at mail, "],
  ["connect", { sender: "<>" }, no, "when.sender: found a condition at connect"],
  [
    "mail",
    { recipient: "x@y" },
    no,
    "when.recipient: found a condition at mail, allowed is it at ",
  ],
  ["auth", { size: ">1" }, no, "when.size: found a condition at auth"],
  [
    "data",
    { header: { name: "a" } },
    no,
    "when.header: found a condition at data, allowed is it at h",
  ],
  [
    "headers",
    { header: { name: "a b" } },
    no,
    'when.header.name: found "a b", allowed is the name of a header field',
  ],
  [
    "content",
    { header: [{ name: "a" }, { name: "b", matches: ["x", "/(/"] }] },
    no,
    "when.header[1].matches[1]: found",
  ],
  [
    "headers",
    { header: { name: "a", matches: "*", missing: true } },
    no,
    "when.header.missing: found missing and matches, allowed is one of the two",
  ],
  [
    "data",
    {},
    { "add-header": { name: "X-A", value: "1" } },
    "then.add-header: found an action at data, allowed is it at headers, content",
  ],
  [
    "headers",
    {},
    { "add-header": [{ name: "X-A", value: "1" }, { name: "X:B", value: "1" }] },
    'then.add-header[1].name: found "X:B", allowed is the name of a header field',
  ],
  [
    "content",
    {},
    { "replace-header": { name: "X-A", value: "1\r\nX-B: 2" } },
    'then.replace-header.value: found "1\\r\\nX-B: 2", allowed is a text of one line',
  ],
  [
    "content",
    {},
    { "remove-header": ["X-A", ""] },
    'then.remove-header[1]: found "", allowed is the name of a header field',
  ],
  ["content", {}, { score: 1 }, "then.score: found an action at content, allowed is it at headers"],
  [
    "headers",
    {},
    { score: 1, reject: "550 No" },
    "then: found score and reject, allowed is one of the two",
  ],
  [
    "headers",
    {},
    { quarantine: "archive" },
    'then.quarantine: found "archive" at headers, allowed is true',
  ],
  [
    "mail",
    {},
    { quarantine: true },
    "then.quarantine: found true at mail, allowed is the name of an upstream that keeps messages",
  ],
  ["mail", { recipients: ">1" }, no, "when.recipients: found a condition at mail"],
  ["mail", { sender: "a b@c" }, no, "when.sender: found"],
  ["mail", { sender: "/(a/" }, no, "when.sender: found"],
  [
    "mail",
    { sender: "/(?=a)/" },
    no,
    'when.sender: found "(?=" (invalid or unsupported Perl syntax) at column 2 of "/(?=a)/"',
  ],
  ["mail", { not: { client: ["1.2.3"] } }, no, 'when.not.client[0]: found "1.2.3"'],
  [
    "mail",
    { or: [{ tls: true }, { size: "10" }] },
    no,
    'when.or[1].size: found "10", allowed is <',
  ],
  ["mail", { and: [{ time: "noon" }] }, no, 'when.and[0].time: found "noon", allowed is days'],
  ["mail", { tls: { version: "2" } }, no, 'when.tls.version: found "2", allowed is 1.0, 1.1, 1.2'],
  ["mail", { tls: { fingerprint: "ab" } }, no, "when.tls.fingerprint: found"],
  [
    "connect",
    { rate: { of: "sender", per: "1m", above: 1 } },
    no,
    "when.rate.of: found a condition at connect, allowed is it at mail, rcpt,",
  ],
  [
    "mail",
    { rate: { of: "recipient-domain", per: "1m", above: 1 } },
    no,
    "when.rate.of: found a condition at mail, allowed is it at rcpt,",
  ],
  [
    "auth",
    { rate: { of: "login", per: "1m", above: 1 } },
    no,
    "when.rate.of: found a condition at auth, allowed is it at mail,",
  ],
  [
    "mail",
    { rate: { of: "all", per: "60", above: 1 } },
    no,
    'when.rate.per: found "60", allowed is 1s to 24h, as 30s, 5m or 1h',
  ],
  ["mail", { rate: { of: "all", per: "999ms", above: 1 } }, no, 'when.rate.per: found "999ms"'],
  ["mail", { rate: { of: "all", per: "25h", above: 1 } }, no, 'when.rate.per: found "25h"'],
  ...([
    [{ not: { rate: { of: "all", per: "1m", above: 1 } } }, "when.not.rate"],
    [{ and: [{ rate: { of: "all", per: "1m", above: 1 } }] }, "when.and[0].rate"],
    [
      { or: [{ tls: true }, { and: [{ rate: { of: "all", per: "1m", above: 1 } }] }] },
      "when.or[1].and[0].rate",
    ],
  ] as const).map((
    [when, key],
  ): Row => [
    "mail",
    when,
    no,
    `${key}: found a count within and, or, not, allowed is it beside them`,
  ]),
  ["mail", {}, {}, "then: found nothing, allowed is an action: route, add-header, "],
  [
    "mail",
    {},
    { reject: "250 Yes" },
    'then.reject: found "250 Yes", allowed is a 4xx or 5xx reply',
  ],
  ["mail", {}, { reject: "550 a\r\nb" }, "then.reject: found"],
  ["mail", {}, { defer: "550 No" }, 'then.defer: found "550 No", allowed is a 4xx reply'],
  ["mail", {}, { disconnect: "Bye" }, 'then.disconnect: found "Bye", allowed is'],
  ["mail", {}, { ...no, discard: true }, "then: found reject and discard, allowed is one of the"],
  ["mail", {}, { quarantine: "archive", route: "other" }, "then: found route and quarantine"],
  ["mail", {}, { use: "mail only", delay: "1s" }, "then: found use and delay"],
  ["connect", {}, { discard: true }, "then.discard: found an action at connect, allowed is it at "],
  ["data", {}, { route: "archive" }, "then.route: found an action at data, allowed is it at mail"],
  [
    "mail",
    {},
    { route: "nowhere" },
    'then.route: found "nowhere", allowed is an upstream: default',
  ],
  ["mail", {}, { quarantine: "nowhere" }, 'then.quarantine: found "nowhere"'],
  ["mail", {}, { delay: "61s" }, 'then.delay: found "61s", allowed is 1ms to 60s'],
  ["mail", {}, { delay: "0s" }, 'then.delay: found "0s"'],
  ["mail", {}, { delay: "5" }, 'then.delay: found "5"'],
  ["rcpt", {}, { rewrite: "<>" }, 'then.rewrite: found "<>", allowed is an address; <> at mail'],
  ["mail", {}, { rewrite: [] }, "then.rewrite: found 0 addresses, allowed is one at mail"],
  ["mail", {}, { rewrite: ["a@b", "c@d"] }, "then.rewrite: found 2 addresses"],
  ["rcpt", {}, { rewrite: ["a@b", "c"] }, 'then.rewrite[1]: found "c" at column 1 of "c"'],
  ["rcpt", {}, { rewrite: "@none" }, 'then.rewrite: found "@none", allowed is a table'],
  [
    "rcpt",
    { recipient: "a@b" },
    { rewrite: "*@c" },
    'then.rewrite: found "*" at column 1 of "*@c"',
  ],
  ["rcpt", { recipient: ["*@b", "a@b"] }, { rewrite: "*@c" }, "then.rewrite: found"],
  [
    "mail",
    {},
    { with: { a: 1 } },
    "then.with: found options of no check, allowed is a table beside",
  ],
  ["mail", {}, { use: "none" }, 'then.use: found "none", allowed is a built-in check: mail only, '],
  ["rcpt", {}, { use: "mail only" }, 'then.use: found "mail only" at rcpt, allowed is it at mail'],
  ["mail", {}, { use: "picky" }, "then.with.max-age: found -1, allowed is a positive number"],
];

for (const [at, when, then, message] of mistakes) {
  Deno.test(`${at} ${JSON.stringify(when)} ${JSON.stringify(then)}`, () => {
    const rules = [{ name: "r", at, when, then }];
    const error = assertThrows(() => compileRules(rules, environment({ checks })), RuleError);
    assertStringIncludes(error.message, `Cannot use rule "r" (number 1): ${message}`);
  });
}

Deno.test("a table of [tables] is named where there is none", () => {
  const rules = [{ name: "r", at: "mail", when: { sender: "@x" }, then: no }] as const;
  const [{ allowed }] = ruleMistakes(rules, environment({ tables: new Map() }));
  assertEquals(allowed, "a table that [tables] defines, of which there is none");
});

Deno.test("all rules that cannot be used are found, each with its place", () => {
  const found = ruleMistakes([
    { name: "a", at: "mail", then: {} },
    { name: "b", at: "mail", then: no },
    { name: "b", at: "mail", then: no },
    { name: "c", at: "mail", when: { or: [{ sender: ["a@b", "@x"] }] }, then: no },
  ], environment());
  assertEquals(found.map(({ rule, number, path }) => [rule, number, path]), [
    ["a", 1, ["then"]],
    ["b", 3, ["name"]],
    ["c", 4, ["when", "or", 0, "sender", 1]],
  ]);
  assertEquals(found[1].found, "the name of rule number 2");
});

Deno.test("a rule at several phases must be possible in each", () => {
  const rules = [{ name: "r", at: ["mail", "data"], then: { route: "archive" } }] as const;
  const error = assertThrows(() => compileRules(rules, environment()), RuleError);
  assertEquals([error.key, error.found], ["then.route", "an action at data"]);
});

Deno.test("an error of a check that is no mistake of the author's passes", () => {
  const broken = new Map<string, CheckFactory>([["broken", () => {
    throw new TypeError("a fault");
  }]]);
  const rules = [{ name: "r", at: "mail", then: { use: "broken" } }] as const;
  assertThrows(() => compileRules(rules, environment({ checks: broken })), TypeError, "a fault");
});
