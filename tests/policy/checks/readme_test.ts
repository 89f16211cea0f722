import { assertEquals } from "@std/assert";
import { builtInChecks } from "../../../src/policy/checks/mod.ts";

Deno.test("the README names every built-in check", async () => {
  const readme = await Deno.readTextFile(new URL("../../../README.md", import.meta.url));
  const table = readme.slice(
    readme.indexOf("| `use`"),
    readme.indexOf("What to know of recipients"),
  );
  const named = [...table.matchAll(/^\| `([a-z-]+)` /gm)].map(([, name]) => name);
  assertEquals(named.filter((name) => name !== "use"), [...builtInChecks.keys()].sort());
});
