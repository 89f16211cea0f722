/** How a message ends that filters look at: whoever has decided, whoever has gone meanwhile. */

import { assertEquals } from "@std/assert";
import { definePolicy, disconnect, reject, removeHeader } from "../../src/policy/mod.ts";
import { onStage } from "../_dialogue.ts";
import { rest } from "../_peer.ts";

const CONTENT = "Subject: Hi\r\n\r\nHi\r\n";
const LARGE = "x".repeat(70).concat("\r\n").repeat(5_000);

Deno.test("gate: a filter that has answered keeps nothing waiting, whatever it has left unread", async () => {
  const policy = definePolicy({
    filter: async ({ message }) => void await message.stream().getReader().read(),
  });
  await onStage({ offers: ["PIPELINING"], proxy: { policy } }, async (stage) => {
    const { client, upstream } = await stage.data();
    await client.send(`${CONTENT}${LARGE}.\r\n`);
    assertEquals(await upstream.through("\r\n.\r\n"), `${CONTENT}${LARGE}.\r\n`);
    await upstream.send("250 2.0.0 Queued\r\n");
    await client.expect("250 2.0.0 Queued");
  });
});

for (const verdict of [reject("550 5.7.1 No"), disconnect("421 4.7.0 No")]) {
  Deno.test(`gate: what a filter has said stands in the transaction: ${verdict.kind}`, async () => {
    const ends: unknown[] = [];
    const policy = definePolicy({ name: "reader", filter: () => verdict });
    const transaction = ({ steps }: { steps: readonly { check: string }[] }, end: object) =>
      void ends.push([steps.map(({ check }) => check), end]);
    const proxy = { policy, observers: [{ transaction }] };
    await onStage({ offers: ["CHUNKING"], proxy }, async (stage) => {
      const { client, upstream } = await stage.recipients();
      await client.send(`BDAT ${CONTENT.length} LAST\r\n${CONTENT}`);
      if (verdict.kind === "reject") {
        await upstream.expect("RSET");
        await upstream.send("250 2.0.0 Ok\r\n");
      }
      await client.expect(verdict.reply.toString().trimEnd());
    });
    const { reply } = verdict;
    assertEquals(ends, [[["reader"], { kind: "refused", at: "message", reply }]]);
  });
}

Deno.test("gate: a session that is cut off does not wait for its filters, which are told", async () => {
  const aborted = Promise.withResolvers<void>();
  const policy = definePolicy({
    timeLimit: 600_000,
    filter: async ({ message }) => {
      message.signal.addEventListener("abort", () => aborted.resolve());
      await aborted.promise;
    },
  });
  let id = "";
  const observers = [{ sessionOpened: (facts: { id: string }) => void (id = facts.id) }];
  await onStage({ offers: ["CHUNKING"], proxy: { policy, observers } }, async (stage) => {
    const { client, upstream } = await stage.recipients();
    await client.send(`BDAT ${CONTENT.length} LAST\r\n${CONTENT}`);
    await rest();
    stage.proxy.disconnect(id);
    await rest();
    assertEquals(stage.proxy.sessions, 1);
    await stage.clock.advance(5_000);
    await rest();
    await aborted.promise;
    assertEquals([stage.proxy.sessions, upstream.take().includes("BDAT")], [0, false]);
  });
});

Deno.test("gate: without PIPELINING no chunk is sent ahead of the reply to a sign of life", async () => {
  const verdict = Promise.withResolvers<undefined>();
  const policy = definePolicy({ timeLimit: 600_000, filter: () => verdict.promise });
  await onStage({ offers: ["CHUNKING"], proxy: { policy } }, async (stage) => {
    const { client, upstream } = await stage.recipients();
    await client.send(`BDAT ${CONTENT.length} LAST\r\n${CONTENT}`);
    await rest();
    await stage.clock.advance(30_000);
    await upstream.expect("NOOP");
    verdict.resolve(undefined);
    await upstream.expectNothing();
    await upstream.send("250 2.0.0 Ok\r\n");
    await upstream.expect(`BDAT ${CONTENT.length} LAST`);
    assertEquals(await upstream.octets(CONTENT.length), CONTENT);
    await upstream.send("250 2.0.0 Queued\r\n");
    await client.expect("250 2.0.0 Queued");
  });
});

Deno.test("window: a header section that fills it, and nothing behind: its last field can be changed", async () => {
  const policy = definePolicy({ content: () => removeHeader("X-Last") });
  const header = `Subject: Hi\r\nX-Last: ${"x".repeat(41)}\r\n`;
  const proxy = { policy, window: header.length };
  await onStage({ offers: ["CHUNKING"], proxy }, async (stage) => {
    const { client, upstream } = await stage.recipients();
    await client.send(`BDAT ${header.length} LAST\r\n${header}`);
    await upstream.expect("BDAT 13 LAST", "Subject: Hi");
    await upstream.send("250 2.0.0 Queued\r\n");
    await client.expect("250 2.0.0 Queued");
  });
});
