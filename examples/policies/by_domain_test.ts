import { assertEquals } from "@std/assert";
import { CaptureUpstream, MemoryStore } from "@sluice/sluice";
import { openSession } from "@sluice/sluice/testing";
import policy from "./by_domain.ts";

Deno.test("by domain: each message goes where its first recipient belongs", async () => {
  const stores = { lists: new MemoryStore(), archive: new MemoryStore() };
  await using session = await openSession({
    policy,
    upstreams: {
      lists: new CaptureUpstream("lists", stores.lists),
      archive: new CaptureUpstream("archive", stores.archive),
    },
  });
  for (const domain of ["lists.example", "archive.example", "other.example"]) {
    await session.cmd("MAIL FROM:<a@client.example>", "250");
    await session.cmd(`RCPT TO:<b@${domain}>`, "250");
    await session.message(`Subject: ${domain}\r\n\r\n`, "250");
  }
  const counts = [stores.lists.messages, stores.archive.messages, session.captured];
  assertEquals(counts.map(({ length }) => length), [1, 1, 1]);
});

Deno.test("by domain: a recipient of another upstream is asked to come again", async () => {
  const upstream = new CaptureUpstream("lists", new MemoryStore());
  await using session = await openSession({ policy, upstreams: { lists: upstream } });
  await session.cmd("MAIL FROM:<a@client.example>", "250");
  await session.cmd("RCPT TO:<b@lists.example>", "250");
  await session.cmd("RCPT TO:<c@other.example>", "452");
});
