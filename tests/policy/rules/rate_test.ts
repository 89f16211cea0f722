/**
 * Rules about what happens too often.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { When } from "../../../src/policy/rules/conditions.ts";
import type { Rate } from "../../../src/policy/rules/rate.ts";
import { compileRules, type RulePhase } from "../../../src/policy/rules/rule.ts";
import { MemoryCounters } from "../../../src/state/counters.ts";
import { FakeClock } from "../../_clock.ts";
import { environment, rule, type Situation } from "./_rules.ts";

const then = { defer: true } as const;

/** Rules that count, and a clock to let time pass. */
function counting(at: RulePhase | readonly RulePhase[], ...whens: readonly When[]) {
  const clock = new FakeClock(0);
  const rules = whens.map((when, nth) => ({ name: `r${nth}`, at, when, then }));
  const counters = new MemoryCounters(clock);
  const policy = compileRules(rules, environment({ clock, counters }));
  const deferred = async (phase: RulePhase, situation: Situation): Promise<boolean> =>
    (await rule(policy, phase, situation)).refusal !== undefined;
  return { clock, deferred };
}

const one = (of: Rate["of"]): When => ({ rate: { of, per: "1m", above: 1 } });

type Row = readonly [
  of: Rate["of"],
  phase: RulePhase,
  first: Situation,
  same: Situation,
  other: Situation | undefined,
];

const rows: readonly Row[] = [
  ["client", "connect", {}, {}, { client: { address: "192.0.2.2" } }],
  [
    "client",
    "mail",
    { client: { address: "2001:db8::1" } },
    { client: { address: "2001:db8::ffff:0:0:1" } },
    { client: { address: "2001:db8:0:1::1" } },
  ],
  ["client", "ehlo", { client: { address: "::ffff:192.0.2.1" } }, {}, {
    client: { address: "192.0.3.1" },
  }],
  ["client", "ehlo", { client: { address: "" } }, { client: { address: "" } }, {}],
  ["login", "mail", { client: { login: "anna" } }, { client: { login: "Anna" } }, {
    client: { login: "bert" },
  }],
  ["sender", "mail", { sender: "a@x.example" }, { sender: '"A"@X.example' }, {
    sender: "a@y.example",
  }],
  ["sender-domain", "content", { sender: "a@x.example" }, { sender: "b@x.example" }, {
    sender: "a@y.example",
  }],
  ["recipient", "rcpt", { recipient: "a@x.example" }, { recipient: "a@x.example" }, {
    recipient: "b@x.example",
  }],
  ["recipient", "rcpt", { recipient: "Postmaster" }, { recipient: "postmaster" }, {}],
  [
    "recipient",
    "data",
    { recipients: ["a@x.example", "b@x.example"] },
    { recipients: ["c@x.example", "b@x.example"] },
    { recipients: ["d@x.example", "e@x.example"] },
  ],
  [
    "recipient-domain",
    "data",
    // Two of one domain are no second question.
    { recipients: ["a@x.example", "b@x.example"] },
    { recipients: ["c@x.example"] },
    { recipients: ["a@y.example"] },
  ],
  ["all", "connect", {}, { client: { address: "2001:db8::1" } }, undefined],
];

for (const [of, phase, first, same, other] of rows) {
  Deno.test(`the rate of ${of} at ${phase}: ${JSON.stringify(same)}`, async () => {
    const { deferred } = counting(phase, one(of));
    assertEquals(await deferred(phase, first), false);
    if (other !== undefined) assertEquals(await deferred(phase, other), false);
    assertEquals(await deferred(phase, same), true);
  });
}

Deno.test("nobody is not counted: no login, the null reverse-path", async () => {
  for (const  of of["login", "sender", "sender-domain"] as const) {
    const { deferred } = counting("mail", one(of));
    for (let nth = 0; nth < 3; nth++) assertEquals(await deferred("mail", { sender: "<>" }), false);
  }
});

Deno.test("as many as allowed, then no more until the window has passed", async () => {
  const { clock, deferred } = counting("mail", { rate: { of: "client", per: "10s", above: 3 } });
  const asked = async (): Promise<boolean[]> => {
    const all: boolean[] = [];
    for (let nth = 0; nth < 5; nth++) all.push(await deferred("mail", {}));
    return all;
  };
  assertEquals(await asked(), [false, false, false, true, true]);
  await clock.advance(20_000);
  assertEquals(await asked(), [false, false, false, true, true]);
});

Deno.test("only what meets the other conditions is counted, wherever they stand", async () => {
  const when: When = {
    rate: { of: "client", per: "1m", above: 1 },
    sender: "@x.example",
    not: { login: true },
    or: [{ size: ">1k" }, { tls: true }],
  };
  const { deferred } = counting("mail", when);
  const met: Situation = { sender: "a@x.example", size: 2_000 };
  const asked: readonly Situation[] = [
    { ...met, sender: "a@y.example" },
    { ...met, client: { login: "anna" } },
    { ...met, size: 1 },
    met,
    { ...met, size: 1 },
    met,
  ];
  const said: boolean[] = [];
  for (const situation of asked) said.push(await deferred("mail", situation));
  assertEquals(said, [false, false, false, false, false, true]);
});

Deno.test("rules count each by itself, the phases of one together", async () => {
  const each = counting("mail", { ...one("all"), sender: "a@*" }, { ...one("all"), sender: "b@*" });
  assertEquals(await each.deferred("mail", { sender: "a@x.example" }), false);
  assertEquals(await each.deferred("mail", { sender: "b@x.example" }), false);
  assertEquals(await each.deferred("mail", { sender: "b@x.example" }), true);

  const together = counting(["mail", "rcpt"], one("all"));
  assertEquals(await together.deferred("mail", {}), false);
  assertEquals(await together.deferred("rcpt", {}), true);
});

Deno.test("where nothing is counted the condition is not met", async () => {
  const policy = compileRules([{ name: "r", at: "mail", when: one("all"), then }], environment());
  for (let nth = 0; nth < 3; nth++) {
    assertEquals((await rule(policy, "mail", {})).refusal, undefined);
  }
});
