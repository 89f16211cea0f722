/** What policies need of their hosts, and hosts that do not give it. */

import { assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../src/errors.ts";
import { createProxy } from "../../src/proxy.ts";
import {
  compose,
  definePolicy,
  everything,
  type Need,
  needs,
  type PolicyHost,
  refuseUnmetNeeds,
} from "../../src/policy/mod.ts";
import { compileRules, type RuleSource } from "../../src/policy/rules/rule.ts";
import { MemoryStore } from "../../src/upstream/capture.ts";
import { environment } from "./rules/_rules.ts";

const without = (need: Need): PolicyHost => {
  return { name: "a mailbox", gives: { ...everything, [need]: "nobody does" } };
};

for (const need of needs) {
  Deno.test(`a policy that needs ${need} is refused by a host without it, and by no other`, () => {
    const policy = compose(
      definePolicy({ name: "modest" }),
      definePolicy({ name: "wanting", needs: [need] }),
    );
    for (const other of needs.filter((one) => one !== need)) {
      refuseUnmetNeeds(policy, without(other), "policy");
    }
    const error = assertThrows(
      () => refuseUnmetNeeds(policy, without(need), "shadow"),
      OptionError,
      "what a mailbox gives (nobody does): ",
    );
    assertEquals(error.option, "shadow");
    assertEquals(error.found, `wanting, which needs ${need}`);
    assertEquals(error.allowed.split(": ")[1], needs.filter((one) => one !== need).join(", "));
    // A proxy gives all of it.
    createProxy({ policy, shadow: policy, quarantine: new MemoryStore() });
  });
}

for (const need of ["rctp", "proceed", "constructor", ""]) {
  Deno.test(`a policy cannot need ${JSON.stringify(need)}`, () => {
    assertThrows(
      () => definePolicy({ name: "odd", needs: [need as Need] }),
      RangeError,
      `Cannot define the policy "odd": found the need "${need}", allowed are connect, ehlo, `,
    );
  });
}

const derived: Readonly<
  Record<string, readonly [Omit<RuleSource, "name">, needs: readonly (readonly Need[])[]]>
> = {
  "a refusal": [{ at: "rcpt", then: { reject: "550 5.7.1 No" } }, [["rcpt", "reject"]]],
  "a refusal for now": [{ at: "connect", then: { defer: true } }, [["connect", "defer"]]],
  "several phases": [
    { at: ["ehlo", "mail"], then: { disconnect: true } },
    [["ehlo", "mail", "disconnect"]],
  ],
  "an exception": [{ at: "mail", then: { proceed: true } }, [["mail"]]],
  "a delay": [{ at: "mail", then: { delay: "1s", discard: true } }, [["mail", "discard"]]],
  "another address": [{ at: "rcpt", then: { rewrite: "a@b.example" } }, [["rcpt", "rewrite"]]],
  "another upstream": [
    { at: "rcpt", then: { route: "archive", discard: true } },
    [["rcpt", "route", "discard"]],
  ],
  "a quarantine": [{ at: "rcpt", then: { quarantine: "archive" } }, [["rcpt", "route"]]],
  "a quarantine of our own": [
    { at: "content", then: { quarantine: true, "add-header": { name: "A", value: "b" } } },
    [["content", "quarantine", "edit"]],
  ],
  "points": [{ at: "headers", then: { score: 1 } }, [["headers", "score"]]],
  "a check with needs": [{ at: "rcpt", then: { use: "wanting" } }, [["rcpt", "auth"]]],
};

for (const [what, [rule, expected]] of Object.entries(derived)) {
  Deno.test(`rules need what they say: ${what}`, () => {
    const wanting = definePolicy({ name: "wanting", needs: ["auth"], rcpt: () => undefined });
    const policy = compileRules([{ name: "r", ...rule }], {
      ...environment(),
      upstreams: new Set(["archive"]),
      checks: new Map([["wanting", () => wanting]]),
    });
    const sorted = (list: readonly Need[]) => [...list].sort();
    assertEquals(
      policy.definitions.map(({ needs = [] }) => sorted(needs)),
      expected.map(sorted),
    );
  });
}
