/** A second policy that changes nothing, and tells where it would. */

import { assertEquals } from "@std/assert";
import { decisionOf, printDecision } from "../../src/policy/decision.ts";
import { definePolicy, Path, type Policy, reject, rewrite } from "../../src/policy/mod.ts";
import type { Observer } from "../../src/session/observer.ts";
import { type Play, withPolicy } from "./_play.ts";

const MAIL = "MAIL FROM:<a@client.example>";
const RCPT = "RCPT TO:<b@upstream.example>";
const GROUP = [MAIL, RCPT, "DATA"].join("\r\n");

/** Plays with both, and collects the differences. */
async function compared(
  live: Policy,
  shadow: Policy,
  play: (play: Play, found: readonly string[]) => Promise<void>,
): Promise<string[]> {
  const found: string[] = [];
  const observer: Observer = {
    difference: (_session, phase, ...rulings) => {
      found.push([phase, ...rulings.map((one) => printDecision(decisionOf(one)))].join(" | "));
    },
  };
  await withPolicy(live, (it) => play(it, found), { proxy: { shadow, observers: [observer] } });
  return found;
}

Deno.test("shadow: has no effect, and its differences are told", async () => {
  const live = definePolicy({
    rcpt: ({ forwardPath }) => rewrite(forwardPath.withDomain("x.example")),
  });
  const shadow = definePolicy({
    ehlo: () => reject("550 5.7.1 Never heard of"),
    rcpt: ({ forwardPath }) => rewrite(forwardPath.withDomain("y.example")),
    content: () => Promise.reject(new Error("broken")),
  });
  const found = await compared(live, shadow, async (play) => {
    await play.say("EHLO again.example");
    await play.client.reply();
    await play.say(GROUP, "250 2.0.0 Ok", "250 2.0.0 Ok", "354 *");
    await play.say("Hello\r\n.", "250 2.0.0 Queued");
    // Whoever looks at a message gets it without dots, and so it goes on by BDAT.
    assertEquals(play.upstream, [MAIL, "RCPT TO:<b@x.example>", "BDAT 7 LAST"]);
  });
  assertEquals(found, [
    "ehlo | proceeds | refused 550 5.7.1",
    "ehlo | proceeds | refused 550 5.7.1",
    "rcpt | becomes <b@x.example> | becomes <b@y.example>",
    "content | proceeds | refused 451 4.3.0",
  ]);
});

Deno.test("shadow: the same decision in other words, or by another rule, is none", async () => {
  const policy = (name: string) =>
    definePolicy({
      name,
      mail: ({ reversePath }) =>
        reversePath.isNull ? reject(`550 5.7.1 ${name}`) : rewrite(Path.from("z@x.example")),
    });
  const found = await compared(policy("one"), policy("two"), async (play) => {
    await play.say("MAIL FROM:<>", "550 5.7.1 one");
    await play.say(MAIL, "250 2.0.0 Ok");
  });
  assertEquals(found, []);
});

Deno.test("shadow: mail does not wait for it, the end of the session does, and not for ever", async () => {
  const never = () => new Promise<undefined>(() => {});
  const shadow = definePolicy({ timeLimit: 60_000, onFailure: "reject", mail: never, rcpt: never });
  const found = await compared(definePolicy({}), shadow, async (play, found) => {
    const { client, stage: { clock, proxy } } = play;
    await play.say(GROUP, "250 2.0.0 Ok", "250 2.0.0 Ok", "354 *");
    await play.say("Hello\r\n.", "250 2.0.0 Queued");
    await play.say("QUIT", "221 2.0.0 Closing");
    client.close();
    await play.robots.rest();
    assertEquals([proxy.sessions, clock.timers], [1, 2]);
    await clock.advance(30_000);
    assertEquals([proxy.sessions, found], [1, []]);
    // What had begun may end; what waited is not asked any more.
    await clock.advance(30_000);
    assertEquals([proxy.sessions, clock.timers], [0, 0]);
  });
  assertEquals(found, ["mail | proceeds | refused 550 5.7.0"]);
});

Deno.test("shadow: it has a state of its own, and sees the envelope as it was", async () => {
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  const watcher = (name: string, slow: boolean) =>
    definePolicy({
      session: () => ({ count: 0 }),
      rcpt: async ({ current }, { session }) => {
        const recipients = current.recipients.length;
        if (slow) await gate.promise;
        seen.push(`${name} ${++session.count} ${recipients}`);
      },
    });
  await compared(watcher("live", false), watcher("shadow", true), async (play) => {
    await play.say([MAIL].join("\r\n"), "250 *");
    for (let nth = 0; nth < 3; nth++) await play.say(RCPT, "250 *");
    assertEquals(seen.length, 3);
    gate.resolve();
  });
  const of = (name: string) => seen.filter((line) => line.startsWith(name));
  assertEquals(of("live"), ["live 1 0", "live 2 1", "live 3 2"]);
  assertEquals(of("shadow"), ["shadow 1 0", "shadow 2 1", "shadow 3 2"]);
});

Deno.test("shadow: a session that asks too much is not remembered without end", async () => {
  let asked = 0;
  const gate = Promise.withResolvers<undefined>();
  const shadow = definePolicy({
    rcpt: () => {
      asked++;
      return gate.promise;
    },
  });
  await compared(definePolicy({}), shadow, async (play) => {
    await play.say(MAIL, "250 *");
    const many = 300;
    await play.say(Array(many).fill(RCPT).join("\r\n"), ...Array(many).fill("250 *"));
    assertEquals(asked, 1);
    gate.resolve(undefined);
    await play.robots.rest();
    assertEquals(asked, 101);
  });
});
