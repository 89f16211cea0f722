import { assertEquals } from "@std/assert";
import { openSession } from "@sluice/sluice/testing";
import policy from "./plus_address.ts";

Deno.test("plus address: what stands behind the first plus goes, at our domains", async () => {
  const becomes = {
    "bob+lists@our.example": "bob@our.example",
    "bob+lists+deno@our.example": "bob@our.example",
    "bob@our.example": "bob@our.example",
    "+bob@our.example": "+bob@our.example",
    "bob+lists@other.example": "bob+lists@other.example",
  };
  await using session = await openSession({ policy });
  await session.cmd("MAIL FROM:<a@client.example>", "250");
  for (const given of Object.keys(becomes)) await session.cmd(`RCPT TO:<${given}>`, "250");
  await session.message("Subject: Hi\r\n\r\n", "250");
  const [{ recipients }] = session.captured;
  assertEquals(
    recipients.map(({ forwardPath }) => forwardPath.address),
    Object.values(becomes),
  );
});
