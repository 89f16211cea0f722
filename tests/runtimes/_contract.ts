/**
 * Runs the contract of a runtime's adapter inside that runtime.
 *
 * @module
 */

import { assertEquals, assertGreater } from "@std/assert";
import type { Outcome } from "./hosts/contract.ts";

/** Registers one test, with a step for each of the contract's. @param args The runtime's, and a program. */
export function contractOn(runtime: string, command: string, ...args: readonly string[]): void {
  Deno.test(`${runtime}: the contract of its sockets`, async (t) => {
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args: [...args],
      stdin: "null",
      signal: AbortSignal.timeout(30_000),
    }).output();
    const outcomes: Outcome[] = new TextDecoder().decode(stdout).split("\n").slice(0, -1)
      .map((line) => JSON.parse(line));
    for (const { name, error, skipped } of outcomes) {
      await t.step({
        name: skipped === undefined ? name : `${name} (skipped: ${skipped})`,
        ignore: skipped !== undefined,
        fn: () => assertEquals(error, undefined),
      });
    }
    assertGreater(outcomes.length, 0);
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  });
}
