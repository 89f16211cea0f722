import { assertEquals } from "@std/assert";
import { definePolicy, reject } from "../../src/policy/mod.ts";
import { MemoryExpiringStore } from "../../src/state/expiring_store.ts";
import { FakeClock } from "../_clock.ts";
import { rest } from "../_dialogue.ts";
import { codeOf, envelope, message, onGateway, pieces, type Played, read } from "./_gateway.ts";

const KEY = { "idempotency-key": "8e03978e" };
const offers = ["PIPELINING", "CHUNKING"];

/** A message that the upstream takes. */
async function taken({ stage, post }: Played, headers: Record<string, string>, reply: string) {
  const answer = post({ headers });
  const upstream = await stage.upstream.accept();
  await envelope(upstream);
  await message(upstream, reply);
  return await answer;
}

Deno.test("the same key again: the first answer, and no second message", async () => {
  await onGateway({ offers }, async (played) => {
    const first = await read(await taken(played, KEY, "250 2.0.0 as 1"), 200);
    const again = await played.post({ headers: KEY, body: "another" });
    assertEquals(await read(again, 200), first);
    assertEquals(played.stage.upstream.called, false);
    // Without a key, or with another one, it is another message.
    await read(await taken(played, {}, "250 2.0.0 as 2"), 200);
    await read(await taken(played, { "idempotency-key": "other" }, "250 2.0.0 as 3"), 200);
  });
});

Deno.test("another envelope under the same key", async () => {
  await onGateway({ offers }, async (played) => {
    await taken(played, KEY, "250 Ok");
    for (
      const query of [
        "?from=a@x.example&to=c@y.example",
        "?from=a@x.example&to=<b@y.example> NOTIFY=NEVER",
        "?from=&to=b@y.example",
      ]
    ) assertEquals(await codeOf(await played.post({ headers: KEY, query }), 422), "key-used");
    // The same one in other words.
    const form = new FormData();
    form.append("from", "<a@x.example>");
    form.append("to", "b@y.example");
    form.append("message", "Hi");
    await read(await played.post({ headers: KEY, query: "", body: form }), 200);
  });
});

Deno.test("while the first is under way: 409", async () => {
  await onGateway({ offers }, async (played) => {
    const answer = played.post({ headers: KEY });
    const upstream = await played.stage.upstream.accept();
    assertEquals(await codeOf(await played.post({ headers: KEY }), 409), "under-way");
    await envelope(upstream);
    await message(upstream);
    await read(await answer, 200);
    await read(await played.post({ headers: KEY }), 200);
  });
});

Deno.test("what is not final is not kept", async () => {
  await onGateway({ offers }, async (played) => {
    played.stage.upstream.refusals = 1;
    assertEquals((await played.post({ headers: KEY })).status, 503);

    const { body, abort } = pieces();
    const answer = played.post({ headers: KEY, body });
    const upstream = await played.stage.upstream.accept();
    await envelope(upstream);
    await rest();
    await abort();
    assertEquals(await codeOf(await answer, 400), "cut-off");

    assertEquals((await taken(played, KEY, "250 Ok")).status, 200);
  });
});

Deno.test("a refusal is final", async () => {
  let asked = 0;
  const policy = definePolicy({ connect: () => (asked++, reject("554 5.7.1 No")) });
  await onGateway({ proxy: { policy } }, async ({ post }) => {
    const first = await read(await post({ headers: KEY }), 403);
    assertEquals(await read(await post({ headers: KEY }), 403), first);
    assertEquals(asked, 1);
  });
});

Deno.test("each login has keys of its own", async () => {
  let asked = 0;
  const policy = definePolicy({ connect: () => (asked++, reject("554 5.7.1 No")) });
  const tokens = { one: ["token-of-number-one"], two: ["token-of-number-two"] };
  await onGateway({ proxy: { policy }, gateway: { tokens } }, async ({ post }) => {
    for (const [token] of [...Object.values(tokens), ...Object.values(tokens)]) {
      await post({ headers: { ...KEY, authorization: `Bearer ${token}` } });
    }
    assertEquals(asked, 2);
  });
});

Deno.test("answers are kept as long as the option says, in the store that it says", async () => {
  const clock = new FakeClock();
  const answers = new MemoryExpiringStore(clock);
  await onGateway({ offers, gateway: { answers, keep: 1_000 } }, async (played) => {
    await taken(played, KEY, "250 2.0.0 as 1");
    await clock.advance(999);
    assertEquals((await read(await played.post({ headers: KEY }), 200)).recipients[0].text, "as 1");
    await clock.advance(1);
    const second = await read(await taken(played, KEY, "250 2.0.0 as 2"), 200);
    assertEquals(second.recipients[0].text, "as 2");
  });
});

Deno.test("a store that fails once the message is sent does not hide that it was", async () => {
  const failing = (): never => {
    throw new Error("The store is gone");
  };
  const answers = { add: () => undefined, set: failing, delete: failing };
  await onGateway({ offers, gateway: { answers } }, async (played) => {
    const answer = await read(await taken(played, KEY, "250 2.0.0 as 1"), 200);
    assertEquals(answer.recipients[0].text, "as 1");
  });
});
