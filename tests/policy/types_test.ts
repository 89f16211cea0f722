/** What an author cannot write: each line below must fail to compile. */

import { assertEquals } from "@std/assert";
import {
  definePolicy,
  discard,
  Path,
  type Policy,
  reject,
  rewrite,
  route,
} from "../../src/policy/mod.ts";

const path = Path.from("a@x.example");

/** Never called: the type check is the test. */
const impossible: readonly (() => Policy)[] = [
  // @ts-expect-error: nobody can be rewritten before MAIL
  () => definePolicy({ connect: () => rewrite(path) }),
  // @ts-expect-error: no message to be discarded
  () => definePolicy({ ehlo: () => discard() }),
  // @ts-expect-error: the transaction is at its upstream already
  () => definePolicy({ data: () => route("blue") }),
  // @ts-expect-error: a transaction has one sender
  () => definePolicy({ mail: () => rewrite([path, path]) }),
  // @ts-expect-error: the session is over
  () => definePolicy({ close: () => reject("550 5.7.1 Late") }),
  // @ts-expect-error: there is no mail transaction to keep something of
  () => definePolicy({ transaction: () => 1, ehlo: (_facts, own) => void own.transaction }),
  // @ts-expect-error: there is no such phase
  () => definePolicy({ hello: () => undefined }),
  // @ts-expect-error: facts are not to be changed
  () => definePolicy({ mail: (facts) => void (facts.reversePath = path) }),
];

Deno.test("types: what is impossible in a phase does not compile", () => {
  assertEquals(impossible.length, 8);
});
