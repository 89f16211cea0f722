/** Checks that fail or take too long: each is answered as its policy, or the option, says. */

import { assertEquals, assertMatch } from "@std/assert";
import {
  type Checks,
  compose,
  definePolicy,
  type OnFailure,
  type Phase,
  reject,
} from "../../src/policy/mod.ts";
import { onStage } from "../_dialogue.ts";
import { withPolicy } from "./_play.ts";

const MAIL = "MAIL FROM:<a@client.example>";
const RCPT = "RCPT TO:<b@upstream.example>";

const faults: Readonly<Record<string, () => undefined | Promise<undefined>>> = {
  "throws": () => {
    throw new Error("broken");
  },
  "rejects": () => Promise.reject(new Error("broken")),
  "never answers": () => new Promise(() => {}),
  ...Object.fromEntries(
    Object.entries<unknown>({
      "a number": 42,
      "an unknown verdict": { kind: "nope" },
      "a name of Object's": { kind: "constructor" },
      "a reply that is a text": { kind: "reject", reply: "550 No" },
      "a reply that does not refuse": { kind: "disconnect", reply: { code: 250 } },
      "paths that are none": { kind: "rewrite", paths: ["a@b.example"] },
      "a path without its list": { kind: "rewrite", paths: null },
      "a route to nowhere": { kind: "route" },
      "a list with a gap": [{ kind: "proceed" }, null],
    }).map(([what, answer]) => [`answers ${what}`, () => answer as undefined]),
  ),
};

interface Case {
  readonly onFailure?: OnFailure;
  /** The option `policyFailure`. */
  readonly option?: string;
  readonly reply: string;
}

const cases: readonly Case[] = [
  { reply: "451 4.3.0 Temporary failure, try again later" },
  { option: "550 5.3.0 Not now", reply: "550 5.3.0 Not now" },
  { onFailure: "accept", reply: "250 2.0.0 Ok" },
  { onFailure: "defer", option: "452 4.3.1 Full", reply: "452 4.3.1 Full" },
  { onFailure: "defer", option: "550 5.3.0 Not now", reply: "451 4.3.0 *" },
  { onFailure: "reject", option: "452 4.3.1 Full", reply: "550 5.7.0 *" },
];

for (const [fault, check] of Object.entries(faults)) {
  for (const { onFailure, option, reply } of cases) {
    Deno.test(`a check that ${fault}: ${onFailure ?? "option"}, ${option ?? "default"}`, async () => {
      const policy = definePolicy({ name: "weak", onFailure, rcpt: check });
      await withPolicy(policy, async (play) => {
        await play.say(MAIL, "250 2.0.0 Ok");
        await play.client.send(`${RCPT}\r\n`);
        if (fault === "never answers") {
          await play.stage.clock.advance(29_999);
          await play.client.expectNothing();
          await play.stage.clock.advance(1);
        }
        await play.robots.rest();
        await play.client.expect(reply);
        assertEquals(play.stage.troubles.length, 1);
        assertMatch(play.stage.troubles[0], /"weak" failed at rcpt/);
      }, { proxy: { policyFailure: option } });
    });
  }
}

Deno.test("each policy has its own time limit", async () => {
  const policy = compose(
    definePolicy({
      timeLimit: 100,
      onFailure: "accept",
      rcpt: ({ forwardPath }) =>
        forwardPath.localPart === "slow" ? new Promise<undefined>(() => {}) : undefined,
    }),
    definePolicy({
      timeLimit: 5_000,
      onFailure: "reject",
      rcpt: () => new Promise<undefined>(() => {}),
    }),
  );
  await withPolicy(policy, async (play) => {
    const { client, stage: { clock } } = play;
    await play.say(MAIL, "250 2.0.0 Ok");
    await client.send("RCPT TO:<slow@upstream.example>\r\n");
    await clock.advance(5_099);
    await client.expectNothing();
    await clock.advance(1);
    await client.expect("550 5.7.0 *");
    await client.send(`${RCPT}\r\n`);
    await clock.advance(4_999);
    await client.expectNothing();
    await clock.advance(1);
    await client.expect("550 5.7.0 *");
  });
});

Deno.test("an answer that comes too late has no effect", async () => {
  const late = Promise.withResolvers<ReturnType<typeof reject>>();
  const policy = definePolicy({ timeLimit: 1_000, onFailure: "accept", mail: () => late.promise });
  await withPolicy(policy, async (play) => {
    await play.client.send(`${MAIL}\r\n`);
    await play.stage.clock.advance(1_000);
    await play.robots.rest();
    late.resolve(reject("550 5.7.1 Too late"));
    await play.say(RCPT, "250 2.0.0 Ok", "250 2.0.0 Ok");
  });
});

Deno.test("a failing check at any phase never ends the proxy, and lets nothing pass unseen", async () => {
  const phases: readonly Phase[] = ["mail", "rcpt", "data", "headers", "content"];
  for (const phase of phases) {
    const checks: Checks = {
      [phase]: () => {
        throw new Error("broken");
      },
    };
    await withPolicy(definePolicy(checks), async (play) => {
      const reached = phases.indexOf(phase);
      const steps = [MAIL, RCPT, "DATA", "Subject: x\r\n\r\nHello\r\n."];
      for (const [nth, said] of steps.entries()) {
        const refused = nth === Math.min(reached, 3);
        await play.say(said, refused ? "451 4.3.0 *" : nth === 2 ? "354 *" : "250 2.0.0 Ok");
        if (refused) break;
      }
      assertEquals(play.messages, []);
      assertEquals(play.stage.troubles.length, 1);
      await play.say("NOOP", "250 2.0.0 Ok");
    });
  }
});

Deno.test("a failing check at connect refuses the session, at close it changes nothing", async () => {
  const broken = () => {
    throw new Error("broken");
  };
  await onStage({ proxy: { policy: definePolicy({ connect: broken }) } }, async (stage) => {
    const client = stage.connect();
    await client.expect("451 4.3.0 *");
    await client.expectClose();
    assertEquals(stage.troubles.length, 1);
  });
  await withPolicy(definePolicy({ close: broken }), async (play) => {
    await play.say("QUIT", "221 2.0.0 Closing");
    await play.client.expectClose();
  });
});

Deno.test("what a policy keeps cannot be begun: its check fails, and nobody else's", async () => {
  const broken = () => {
    throw new Error("broken");
  };
  for (const own of [{ session: broken }, { transaction: broken }]) {
    const policy = compose(
      definePolicy({
        ...own,
        name: "weak",
        mail: (_facts, kept) => void (kept.session ?? kept.transaction),
      }),
      definePolicy({ ehlo: () => undefined }),
    );
    await withPolicy(policy, async (play) => {
      await play.say(MAIL, "451 4.3.0 *");
      await play.say(MAIL, "451 4.3.0 *");
      assertEquals(play.stage.troubles.length, 2);
    });
  }
});
