/**
 * What rules do: every action, their order, and what becomes of rewritten addresses.
 *
 * @module
 */

import { assertEquals, assertInstanceOf } from "@std/assert";
import { compose, definePolicy } from "../../../src/policy/policy.ts";
import { actions, type Then } from "../../../src/policy/rules/actions.ts";
import {
  type CheckFactory,
  compileRules,
  type RulePhase,
  type RuleSource,
} from "../../../src/policy/rules/rule.ts";
import { reject, rewrite } from "../../../src/policy/verdicts.ts";
import { judgeOf } from "../../../src/policy/judge.ts";
import { Path } from "../../../src/rfc5321/path.ts";
import { Reply } from "../../../src/rfc5321/reply.ts";
import { FakeClock } from "../../_clock.ts";
import { environment, factsOf, failures, inWords, path, rule, type Situation } from "./_rules.ts";

function rulesOf(...rules: readonly Partial<RuleSource>[]): readonly RuleSource[] {
  return rules.map((one, nth) => ({ name: `r${nth}`, at: "rcpt", then: {}, ...one }));
}

const acts: readonly [at: RulePhase, then: Then, ruling: string, situation?: Situation][] = [
  ["connect", { reject: "554 5.7.1 No" }, "554 5.7.1 No"],
  ["headers", { defer: "450 4.7.1 Later" }, "450 4.7.1 Later"],
  ["ehlo", { defer: true }, "451 4.7.1 Try again later"],
  ["starttls", { disconnect: true }, "421 4.7.0 Closing, closed"],
  ["auth", { disconnect: "554 5.7.1 Out" }, "554 5.7.1 Out, closed"],
  ["data", { discard: true }, "discard"],
  ["mail", { proceed: true }, ""],
  ["mail", { rewrite: "*@new.example" }, "a@new.example"],
  ["mail", { rewrite: "<>" }, "<>"],
  ["mail", { rewrite: "*@new.example" }, "", { sender: "<>" }],
  ["mail", { rewrite: "bounces@new.example" }, "", { sender: "<>" }],
  ["mail", { rewrite: "@senders" }, "<>"],
  ["mail", { rewrite: "@senders" }, "", { sender: "c@sender.example" }],
  ["mail", { rewrite: "@senders" }, "451 4.3.0 Failed", { sender: "b@sender.example" }],
  ["rcpt", { rewrite: ["*@new.example", "x@y.example"] }, "b@new.example,x@y.example"],
  ["rcpt", { rewrite: [] }, ""],
  ["rcpt", { rewrite: "@aliases" }, "x@one.example,y@two.example", {
    recipient: "team@recipient.example",
  }],
  ["rcpt", { route: "archive" }, "via archive"],
  ["rcpt", { route: "default" }, "via default"],
  ["rcpt", { route: "other", rewrite: "c@d.example" }, "c@d.example via other"],
  ["mail", { quarantine: "archive" }, "via archive"],
  ["content", { quarantine: true }, "quarantine"],
  ["headers", { "add-header": { name: "X-A", value: "1", at: "bottom" } }, "add X-A"],
  ["content", { "replace-header": { name: "Subject", value: "Grün" } }, "replace Subject"],
  ["headers", { "remove-header": ["X-A", "X-B"] }, "remove X-A, remove X-B"],
  ["headers", { score: -1.5 }, "score -1.5"],
  [
    "headers",
    { "add-header": { name: "X-A", value: "1" }, "remove-header": "X-B", score: 2, proceed: true },
    "add X-A, remove X-B score 2",
  ],
  [
    "content",
    { quarantine: true, "add-header": { name: "X-Why", value: "spam" } },
    "add X-Why quarantine",
  ],
];

