import { assertEquals } from "@std/assert";
import { assemble } from "../../src/cli/assemble.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import type { Counters } from "../../src/state/counters.ts";
import { FakeClock } from "../_clock.ts";
import { rule } from "../policy/rules/_rules.ts";

Deno.test("the shadow's rules count by themselves", async () => {
  const counting = `[[rule]]
    name = "too many"
    at = "mail"
    when.rate = { of = "all", per = "1m", above = 1 }
    then.defer = true
  `;
  const files: Readonly<Record<string, string>> = {
    "a.toml": `shadow = "b.toml"\n${counting}`,
    "b.toml": counting,
  };
  const configuration = await loadConfiguration("a.toml", (path) => Promise.resolve(files[path]));
  const asked: string[] = [];
  const counters = (whose: string): Counters => ({ count: () => asked.push(whose) });
  const { options: { policy, shadow }, close } = await assemble(configuration, {
    clock: new FakeClock(),
    observers: [],
    counters: { live: counters("live"), shadow: counters("shadow") },
    trouble: (error) => {
      throw error;
    },
  });
  await rule(policy!, "mail", {});
  await rule(shadow!, "mail", {});
  assertEquals(asked, ["live", "shadow"]);
  await close();
});
