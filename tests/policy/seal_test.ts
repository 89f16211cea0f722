/**
 * What depends on all of a message, as a signature does, is asked for last.
 */

import { assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { concat } from "../../src/bytes.ts";
import type { HeaderEdit } from "../../src/message/header_section.ts";
import {
  addHeader,
  compose,
  definePolicy,
  edit,
  type Policy,
  reject,
} from "../../src/policy/mod.ts";
import { deliver } from "../content/_deliver.ts";

const MESSAGE = "Subject: Hi\r\n\r\nHello\r\n";

/** A policy that keeps what it is told. */
function sealing(seen: (string | undefined)[], name = "X-Seal"): Policy {
  return definePolicy({
    seal({ headers, body }) {
      const made = body && concat([...headers.octets, new TextEncoder().encode("\r\n"), body]);
      seen.push(made && new TextDecoder().decode(made));
      return addHeader(name, "1");
    },
  });
}

Deno.test("what is sealed is what the upstream gets", async () => {
  const name = fc.constantFrom("A", "Subject", "X-Long");
  const value = fc.stringMatching(/^[ -~]{0,20}$/);
  const edits: fc.Arbitrary<HeaderEdit> = fc.oneof(
    fc.record({
      kind: fc.constant("add" as const),
      name,
      value,
      at: fc.constantFrom("top" as const, "bottom" as const),
    }),
    fc.record({ kind: fc.constant("remove" as const), name }),
    fc.record({ kind: fc.constant("replace" as const), name, value, nth: fc.constant(1) }),
  );
  const lines = fc.array(fc.constantFrom("A: 1", "Subject:  b", " more", "not a field", "", "."), {
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(lines, fc.array(edits, { maxLength: 3 }), async (lines, made) => {
      const seen: (string | undefined)[] = [];
      const editing = definePolicy({ content: () => edit(made) });
      const message = ["B: 2", ...lines, "", ""].join("\r\n");
      const { content } = await deliver(compose(sealing(seen), editing), message);
      assertEquals(content, `X-Seal: 1\r\n${seen[0]}`);
    }),
    { numRuns: 60 },
  );
});

Deno.test("several do not see each other", async () => {
  const seen: (string | undefined)[] = [];
  const { content } = await deliver(compose(sealing(seen, "X-A"), sealing(seen, "X-B")), MESSAGE);
  assertEquals(seen, [MESSAGE, MESSAGE]);
  assertEquals(content, `X-B: 1\r\nX-A: 1\r\n${MESSAGE}`);
});

Deno.test("it is asked about what is on its way too, and what it says of the header is too late", async () => {
  const seen: (string | undefined)[] = [];
  const large = MESSAGE + "Hello\r\n".repeat(20_000);
  const { content } = await deliver(sealing(seen), large);
  assertEquals(seen, [undefined]);
  assertEquals(content === large, true);
});

Deno.test("what it refuses, or cannot do, nobody gets", async (t) => {
  const cases: readonly [string, Policy, RegExp][] = [
    ["refused", definePolicy({ seal: () => reject("550 5.7.1 No") }), /^550 5.7.1 No/],
    ["refused late", definePolicy({ seal: () => Promise.resolve(reject("450 No")) }), /^450 /],
    [
      "failed",
      definePolicy({
        seal: () => {
          throw new Error("No");
        },
      }),
      /^451 /,
    ],
    [
      "failed, as stated",
      definePolicy({ onFailure: "reject", seal: () => Promise.reject() }),
      /^550 /,
    ],
    ["late", definePolicy({ timeLimit: 1, seal: () => new Promise(() => {}) }), /^451 /],
  ];
  for (const [name, policy, expected] of cases) {
    for (const message of [MESSAGE, MESSAGE + "Hello\r\n".repeat(20_000)]) {
      await t.step(`${name}: ${message.length} octets`, async () => {
        const { reply, content } = await deliver(policy, message);
        assertMatch(reply, expected);
        assertEquals(content, undefined);
      });
    }
  }
});

Deno.test("a message that is refused before is not sealed", async () => {
  const seen: (string | undefined)[] = [];
  const refusing = definePolicy({ content: () => reject("550 No") });
  await deliver(compose(sealing(seen), refusing), MESSAGE);
  assertEquals(seen, []);
});
