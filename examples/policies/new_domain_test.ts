import { assertEquals } from "@std/assert";
import { openSession } from "@sluice/sluice/testing";
import policy from "./new_domain.ts";

Deno.test("new domain: local-parts stay, and so do other domains", async () => {
  await using session = await openSession({ policy });
  await session.cmd("MAIL FROM:<a@client.example>", "250");
  await session.cmd("RCPT TO:<Bob@Old.example>", "250");
  await session.cmd("RCPT TO:<carol@other.example>", "250");
  await session.message("Subject: Hi\r\n\r\n", "250");
  const [{ recipients }] = session.captured;
  assertEquals(recipients.map(({ forwardPath }) => forwardPath.address), [
    "Bob@new.example",
    "carol@other.example",
  ]);
  // Whoever sent it is told the address that it knows (RFC 3461 §4.2).
  assertEquals(recipients[0].parameters.orcpt?.address, "Bob@Old.example");
});
