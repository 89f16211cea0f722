import { assertEquals } from "@std/assert";
import { denoResolver } from "../../src/adapters/deno/mod.ts";
import { systemClock } from "../../src/clock.ts";
import { assemble } from "../../src/cli/assemble.ts";
import { defaultConfiguration } from "../../src/config/defaults.ts";

Deno.test("the proxy gets a resolver where names are to be looked up, and only there", async () => {
  for (const lookupNames of [false, true]) {
    const configuration = { ...defaultConfiguration(), lookupNames };
    const assembly = await assemble(configuration, {
      clock: systemClock,
      observers: [],
      trouble: (error) => {
        throw error;
      },
    });
    assertEquals(assembly.options.resolver === denoResolver, lookupNames);
    await assembly.discard();
  }
});
