/**
 * Rules as TOML gives them, taken and refused by the schema.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { parse } from "smol-toml";
import { z } from "zod";
import { ruleSchema } from "../../../src/config/rule_schema.ts";
import { actions } from "../../../src/policy/rules/actions.ts";
import { conditions } from "../../../src/policy/rules/conditions.ts";
import { compileRules } from "../../../src/policy/rules/rule.ts";
import { environment, inWords, rule } from "./_rules.ts";

const oldDomain = `
name = "old domain"
at   = "rcpt"
when = { recipient = "*@old.example", not.client = ["10.0.0.0/8", "@partners"] }
then = { rewrite = "*@new.example" }
`;

const taken = [
  oldDomain,
  `
name = "deep"
at = "mail"
[when]
client-name = ".isp.example"
tls = { version = ["1.2", "1.3"], verified = "*.example", fingerprint = "ab" }
login = true
size = [">10m"]
time = "mon-fri 08:00-18:00"
or = [{ sender = "<>" }, { not.and = [{ listener = "smtp" }, { hello = "x.example" }] }]
[then]
delay = "5s"
defer = true
`,
  `
name = "check"
at = "mail"
[then]
use = "srs"
with = { secrets = ["a"], days = 21 }
`,
];

for (const text of taken) {
  Deno.test(`taken: ${text.trim().split("\n")[0]}`, () => {
    const source = parse(text);
    assertEquals<unknown>(ruleSchema.parse(source), source);
  });
}

const refused: readonly [text: string, path: string, message: string][] = [
  [`at = "mail"\nthen = {}`, "name", "a name"],
  [`name = ""\nat = "mail"\nthen = {}`, "name", "a name"],
  [`name = "r"\nthen = {}`, "at", "one of connect, ehlo, starttls, auth, mail, rcpt, data, "],
  [`name = "r"\nat = "close"\nthen = {}`, "at", "one of connect, "],
  [`name = "r"\nat = "mail"`, "then", "expected object"],
  [`name = "r"\nat = "mail"\nthen = {}\nif = 1`, "", 'Unrecognized key: "if"'],
  [`name = "r"\nat = "mail"\nthen = { rejct = "550 No" }`, "then", 'Unrecognized key: "rejct"'],
  [`name = "r"\nat = "mail"\nthen = { discard = false }`, "then.discard", "true"],
  [`name = "r"\nat = "mail"\nthen = { reject = 550 }`, "then.reject", "a reply, as "],
  [`name = "r"\nat = "mail"\nwhen = { ip = "::1" }\nthen = {}`, "when", 'Unrecognized key: "ip"'],
  [`name = "r"\nat = "mail"\nwhen = { sender = [] }\nthen = {}`, "when.sender", "patterns as "],
  [`name = "r"\nat = "mail"\nwhen = { size = 10 }\nthen = {}`, "when.size", "comparisons with "],
  [
    `name = "r"\nat = "mail"\nwhen = { tls.sni = "x" }\nthen = {}`,
    "when.tls",
    'Unrecognized key: "sni"',
  ],
  [`name = "r"\nat = "mail"\nwhen = { tls = 1 }\nthen = {}`, "when.tls", "true, false, or a "],
  [
    `name = "r"\nat = "mail"\nwhen.or = [{ not.foo = 1 }]\nthen = {}`,
    "when.or.0.not",
    'Unrecognized key: "foo"',
  ],
];

for (const [text, path, message] of refused) {
  Deno.test(`refused: ${text.replaceAll("\n", ", ")}`, () => {
    const result = ruleSchema.safeParse(parse(text));
    const issues = result.error?.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    assert(
      issues?.some((issue) => issue.startsWith(`${path}: `) && issue.includes(message)),
      `found ${JSON.stringify(issues)}`,
    );
  });
}

Deno.test("an editor is shown every key", () => {
  const text = JSON.stringify(z.toJSONSchema(ruleSchema));
  for (const key of [...Object.keys(conditions), ...Object.keys(actions), "and", "or", "not"]) {
    assert(text.includes(`"${key}":`), key);
  }
});

Deno.test("from a file to a ruling", async () => {
  const policy = compileRules([ruleSchema.parse(parse(oldDomain))], environment());
  const asked = { recipient: "b@old.example" };
  assertEquals(inWords(await rule(policy, "rcpt", asked)), "b@new.example");
  const client = { address: "192.0.2.130" };
  assertEquals(inWords(await rule(policy, "rcpt", { ...asked, client })), "");
});