for (const [at, then, ruling, situation = {}] of acts) {
  Deno.test(`${at}: ${JSON.stringify(then)} of ${JSON.stringify(situation)}`, async () => {
    const policy = compileRules(rulesOf({ at, then }), environment());
    const ruled = await rule(policy, at, situation);
    assertEquals(inWords(ruled), ruling);
    if (ruling === "451 4.3.0 Failed") return;
    assertEquals([...new Set(ruled.steps.map(({ check }) => check))].length <= 1, true);
    for (const { check, verdict } of ruled.steps) assertEquals([check, verdict.by], ["r0", "r0"]);
  });
}

Deno.test("the tables of these tests have every action", () => {
  const tested = new Set(acts.flatMap(([, then]) => Object.keys(then)));
  const below = ["delay", "use", "with"];
  assertEquals(
    Object.keys(actions).filter((key) => !tested.has(key)),
    below.toSorted((a, b) => Object.keys(actions).indexOf(a) - Object.keys(actions).indexOf(b)),
  );
});

Deno.test("the null reverse-path is rewritten where the rule names it", async () => {
  const then = { rewrite: "bounces@new.example" };
  const policy = compileRules(
    rulesOf({ at: "mail", when: { sender: ["@x.example", "<>"] }, then }),
    environment(),
  );
  assertEquals(inWords(await rule(policy, "mail", { sender: "<>" })), "bounces@new.example");
});

Deno.test("a rewriting that fails names its rule", async () => {
  failures.length = 0;
  const policy = compileRules(
    rulesOf({ at: "mail", then: { rewrite: "@senders" } }),
    environment(),
  );
  await rule(policy, "mail", { sender: "b@sender.example" });
  const [failure] = failures;
  assertInstanceOf(failure, Error);
  assertEquals(failure.message, 'The rule "r0" cannot rewrite <b@sender.example>');
});

const b = "b@recipient.example";

const lists: readonly [name: string, rules: Partial<RuleSource>[], ruling: string][] = [
  ["the first that decides ends it", [
    { when: { recipient: "x@*" }, then: { reject: "550 Not this" } },
    { then: { defer: "450 This" } },
    { then: { reject: "550 Not reached" } },
  ], "450 This"],
  ["proceed shields from what follows", [
    { when: { recipient: b }, then: { proceed: true } },
    { then: { reject: "550 Not reached" } },
  ], ""],
  ["quarantine decides", [
    { then: { quarantine: "archive" } },
    { then: { reject: "550 Not reached" } },
  ], "via archive"],
  ["the first route counts, and does not decide", [
    { then: { route: "other" } },
    { then: { route: "archive" } },
    { then: { discard: true } },
  ], "discard via other"],
  ["what follows a rewriting sees the new address", [
    { when: { recipient: "*@recipient.example" }, then: { rewrite: "*@new.example" } },
    { when: { recipient: b }, then: { reject: "550 Not reached" } },
    { when: { recipient: "*@new.example" }, then: { rewrite: "*.1@newer.example" } },
    { when: { recipient: "b.1@newer.example" }, then: { rewrite: "end@newer.example" } },
  ], "end@newer.example"],
  ["stars are those of the pattern that has matched", [
    {
      when: { recipient: ["x-*@*", "*@recipient.example"] },
      then: { rewrite: "*@new.example" },
    },
  ], "b@new.example"],
  ["each of several recipients goes on by itself", [
    { then: { rewrite: ["c@one.example", "d@two.example", "e@three.example"] } },
    { when: { recipient: "@one.example" }, then: { rewrite: "*@1.example" } },
    { when: { recipient: "@two.example" }, then: { reject: "550 Not d" } },
    { when: { recipient: "@three.example" }, then: { rewrite: ["f@x.example", "g@y.example"] } },
    { when: { recipient: "f@*" }, then: { discard: true } },
    { when: { recipient: "@1.example" }, then: { route: "archive" } },
  ], "c@1.example,g@y.example via archive"],
  ["the refusal of all of them is the recipient's", [
    { then: { rewrite: ["c@one.example", "d@two.example"] } },
    { then: { reject: "550 None" } },
  ], "550 None"],
  ["rules of other phases are not asked", [{ at: "data", then: { reject: "550 No" } }], ""],
];

