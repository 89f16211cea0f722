import { assertEquals, assertRejects } from "@std/assert";
import { definePolicy, disconnect, reject } from "../../src/policy/mod.ts";
import type { ClientFacts } from "../../src/session/facts.ts";
import { openSession } from "../../src/testing/mod.ts";
import { text } from "../_chunking.ts";

Deno.test("a command's reply is checked by its beginning, and given back whole", async () => {
  await using session = await openSession();
  const reply = await session.cmd("EHLO again.example", "250 proxy.example");
  assertEquals(reply.lines.includes("STARTTLS"), true);
  await assertRejects(
    () => session.cmd("RCPT TO:<b@mx.example>", "250"),
    Error,
    'Waited for a reply "250" to "RCPT TO:<b@mx.example>\\r\\n": found "503 5.5.1 Bad sequence',
  );
  // The session is still in step.
  await session.cmd("NOOP", "250 2.0.0 Ok");
});

Deno.test("a message arrives octet for octet, whatever its lines begin with", async () => {
  const content = ".\r\n..\r\nSubject: x\r\n\r\n.end\r\n";
  await using session = await openSession();
  await session.send("MAIL FROM:<>\r\nRCPT TO:<b@mx.example>\r\n");
  await session.expect("250");
  await session.expect("250");
  await session.message(content, "250 2.0.0");
  assertEquals(session.captured.map((message) => text(message.content)), [content]);
});

Deno.test("a message's reply is the one to DATA where that is refused", async () => {
  const policy = definePolicy({ data: () => reject("554 5.7.1 Not this") });
  await using session = await openSession({ policy });
  assertEquals((await session.message("Hello\r\n", "503")).code, 503);
  await session.cmd("MAIL FROM:<a@client.example>", "250");
  await session.cmd("RCPT TO:<b@mx.example>", "250");
  await session.message("Hello\r\n", "554 5.7.1 Not this");
  assertEquals(session.captured, []);
});

Deno.test("the client is who the test says", async () => {
  const seen: ClientFacts[] = [];
  const policy = definePolicy({ ehlo: ({ client }) => void seen.push(client) });
  const client = { address: "2001:db8::7", name: "c.example", login: "al ice" };
  await using _named = await openSession({ policy, client });
  await using secure = await openSession({ policy, client: { tls: { version: "TLSv1.2" } } });
  await using clear = await openSession({ policy });
  await clear.cmd("STARTTLS", "220");
  await clear.cmd("EHLO c.example", "250");
  assertEquals(seen.map(({ address, name, login, tls }) => [address, name, login, tls?.version]), [
    ["2001:db8::7", "c.example", "al ice", undefined],
    ["192.0.2.1", undefined, undefined, "TLSv1.2"],
    ["192.0.2.1", undefined, undefined, undefined],
    ["192.0.2.1", undefined, undefined, "TLSv1.3"],
  ]);
  assertEquals(secure.proxy.sessions, 1);
});

Deno.test("the end of a session is told from a reply", async () => {
  const policy = definePolicy({ mail: () => disconnect() });
  await using session = await openSession({ policy });
  await session.send("NOOP\r\nMAIL FROM:<>\r\n");
  await assertRejects(() => session.expectEnd(), Error, 'found "250 2.0.0 Ok"');
  await session.expect("421");
  await session.expectEnd();
  await assertRejects(() => session.expect("250"), Error, "found the end");
});

Deno.test("a session that cannot be opened leaves nothing behind", async () => {
  const policy = definePolicy({ connect: () => reject("554 5.7.1 No") });
  await assertRejects(() => openSession({ policy }), Error, 'found "554 5.7.1 No"');
});
