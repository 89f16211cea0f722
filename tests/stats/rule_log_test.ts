import { assertEquals } from "@std/assert";
import { compose, definePolicy } from "../../src/policy/mod.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import type { Ruling, Step } from "../../src/session/phases.ts";
import { RuleLog } from "../../src/stats/rule_log.ts";
import { session, step } from "./_facts.ts";

const no = Reply.parse("550 5.7.1 No");

function ruled(log: RuleLog, asked: readonly string[], steps: readonly Step[]): void {
  const ruling: Ruling = { asked: asked.map((check) => ({ check, took: 2 })), steps };
  log.ruling("close", session(), ruling);
}

const numbersOf = (log: RuleLog, ...names: readonly string[]): (readonly number[])[] => {
  const policy = compose(...names.map((name) => definePolicy({ name })));
  return log.of(policy).map(({ asked, hits, spent }) => [asked, hits, spent]);
};

Deno.test("the rules and checks of a policy in their order, with their phases", () => {
  const rule = (name: string) => ({ name, phases: ["rcpt", "data"] as const });
  const policy = compose(
    definePolicy({ name: "first", content() {}, connect() {} }),
    definePolicy({ mail() {} }),
    definePolicy({ name: "rules", rcpt() {}, parts: [rule("b"), rule("a")] }),
    definePolicy({ name: "none", parts: [] }),
  );
  const nothing = { asked: 0, hits: 0, spent: 0 };
  assertEquals(new RuleLog().of(policy), [
    { name: "first", phases: ["connect", "content"], ...nothing },
    { name: "policy", phases: ["mail"], ...nothing },
    { name: "b", phases: ["rcpt", "data"], ...nothing },
    { name: "a", phases: ["rcpt", "data"], ...nothing },
  ]);
});

Deno.test("a check: asked, had something to say, time", () => {
  const log = new RuleLog();
  ruled(log, ["greylist", "blocklist"], []);
  ruled(log, ["greylist", "blocklist"], [step("blocklist", { kind: "reject", reply: no })]);
  assertEquals(numbersOf(log, "greylist", "blocklist", "unknown"), [[2, 0, 4], [2, 1, 4], [
    0,
    0,
    0,
  ]]);
});

Deno.test("several verdicts of one answer are one hit", () => {
  const log = new RuleLog();
  ruled(log, ["own"], [
    step("own", { kind: "route", upstream: "x" }),
    step("own", { kind: "discard" }),
  ]);
  assertEquals(numbersOf(log, "own"), [[1, 1, 2]]);
});

Deno.test("a rule: looked at, met; its verdicts do not count again", () => {
  const log = new RuleLog();
  log.looked("block", false, 1);
  log.looked("block", true, 3);
  ruled(log, ["rules"], [step("block", { kind: "reject", reply: no })]);
  assertEquals(numbersOf(log, "block", "rules"), [[2, 1, 4], [1, 0, 2]]);
});

Deno.test("a built-in check that says when it is met, and whose time is known from being asked", () => {
  const log = new RuleLog();
  for (const met of [true, false, false]) {
    log.looked("tarpit", met, 0);
    ruled(log, ["tarpit"], met ? [step("tarpit", { kind: "proceed" })] : []);
  }
  assertEquals(numbersOf(log, "tarpit"), [[3, 1, 6]]);
});

Deno.test("nobody was asked", () => {
  const log = new RuleLog();
  log.ruling("close", session(), { steps: [] });
  assertEquals(numbersOf(log, "policy"), [[0, 0, 0]]);
});

Deno.test("a policy that makes up names: the first 20,000 are remembered", () => {
  const log = new RuleLog();
  for (let n = 0; n < 20_010; n++) {
    ruled(log, [`check ${n}`], [step(`check ${n}`, { kind: "discard" })]);
  }
  log.looked("check 20000", true, 1);
  log.looked("check 1", true, 1);
  assertEquals(numbersOf(log, "check 1", "check 19999", "check 20000"), [
    [2, 2, 3],
    [1, 1, 2],
    [0, 0, 0],
  ]);
});
