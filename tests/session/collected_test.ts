/**
 * What belongs to a session that has ended is collected with the young. Where it is not, the collector
 * costs more than the commands of a short session: V8 keeps the young to which anything old points, be
 * that garbage itself. So of what each session has nothing is old from birth, as a closure is that is
 * assigned to a member (which TypeScript does to all fields of a class with parameter properties), and
 * no list of what comes and goes leaves its past behind, as a `Map` does.
 */

import { assert, assertEquals } from "@std/assert";

/** Octets; about 500 are kept, of a session of which anything is old some 6,000. */
const MOST = 2_000;

Deno.test("a session that has ended is collected with the young", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--v8-flags=--trace-gc,--min-semi-space-size=8"],
      new URL("_many_sessions.ts", import.meta.url).pathname,
    ],
  }).output();
  const told = new TextDecoder().decode(stdout);
  const sessions = Number(/accepted (\d+)/.exec(told)?.[1]);
  assertEquals(sessions, 10_000, told.slice(-1_000));
  let kept = 0;
  let before: number | undefined;
  for (const [, kind, after] of told.matchAll(/ms: (\S+).*? -> ([\d.]+) \(/g)) {
    if (kind === "Scavenge" && before !== undefined) kept += Number(after) - before;
    before = Number(after);
  }
  assert(before !== undefined, "Nothing has been collected");
  const each = Math.round(kept * 1_000_000 / sessions);
  assert(each < MOST, `${each} octets of each session have been kept`);
});
