/**
 * Messages that the policy keeps aside: whole, with their edits, and nobody upstream has them.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../src/errors.ts";
import { resolveOptions } from "../../src/options.ts";
import { definePolicy, type PolicyDefinition } from "../../src/policy/policy.ts";
import { addHeader, quarantine, reject } from "../../src/policy/verdicts.ts";
import type { TransactionEnd } from "../../src/session/observer.ts";
import type {
  CapturedEnvelope,
  MessageStore,
  MessageWriter,
} from "../../src/session/message_store.ts";
import { openSession, type TestSession } from "../../src/testing/session.ts";
import { MemoryStore } from "../../src/upstream/capture.ts";

const HEADER = "Subject: Hi\r\n\r\n";
const SMALL = `${HEADER}Hello\r\n`;
/** Larger than any window here. */
const LARGE = HEADER + `${"x".repeat(98)}\r\n`.repeat(5_000);

const needs = ["quarantine"] as const;

const decode = (octets: Uint8Array): string => new TextDecoder().decode(octets);

/** Reads all of it before it says something. */
const reading: PolicyDefinition["filter"] = async ({ message }) => {
  await message.stream().pipeTo(new WritableStream());
  return quarantine();
};

async function transact(session: TestSession, message: string): Promise<number> {
  await session.cmd("MAIL FROM:<a@x.example>", "250");
  await session.cmd("RCPT TO:<b@y.example>", "250");
  return (await session.message(message)).code;
}

interface Row {
  readonly policy: PolicyDefinition;
  readonly message: string;
  /** As it is kept; absent where it is not. */
  readonly kept?: string;
  /** As the upstream has it. */
  readonly passed?: string;
  readonly code?: number;
}

const rows: Readonly<Record<string, Row>> = {
  "at headers": { policy: { headers: () => quarantine() }, message: SMALL, kept: SMALL },
  "at headers, larger than the window": {
    policy: { headers: () => quarantine() },
    message: LARGE,
    kept: LARGE,
  },
  "at content": { policy: { content: () => quarantine() }, message: SMALL, kept: SMALL },
  "at content, larger than the window": {
    policy: { needs, content: () => quarantine() },
    message: LARGE,
    kept: LARGE,
  },
  "at content, larger than the window, and nobody has said that it may be needed": {
    policy: { content: () => quarantine() },
    message: LARGE,
    code: 451,
  },
  "by a filter": { policy: { filter: reading }, message: SMALL, kept: SMALL },
  "by a filter, larger than the window": {
    policy: { needs, filter: reading },
    message: LARGE,
    kept: LARGE,
  },
  "by a filter that answers early": {
    policy: { needs, filter: () => quarantine() },
    message: LARGE,
    kept: LARGE,
  },
  "with a field that says why": {
    policy: { content: () => [addHeader("X-Why", "spam"), quarantine()] },
    message: SMALL,
    kept: `X-Why: spam\r\n${SMALL}`,
  },
  "with a field of before, larger than the window": {
    policy: { needs, headers: () => addHeader("X-Why", "spam"), content: () => quarantine() },
    message: LARGE,
    kept: `X-Why: spam\r\n${LARGE}`,
  },
  "it could be needed and is not": {
    policy: { needs, content: () => undefined },
    message: LARGE,
    passed: LARGE,
  },
  "it could be needed and the message is refused": {
    policy: { needs, content: () => reject("550 5.7.1 No") },
    message: LARGE,
    code: 550,
  },
};

