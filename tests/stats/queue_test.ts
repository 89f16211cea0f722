import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Queue } from "../../src/stats/queue.ts";

Deno.test("queue: what came first goes first, as in an array", () => {
  const deed = fc.oneof(
    fc.record({ kind: fc.constant("push" as const), value: fc.option(fc.nat()) }),
    fc.record({ kind: fc.constant("last" as const), value: fc.option(fc.nat()) }),
    fc.record({ kind: fc.constant("shift" as const) }),
  );
  fc.assert(fc.property(fc.array(deed), (deeds) => {
    const queue = new Queue<number | null>();
    const model: (number | null)[] = [];
    for (const deed of deeds) {
      if (deed.kind === "push") {
        queue.push(deed.value);
        model.push(deed.value);
      } else if (deed.kind === "last") {
        queue.last = deed.value;
        if (model.length > 0) model[model.length - 1] = deed.value;
      } else {
        queue.shift();
        model.shift();
      }
      assertEquals([queue.isEmpty, queue.first], [model.length === 0, model[0]]);
    }
  }));
});
