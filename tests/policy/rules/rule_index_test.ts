/**
 * The index changes what rules cost, and nothing else.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Then } from "../../../src/policy/rules/actions.ts";
import type { When } from "../../../src/policy/rules/conditions.ts";
import { RuleIndex } from "../../../src/policy/rules/rule_index.ts";
import { compileRules, type RulePhase, type RuleSource } from "../../../src/policy/rules/rule.ts";
import { RecipientCount, type View, views } from "../../../src/policy/rules/view.ts";
import { environment, factsOf, inWords, rule, type Situation } from "./_rules.ts";

// Few of each, so that rules and addresses meet.
const localParts = ["a", "A", "b", "postmaster", '"x y"'];
const domains = ["one.example", "two.example", "sub.one.example", "deep.sub.one.example"];
const clients = ["192.0.2.1", "192.0.2.200", "10.1.2.3", "2001:db8::1", "::ffff:10.1.2.3", ""];
const networks = ["192.0.2.1", "192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0", "::/0"];

const mailbox = fc.tuple(fc.constantFrom(...localParts), fc.constantFrom(...domains))
  .map(([localPart, domain]) => `${localPart}@${domain}`);
const pattern = fc.oneof(
  mailbox,
  fc.constantFrom(...domains, ...domains.map((domain) => `.${domain}`)),
  fc.constantFrom(...domains.map((domain) => `*@${domain}`)),
  fc.constantFrom("a@*", "postmaster@*", "a*@one.example", "*@*.example", "/^a@/", ".example"),
  fc.constantFrom("a@*.one.example", "@partners", "ONE.example"),
);
const listOf = (text: fc.Arbitrary<string>) =>
  fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 }));

const situation: fc.Arbitrary<Situation> = fc.record({
  sender: fc.oneof(mailbox, fc.constant("<>")),
  recipient: fc.oneof(mailbox, fc.constant("Postmaster")),
  recipients: fc.array(mailbox, { maxLength: 3 }),
  client: fc.constantFrom(...clients).map((address) => ({ address })),
});

/** Conditions that are known in a phase, nested. */
function conditionsAt(phase: RulePhase): fc.Arbitrary<When> {
  const recipient = listOf(pattern);
  const sender = listOf(fc.oneof(pattern, fc.constant("<>")));
  const client = listOf(fc.constantFrom(...networks, "@partners"));
  const keys = { requiredKeys: [] };
  const leaf: fc.Arbitrary<When> = phase === "mail"
    ? fc.record({ sender, client }, keys)
    : fc.record({ recipient, sender, client }, keys);
  const { when } = fc.letrec<{ when: When }>((tie) => {
    const inner = fc.array(tie("when"), { minLength: 1, maxLength: 2 });
    return {
      when: fc.oneof(
        { maxDepth: 2, withCrossShrink: true },
        leaf,
        fc.record({ sender, and: inner, or: inner, not: tie("when") }, keys),
        fc.tuple(leaf, inner).map(([one, or]) => ({ ...one, or })),
      ),
    };
  });
  return when;
}

const rewriteOne = mailbox.map((rewrite): Then => ({ rewrite }));
const rewriteMany = fc.array(mailbox, { maxLength: 3 }).map((rewrite): Then => ({ rewrite }));
const [routed, deferred, discarded] = [{ route: "archive" }, { defer: true }, { discard: true }]
  .map((then) => fc.constant(then as Then));

/** Mostly actions that do not decide, so that many rules have their turn. */
const thenAt = {
  mail: fc.oneof(routed, rewriteOne, rewriteOne, routed, deferred),
  rcpt: fc.oneof(routed, rewriteOne, rewriteOne, routed, deferred, rewriteMany),
  data: fc.oneof(discarded, deferred),
};

const questions = fc.constantFrom("mail" as const, "rcpt" as const, "data" as const).chain((at) =>
  fc.record({
    at: fc.constant(at),
    rules: fc.array(fc.record({ when: conditionsAt(at), then: thenAt[at] }), {
      minLength: 1,
      maxLength: 12,
    }).map((list) => list.map((one, nth): RuleSource => ({ name: `r${nth}`, at, ...one }))),
    asked: situation,
  })
);

