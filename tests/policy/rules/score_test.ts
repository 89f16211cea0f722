import { assertEquals } from "@std/assert";
import { compileRules } from "../../../src/policy/rules/rule.ts";
import { environment, inWords, rule } from "./_rules.ts";

Deno.test("rules at content see what filters have given", async (t) => {
  const rows: readonly (readonly [
    condition: { above?: number; below?: number },
    ...(readonly [score: number | undefined, met: boolean])[],
  ])[] = [
    [{ above: 15 }, [15.1, true], [15, false], [-1, false], [undefined, false]],
    [{ below: -2.5 }, [-3, true], [-2.5, false], [undefined, false]],
    [{ above: 5, below: 10 }, [5, false], [7, true], [10, false]],
    [{ above: -1 }, [undefined, true]],
  ];
  for (const [score, ...expected] of rows) {
    await t.step(JSON.stringify(score), async () => {
      const policy = compileRules(
        [{ name: "a", at: "content", when: { score }, then: { reject: "550 5.7.1 Spam" } }],
        environment(),
      );
      for (const [points, met] of expected) {
        const said = inWords(await rule(policy, "content", { score: points }));
        assertEquals(said, met ? "550 5.7.1 Spam" : "", `${points}`);
      }
    });
  }
});
