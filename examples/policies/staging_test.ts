import { assertEquals } from "@std/assert";
import { openSession } from "@sluice/sluice/testing";
import policy from "./staging.ts";

Deno.test("staging: one copy of each message, to the inbox and nobody else", async () => {
  await using session = await openSession({ policy });
  for (let message = 0; message < 2; message++) {
    await session.cmd("MAIL FROM:<shop@our.example>", "250");
    await session.cmd("RCPT TO:<customer@client.example>", "250");
    await session.cmd("RCPT TO:<other@client.example>", "250");
    await session.message("Subject: Your order\r\n\r\n", "250");
  }
  assertEquals(
    session.captured.map(({ recipients }) => recipients.map((one) => one.forwardPath.address)),
    [["staging@our.example"], ["staging@our.example"]],
  );
});