for (const [name, rules, ruling] of lists) {
  Deno.test(name, async () => {
    const policy = compileRules(rulesOf(...rules), environment());
    assertEquals(inWords(await rule(policy, "rcpt", {})), ruling);
  });
}

Deno.test("every rule that applies is counted, once for each address", async () => {
  const hits: string[] = [];
  const policy = compileRules(
    rulesOf(
      { when: { recipient: "x@*" }, then: { reject: "550 No" } },
      { then: { rewrite: ["c@one.example", "d@two.example"] } },
      { then: { route: "archive" } },
      { when: { recipient: "d@*" }, then: { use: "refuse" } },
    ),
    environment({
      looked: (name, met) => void (met && hits.push(name)),
      checks: new Map([["refuse", () => definePolicy({ rcpt: () => reject("550 No") })]]),
    }),
  );
  assertEquals(inWords(await rule(policy, "rcpt", {})), "c@one.example via archive");
  assertEquals(hits, ["r1", "r2", "r2", "r3"]);
});

Deno.test("a delay waits, and is no failure", async () => {
  const clock = new FakeClock();
  const rules = rulesOf(
    { at: "connect", when: { client: "192.0.2.1" }, then: { delay: "500ms" } },
    { at: "connect", then: { delay: "40s", reject: "554 5.7.1 No" } },
  );
  const policy = compileRules(rules, environment({ clock }));
  let ruled: string | undefined;
  void rule(policy, "connect", {}, clock).then((ruling) => ruled = inWords(ruling));
  await clock.advance(40_499);
  assertEquals(ruled, undefined);
  await clock.advance(1);
  assertEquals([ruled, clock.timers], ["554 5.7.1 No", 0]);
});

Deno.test("all delays of one command together are bounded", async () => {
  const clock = new FakeClock();
  const delays = Array.from({ length: 5 }, () => ({ at: "mail", then: { delay: "50s" } } as const));
  const policy = compileRules(
    rulesOf(...delays, { at: "mail", then: { defer: "450 Late" } }),
    environment({ clock }),
  );
  let ruled: string | undefined;
  void rule(policy, "mail", {}, clock).then((ruling) => ruled = inWords(ruling));
  await clock.advance(59_999);
  assertEquals(ruled, undefined);
  await clock.advance(1);
  assertEquals([ruled, clock.timers], ["450 Late", 0]);
});

Deno.test("a rule that waits has decided that it applies before", async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 5, 11, 59, 59));
  const policy = compileRules(
    rulesOf({ when: { time: "00:00-12:00" }, then: { delay: "2s", reject: "550 Morning" } }),
    environment({ clock }),
  );
  const ruling = rule(policy, "rcpt", {}, clock);
  await clock.advance(2_000);
  assertEquals(inWords(await ruling), "550 Morning");
});

/** Counts its questions in a session and in a transaction. */
const counting: CheckFactory = ({ limit }) =>
  definePolicy({
    session: () => ({ asked: 0 }),
    transaction: () => ({ asked: 0 }),
    rcpt: (_facts, { session, transaction }) =>
      ++transaction.asked > Number(limit)
        ? reject(`550 ${transaction.asked} ${++session.asked}`)
        : undefined,
  });

Deno.test("a built-in check keeps its state, its options and its place", async () => {
  const policy = compileRules(
    rulesOf(
      { then: { rewrite: "*@new.example" } },
      { when: { recipient: "@new.example" }, then: { use: "counting", with: { limit: 1 } } },
      { then: { route: "archive" } },
    ),
    environment({ checks: new Map([["counting", counting]]) }),
  );
  const clock = new FakeClock();
  const onFailure = new Reply(451, "4.3.0 Failed");
  const session = judgeOf(policy, { clock, timeLimit: 1, onFailure, failed: () => {} }).open();
  const asked: string[] = [];
  for (const phase of ["mail", "rcpt", "rcpt", "mail", "rcpt", "rcpt"] as const) {
    const ruling = await session.judge(phase, factsOf({})[phase]);
    if (phase === "rcpt") asked.push(inWords(ruling));
  }
  const passed = "b@new.example via archive";
  assertEquals(asked, [passed, "550 2 1 b@new.example", passed, "550 2 2 b@new.example"]);
});