/** The same conditions with an alternative that is never met and cannot be looked up. */
function unindexed({ recipient, sender, client, and, or, not }: When): When {
  const also = (texts: string | readonly string[] | undefined, text: string) =>
    texts === undefined ? undefined : [texts, text].flat();
  const all = {
    recipient: also(recipient, "/^never$/"),
    sender: also(sender, "/^never$/"),
    client: also(client, "@nobody"),
    and: and?.map(unindexed),
    or: or?.map(unindexed),
    not,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function viewOf(asked: Situation): View {
  return views.rcpt(factsOf(asked).rcpt, new RecipientCount());
}

/** How many of these rules somebody has to try. */
function triedOf(conditions: readonly When[], asked: Situation): number {
  const index = new RuleIndex();
  for (const [number, when] of conditions.entries()) index.add(number, when, "rcpt");
  return [...index.candidates(viewOf(asked), 0)].length;
}

Deno.test("rules found by index rule as rules asked one by one", async () => {
  let ruled = 0;
  const property = fc.asyncProperty(questions, async ({ at, rules, asked }) => {
    const told: string[][] = [[], []];
    const conditions = rules.map(({ when = {} }) => unindexed(when));
    assertEquals(triedOf(conditions, asked), rules.length);
    const policies = [rules, rules.map((one, nth) => ({ ...one, when: conditions[nth] }))].map(
      (list, nth) =>
        compileRules(
          list,
          environment({ looked: (name, met) => void (met && told[nth].push(name)) }),
        ),
    );
    const [found, naive] = await Promise.all(
      policies.map((policy) => rule(policy, at, asked)),
    );
    assertEquals(inWords(found), inWords(naive));
    assertEquals(found.steps.map(({ check }) => check), naive.steps.map(({ check }) => check));
    assertEquals(told[0], told[1]);
    ruled += told[0].length > 0 ? 1 : 0;
  });
  await fc.assert(property, { numRuns: 500 });
  assert(ruled > 75, `only ${ruled} of 500 met a rule`);
});

const many = Array.from({ length: 1000 }, (_, nth) => nth);

const indexed: readonly [what: string, when: (nth: number) => When, asked: Situation][] = [
  ["mailboxes", (nth) => ({ recipient: `u${nth}@one.example` }), { recipient: "u7@one.example" }],
  ["domains", (nth) => ({ recipient: `*@d${nth}.example` }), { recipient: "u@d7.example" }],
  ["local-parts", (nth) => ({ recipient: `u${nth}@*` }), { recipient: "u7@d.example" }],
  ["subdomains", (nth) => ({ sender: `.d${nth}.example` }), { sender: "u@a.b.d7.example" }],
  ["senders", (nth) => ({ sender: `s${nth}@x.example` }), { sender: "s7@x.example" }],
  ["clients", (nth) => ({ client: `10.0.${nth >> 8}.${nth & 255}` }), {
    client: { address: "10.0.0.7" },
  }],
  ["networks", (nth) => ({ client: `2001:db8:${nth.toString(16)}::/48` }), {
    client: { address: "2001:db8:7::1" },
  }],
  [
    "the narrowest of several",
    (nth) => ({ recipient: "@one.example", sender: `s${nth}@x.example`, client: "0.0.0.0/0" }),
    { sender: "s7@x.example", recipient: "u@one.example" },
  ],
  ["and", (nth) => ({ and: [{ login: true }, { recipient: `u${nth}@one.example` }] }), {
    recipient: "u7@one.example",
  }],
  [
    "or",
    (nth) => ({ or: [{ sender: `s${nth}@x.example` }, { client: `10.0.0.${nth % 200}/32` }] }),
    {
      sender: "s7@x.example",
    },
  ],
];

for (const [what, when, asked] of indexed) {
  Deno.test(`of 1000 rules for ${what}, one is tried`, () => {
    assertEquals(triedOf(many.map(when), asked), 1);
  });
}

Deno.test("rules that may mean everybody are all tried, in their order, from any place on", () => {
  const index = new RuleIndex();
  const conditions: When[] = [
    {},
    { recipient: "u@one.example" },
    { recipient: "@partners" },
    {
      or: [{ recipient: "u@one.example" }, { login: true }],
    },
    { recipient: ["u@one.example", "one.example"] },
    { not: { recipient: "u@one.example" } },
  ];
  for (const [number, when] of conditions.entries()) index.add(number, when, "rcpt");
  const view = viewOf({ recipient: "u@one.example" });
  assertEquals([...index.candidates(view, 0)], [0, 1, 2, 3, 4, 5]);
  assertEquals([...index.candidates(view, 3)], [3, 4, 5]);
  assertEquals([...index.candidates(viewOf({ recipient: "u@two.example" }), 0)], [0, 2, 3, 5]);
});
