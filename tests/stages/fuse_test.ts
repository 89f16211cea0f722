import { assertEquals, assertThrows } from "@std/assert";
import { fuse, type Out, type Stage } from "../../src/stages/mod.ts";

/** Adds its name to each value, twice; says so when it ends. */
function stage(name: string, log: string[] = []): Stage<string, string> {
  return {
    transform(value, out) {
      out.enqueue(`${value}${name}1`);
      out.enqueue(`${value}${name}2`);
    },
    flush(out) {
      log.push(`flush ${name}`);
      out.enqueue(`end${name}`);
    },
    cancel: (reason) => log.push(`cancel ${name} ${reason}`),
  };
}

function gather<O>(run: (out: Out<O>) => void): O[] {
  const values: O[] = [];
  run({ enqueue: (value) => values.push(value) });
  return values;
}

Deno.test("fuse: what one enqueues goes through the next, in order", () => {
  const fused = fuse(stage("a"), stage("b"));
  assertEquals(gather((out) => fused.transform("-", out)), ["-a1b1", "-a1b2", "-a2b1", "-a2b2"]);
  assertEquals(gather((out) => fused.flush?.(out)), ["endab1", "endab2", "endb"]);
});

Deno.test("fuse: flush and cancel reach every stage in order, with or without such methods", () => {
  const log: string[] = [];
  const bare: Stage<string, string> = { transform: (value, out) => out.enqueue(value) };
  const fused = fuse(
    stage("a", log),
    bare,
    stage("b", log),
    stage("c", log),
    bare,
    stage("d", log),
  );
  assertEquals(gather((out) => fused.transform("", out)).length, 16);
  gather((out) => fused.flush?.(out));
  fused.cancel?.("gone");
  const names = ["a", "b", "c", "d"];
  assertEquals(log, [
    ...names.map((name) => `flush ${name}`),
    ...names.map((name) => `cancel ${name} gone`),
  ]);
});

Deno.test("fuse: types change from stage to stage, and each call has its own out", () => {
  const length: Stage<string, number> = { transform: (text, out) => out.enqueue(text.length) };
  const even: Stage<number, boolean> = { transform: (n, out) => out.enqueue(n % 2 === 0) };
  const fused: Stage<string, boolean> = fuse(length, even);
  assertEquals(gather<boolean>((out) => fused.transform("ab", out)), [true]);
  assertEquals(gather<boolean>((out) => fused.transform("abc", out)), [false]);
});

Deno.test("fuse: passes a fault on and works afterwards", () => {
  const strict: Stage<string, string> = {
    transform(value, out) {
      if (value === "bad") throw new RangeError("bad");
      out.enqueue(value);
    },
  };
  const fused = fuse(strict, stage("b"));
  assertThrows(() => gather<string>((out) => fused.transform("bad", out)), RangeError);
  assertEquals(gather<string>((out) => fused.transform("good", out)), ["goodb1", "goodb2"]);
});
