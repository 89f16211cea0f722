import { assertEquals, assertThrows } from "@std/assert";
import { batched, type Out, type Stage } from "../../src/stages/mod.ts";

function gather<O>(run: (out: Out<O>) => void): O[] {
  const values: O[] = [];
  run({ enqueue: (value) => values.push(value) });
  return values;
}

const letters: Stage<string, string> = {
  transform(text, out) {
    for (const letter of text) {
      if (letter === "!") throw new RangeError(text);
      out.enqueue(letter);
    }
  },
};

Deno.test("batched: one array for each chunk, none where there is nothing", () => {
  const batches = batched(letters);
  assertEquals(gather((out) => batches.transform("ab", out)), [["a", "b"]]);
  assertEquals(gather((out) => batches.transform("", out)), []);
  assertEquals(gather((out) => batches.flush?.(out)), []);
});

Deno.test("batched: flush yields a batch, and cancel passes through", () => {
  const cancelled: unknown[] = [];
  const batches = batched<string, string>({
    transform() {},
    flush(out) {
      out.enqueue("a");
      out.enqueue("b");
    },
    cancel: (reason) => cancelled.push(reason),
  });
  assertEquals(gather((out) => batches.flush?.(out)), [["a", "b"]]);
  batches.cancel?.("gone");
  assertEquals(cancelled, ["gone"]);
});

Deno.test("batched: a fault passes through, without the batch", () => {
  const batches = batched(letters);
  const values = gather<string[]>((out) => {
    assertThrows(() => batches.transform("ab!", out), RangeError);
    batches.transform("c", out);
  });
  assertEquals(values, [["c"]]);
});
