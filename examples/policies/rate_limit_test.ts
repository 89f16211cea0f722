import { openSession } from "@sluice/sluice/testing";
import policy from "./rate_limit.ts";

Deno.test("rate limit: the fourth message ends the session", async () => {
  await using session = await openSession({ policy });
  for (let message = 0; message < 3; message++) {
    await session.cmd("MAIL FROM:<a@client.example>", "250");
    await session.cmd("RCPT TO:<b@our.example>", "250");
    await session.message("Subject: Hi\r\n\r\n", "250");
  }
  await session.cmd("MAIL FROM:<a@client.example>", "421 4.7.0");
  await session.expectEnd();
});

Deno.test("rate limit: the sixth recipient comes later", async () => {
  await using session = await openSession({ policy });
  await session.cmd("MAIL FROM:<a@client.example>", "250");
  for (let nth = 0; nth < 5; nth++) await session.cmd(`RCPT TO:<b${nth}@our.example>`, "250");
  await session.cmd("RCPT TO:<b5@our.example>", "452 4.5.3");
  // Those that were taken get their message.
  await session.message("Subject: Hi\r\n\r\n", "250");
});