Deno.test("what is quarantined is kept as it came, and the upstream has nothing of it", async (t) => {
  for (const [name, { policy, message, kept, passed, code = 250 }] of Object.entries(rows)) {
    await t.step(name, async () => {
      const store = new CountingStore();
      const ends: TransactionEnd[] = [];
      const observers = [{ transaction: (_: unknown, end: TransactionEnd) => void ends.push(end) }];
      const options = { policy: definePolicy(policy), quarantine: store, observers, window: 4096 };
      await using session = await openSession(options);
      assertEquals(await transact(session, message), code);
      assertEquals(store.kept.messages.map(({ content }) => decode(content)), kept ? [kept] : []);
      assertEquals(session.captured.map(({ content }) => decode(content)), passed ? [passed] : []);
      assertEquals(store.unclosed, 0, "copies that nobody has closed");
      const [{ kind }] = ends;
      assertEquals(kind, kept ? "quarantined" : passed ? "accepted" : "refused");
      // The session goes on.
      await session.cmd("NOOP", "250");
    });
  }
});

Deno.test("a message that fits the window is copied only where it is kept", async () => {
  const store = new CountingStore();
  const policy = definePolicy({ needs, content: () => undefined });
  await using session = await openSession({ policy, quarantine: store });
  assertEquals(await transact(session, SMALL), 250);
  assertEquals(store.opened, 0);
});

Deno.test("a client that goes away, or breaks the rules, leaves nothing in the store", async () => {
  const store = new CountingStore();
  const policy = definePolicy({ needs, headers: () => quarantine() });
  {
    await using session = await openSession({ policy, quarantine: store });
    await session.cmd("MAIL FROM:<a@x.example>", "250");
    await session.cmd("RCPT TO:<b@y.example>", "250");
    await session.cmd("DATA", "354");
    await session.send(`${HEADER}a bare \r line\r\n.\r\n`);
    await session.expect("554");
    await session.cmd("MAIL FROM:<a@x.example>", "250");
    await session.cmd("RCPT TO:<b@y.example>", "250");
    await session.cmd("DATA", "354");
    await session.send(LARGE);
  }
  assertEquals([store.opened, store.unclosed, store.kept.messages.length], [2, 0, 0]);
});

Deno.test("a store that fails defers the message, whoever needs it and when", async () => {
  const fails = { write: 0, commit: 0, open: 0 };
  for (const when of Object.keys(fails) as (keyof typeof fails)[]) {
    const troubles: unknown[] = [];
    const store: MessageStore = {
      open: async () => {
        const failing = (at: string) =>
          at === when ? Promise.reject(new Error("Disk full")) : Promise.resolve("name");
        await failing("open");
        return {
          write: async () => void await failing("write"),
          commit: () => failing("commit"),
          discard: () => Promise.resolve(),
        };
      },
    };
    await using session = await openSession({
      policy: definePolicy({ needs, content: () => quarantine() }),
      quarantine: store,
      observers: [{ trouble: (_, error) => void troubles.push(error) }],
    });
    assertEquals(await transact(session, SMALL), 451);
    assertEquals(session.captured, []);
    assertEquals(troubles.map(String), [
      "UpstreamFailure: Cannot quarantine the message: Error: Disk full",
    ]);
  }
});

Deno.test("a policy that needs a quarantine is refused where there is none", async () => {
  const policy = definePolicy({ name: "held", needs, content: () => quarantine() });
  assertThrows(() => resolveOptions({ policy }), OptionError, "held, which needs quarantine");
  // One that has not said so is deferred.
  await using session = await openSession({
    policy: definePolicy({ content: () => quarantine() }),
  });
  assertEquals(await transact(session, SMALL), 451);
  assertEquals(session.captured, []);
});

/** Knows what has been opened and not closed. */
class CountingStore implements MessageStore {
  readonly kept = new MemoryStore();
  opened = 0;
  unclosed = 0;

  async open(envelope: CapturedEnvelope): Promise<MessageWriter> {
    const writer = await this.kept.open(envelope);
    this.opened++;
    this.unclosed++;
    return {
      write: (octets) => writer.write(octets),
      commit: () => {
        this.unclosed--;
        return writer.commit();
      },
      discard: () => {
        this.unclosed--;
        return writer.discard();
      },
    };
  }
}
