import { openSession } from "@sluice/sluice/testing";
import policy from "./block_list.ts";

Deno.test("block list: a listed client is told so and let go", async () => {
  for (const address of ["192.0.2.66", "2001:db8::66"]) {
    await using session = await openSession({ policy, client: { address }, hello: null });
    await session.expect("554 5.7.1");
    await session.expectEnd();
  }
});

Deno.test("block list: a listed domain is refused, however written; others are not", async () => {
  await using session = await openSession({ policy });
  await session.cmd("MAIL FROM:<a@spam.example>", "550 5.7.1");
  await session.cmd("MAIL FROM:<a@SPAM.Example>", "550 5.7.1");
  await session.cmd("MAIL FROM:<a@ham.example>", "250");
});