Deno.test("a built-in check at several phases keeps one state", async () => {
  const counter: CheckFactory = () =>
    definePolicy({
      session: () => ({ asked: 0 }),
      mail: (_facts, { session }) => void session.asked++,
      rcpt: (_facts, { session }) => reject(`550 ${++session.asked}`),
    });
  const policy = compileRules(
    rulesOf({ at: ["mail", "rcpt"], when: { sender: "a@*" }, then: { use: "counter" } }),
    environment({ checks: new Map([["counter", counter]]) }),
  );
  const onFailure = new Reply(451, "4.3.0 Failed");
  const options = { clock: new FakeClock(), timeLimit: 1, onFailure, failed: () => {} };
  const session = judgeOf(policy, options).open();
  await session.judge("mail", factsOf({}).mail);
  await session.judge("mail", factsOf({ sender: "not@counted.example" }).mail);
  assertEquals(inWords(await session.judge("rcpt", factsOf({}).rcpt)), "550 2");
});

Deno.test("a rule at several phases is asked in each", async () => {
  const policy = compileRules(
    rulesOf({ at: ["mail", "rcpt"], when: { sender: "a@*" }, then: { defer: true } }),
    environment(),
  );
  for (const at of ["mail", "rcpt"] as const) {
    assertEquals(inWords(await rule(policy, at, {})), "451 4.7.1 Try again later");
  }
  assertEquals(inWords(await rule(policy, "data", {})), "");
});

Deno.test("a built-in check has its own answer to its failure, under the rule's name", async () => {
  const failing = (onFailure: "accept" | "reject"): CheckFactory => () =>
    definePolicy({
      onFailure,
      rcpt: () => {
        throw new Error("broken");
      },
    });
  const checks = new Map([["mild", failing("accept")], ["strict", failing("reject")]]);
  const policy = compileRules(
    rulesOf({ then: { use: "mild" } }, { then: { use: "strict" } }, { then: { discard: true } }),
    environment({ checks }),
  );
  const ruling = await rule(policy, "rcpt", {});
  assertEquals(inWords(ruling), "550 5.7.0 Cannot be checked");
  assertEquals(ruling.steps.map(({ check }) => check), ["r1"]);
});

Deno.test("recipients are counted as they come, before their replies and once each", async () => {
  const policy = compileRules(
    rulesOf(
      { then: { rewrite: ["c@one.example", "d@two.example"] } },
      { when: { recipients: ">2" }, then: { reject: "452 4.5.3 Enough" } },
    ),
    environment(),
  );
  // Two questions about one recipient come from a policy before.
  const twice = definePolicy({ rcpt: () => rewrite([path("1@x.example"), path("2@x.example")]) });
  const options = {
    clock: new FakeClock(),
    timeLimit: 1,
    onFailure: new Reply(451, "4.3.0 Failed"),
    failed: () => {},
  };
  const session = judgeOf(compose(twice, policy), options).open();
  const ask = async () =>
    inWords(
      await session.judge("rcpt", {
        ...factsOf({ recipients: [] }).rcpt,
        given: Path.from(b),
      }),
    );
  await session.judge("mail", factsOf({}).mail);
  const good = "c@one.example,d@two.example,c@one.example,d@two.example";
  assertEquals([await ask(), await ask(), await ask()], [good, good, "452 4.5.3 Enough"]);
  await session.judge("mail", factsOf({}).mail);
  assertEquals(await ask(), good);
});
