/** What a configuration file quarantines is found in its Maildir, and nowhere else. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { assemble } from "../../src/cli/assemble.ts";
import { systemClock } from "../../src/clock.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { ConfigurationError } from "../../src/config/mistake.ts";
import { openSession } from "../../src/testing/session.ts";
import type { TransactionEnd } from "../../src/session/observer.ts";

const RULES = `
[[rule]]
name = "points"
at = "headers"
when.header = { name = "Subject", matches = "*prize*" }
then = { score = 5, add-header = { name = "X-Points", value = "5" } }

[[rule]]
name = "held"
at = "content"
when = { score = { above = 4 } }
then = { quarantine = true, add-header = { name = "X-Why", value = "points" } }
`;

async function filesIn(directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(directory)) names.push(name);
  return names;
}

Deno.test("a quarantined message lies in the Maildir, with its envelope and its new fields", async () => {
  const directory = await Deno.makeTempDir();
  const text = `[quarantine]\ndirectory = "held"\n${RULES}`;
  const ends: TransactionEnd[] = [];
  const observers = [{ transaction: (_: unknown, end: TransactionEnd) => void ends.push(end) }];
  const assembly = await assemble(
    await loadConfiguration(`${directory}/a.toml`, () => Promise.resolve(text)),
    { clock: systemClock, observers, trouble: () => {} },
  );
  const { upstream: _, ...options } = assembly.options;
  const messages = [
    ["Subject: =?utf-8?q?A_prize?=\r\n\r\nsmall\r\n", "quarantined"],
    [`Subject: Prizes\r\n\r\n${"large\r\n".repeat(50_000)}`, "quarantined"],
    [`Subject: No\r\n\r\n${"large\r\n".repeat(50_000)}`, "accepted"],
  ];
  {
    await using session = await openSession(options);
    for (const [message, outcome] of messages) {
      await session.cmd("MAIL FROM:<a@x.example>", "250");
      await session.cmd("RCPT TO:<b@y.example>", "250");
      await session.message(message, "250");
      assertEquals(ends.at(-1)!.kind, outcome);
    }
    assertEquals(session.captured.length, 1);
  }
  await assembly.discard();
  const [small, large] = ends.map((end) => end.kind === "quarantined" ? end.as : "");
  assertEquals((await filesIn(`${directory}/held/new`)).sort(), [small, large].sort());
  assertEquals(await filesIn(`${directory}/held/tmp`), []);
  const kept = await Deno.readTextFile(`${directory}/held/new/${small}`);
  assertEquals(
    kept.startsWith("Return-Path: <a@x.example>\r\nDelivered-To: b@y.example\r\n"),
    true,
  );
  assertMatch(kept, /X-Why: points\r\nX-Points: 5\r\n/);
  assertEquals(kept.endsWith("small\r\n"), true);
  // What the last word adds comes too late for a message that is larger than the window.
  const whole = await Deno.readTextFile(`${directory}/held/new/${large}`);
  assertEquals(whole.includes("X-Points: 5\r\n"), true);
  assertEquals(whole.endsWith(messages[1][0]), true);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a directory that cannot be made is a mistake", async () => {
  const load = () => Promise.resolve(`quarantine.directory = "/proc/none"\n${RULES}`);
  const error = await assertRejects(
    async () =>
      await assemble(await loadConfiguration("a.toml", load), {
        clock: systemClock,
        observers: [],
        trouble: () => {},
      }),
    ConfigurationError,
  );
  assertEquals(error.mistakes.map(({ key }) => key), ["quarantine.directory"]);
});
