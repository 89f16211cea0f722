import { assertEquals, assertThrows } from "@std/assert";
import * as checks from "../../../src/policy/checks/mod.ts";
import { OptionError } from "../../../src/errors.ts";
import { parseTable } from "../../../src/policy/rules/table.ts";
import { Asker } from "./_ask.ts";

const { builtInChecks } = checks;

const environment = {
  tables: new Map([["partners", parseTable("192.0.2.0/24\npartner.example  aside\n", "partners")]]),
  upstreams: new Set(["default", "aside"]),
};

Deno.test("built-in checks: every function has its row", () => {
  const camel = (name: string) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
  const functions = Object.entries(checks).filter(([, value]) => typeof value === "function");
  assertEquals([...builtInChecks.keys()].map(camel).sort(), functions.map(([name]) => name).sort());
  for (const [name, { summary }] of builtInChecks) {
    assertEquals(summary.length > 20 && summary.length < 80, true, name);
  }
});

Deno.test("built-in checks: options as a file has them", async () => {
  const make = (name: string, options: Record<string, unknown>) =>
    new Asker(builtInChecks.get(name)!.create(options, environment));
  const access = make("access", { "deny-clients": "@partners", "deny-senders": ["a@b.example"] });
  assertEquals(await access.connect(), "554 5.7.1 Access denied");
  assertEquals(await access.mail("a@b.example"), "550 5.7.1 Access denied");
  const routing = make("routing", { map: "@partners", by: "sender" });
  assertEquals(await routing.mail("a@partner.example"), "- to aside");
  const sizes = make("sizes", { "message-size": "2k" });
  assertEquals((await sizes.mail("a@b.example", 2049)).slice(0, 3), "552");
  const aliases = make("aliases", { map: { "a@b.example": ["c@b.example", "d@b.example"] } });
  await aliases.mail("a@b.example");
  assertEquals(await aliases.rcpt("a@b.example"), "c@b.example d@b.example");
});

Deno.test("built-in checks: options that cannot be used, and what is said of them", () => {
  const secrets = ["0123456789abcdef"];
  const domain = "f.example";
  const to = "a@b.example";
  const rows: readonly [string, Record<string, unknown>, option: string, allowed: string][] = [
    ["access", { "deny-client": [] }, "access.deny-client", "no option but reply, allow-clients"],
    ["access", { denySenders: [] }, "access.denySenders", "no option but reply, allow-clients"],
    ["access", { "deny-clients": ["192.0.2.1/24"] }, "access.deny-clients", "zeros there"],
    ["access", { "deny-clients": [7] }, "access.deny-clients", "a list of patterns and tables"],
    ["access", { "deny-senders": "@nobody" }, "access.deny-senders", "configured: partners"],
    ["access", { "deny-senders": "/(/" }, "access.deny-senders", "Cannot read pattern"],
    ["access", { reply: "250 Ok" }, "access.reply", "a 4xx or 5xx reply"],
    ["access", { reply: "550 a\r\nb" }, "access.reply", "what can be read"],
    ["access", { reply: 550 }, "access.reply", "a 4xx or 5xx reply"],
    ["aliases", {}, "aliases.map", "a table, or values by key"],
    ["aliases", { map: ["a"] }, "aliases.map", "a table, or values by key"],
    ["aliases", { map: { a: 7 } }, "aliases.map.a", "a text, or a list of texts"],
    ["aliases", { map: { a: [] } }, "aliases.map.a", "at least one"],
    ["aliases", { map: { a: "b c@d" } }, "aliases.map.a", "is not a mailbox"],
    ["aliases", { map: { "": to } }, "aliases.map", "a pattern for one address"],
    ["catch-all", {}, "catch-all.to", "a mailbox"],
    ["catch-all", { to: "a" }, "catch-all.to", "a mailbox"],
    ["chaos", { at: "close" }, "chaos.at", "connect, ehlo"],
    ["chaos", { defer: 1.5 }, "chaos.defer", "a number from 0 to 1"],
    ["chaos", { defer: NaN }, "chaos.defer", "a number from 0 to 1"],
    ["chaos", { defer: 0.7, reject: 0.7 }, "chaos.reject + defer + disconnect", "at most 1"],
    ["chaos", { delay: "2m" }, "chaos.delay", "0 to 60s"],
    ["chaos", { seed: -1 }, "chaos.seed", "a whole number from 0"],
    ["chaos", { random: 4 }, "chaos.random", "a function"],
    ["discard", { sender: "a" }, "discard.sender", "no option but clients, logins, senders"],
    ["domains", { map: { "a.example": "b..c" } }, "domains.map.a.example", "is not a mailbox"],
    ["domains", { map: {}, of: "all" }, "domains.of", "recipients, senders, both"],
    ["greet-delay", { delay: "5 s" }, "greet-delay.delay", "one of the units"],
    ["greet-delay", { delay: 2.5 }, "greet-delay.delay", "one of the units"],
    ["greet-delay", { remember: "8d" }, "greet-delay.remember", "0 to 7d"],
    ["hello", { fqdn: "yes" }, "hello.fqdn", "true or false"],
    ["hello", { literal: "all" }, "hello.literal", "match, any, refuse"],
    ["masquerade", {}, "masquerade.domains", "at least one domain"],
    ["masquerade", { domains: ["a..b"] }, "masquerade.domains", "a list of domains"],
    ["quarantine", {}, "quarantine.upstream", "default, aside"],
    ["quarantine", { upstream: "x" }, "quarantine.upstream", "default, aside"],
    ["routing", { map: { "a.example": "x" } }, "routing.map.a.example", "default, aside"],
    ["routing", { map: {}, by: "size" }, "routing.by", "recipient, sender, login"],
    ["sender-login", { logins: { jane: "b c" } }, "sender-login.logins.jane", "column"],
    ["sizes", { "message-size": "10x" }, "sizes.message-size", "octets, or a number"],
    ["sizes", { "message-size": -1 }, "sizes.message-size", "octets, or a number"],
    ["sizes", { recipients: 0 }, "sizes.recipients", "a whole number from 1"],
    ["srs", { secrets }, "srs.domain", "a domain"],
    ["srs", { secrets, domain: "[192.0.2.1]" }, "srs.domain", "a domain"],
    ["srs", { domain }, "srs.secrets", "at least one secret"],
    ["srs", { domain, secrets: [...secrets, "short"] }, "srs.secrets", "16 octets or more"],
    ["srs", { domain, secrets, expiry: "1024d" }, "srs.expiry", "0 to 1000d"],
    ["srs", { domain, secrets, algorithm: "MD5" }, "srs.algorithm", "SHA-256, SHA-1"],
    ["srs", { domain, secrets, "hash-length": 3 }, "srs.hash-length", "from 4 to 16"],
    ["subaddress", { separators: "" }, "subaddress.separators", "1 to 8 ASCII characters"],
    ["tarpit", { after: "3" }, "tarpit.after", "a whole number from 0"],
    ["tarpit", { longest: "1h" }, "tarpit.longest", "0 to 60s"],
  ];
  for (const [name, options, option, allowed] of rows) {
    const make = () => builtInChecks.get(name)!.create(options, environment);
    const error = assertThrows(make, OptionError, allowed, `${name} ${JSON.stringify(options)}`);
    assertEquals(error.option, option);
    assertEquals(error.message.includes("short"), false, "a secret in a message");
  }
});
