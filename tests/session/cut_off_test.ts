/** What becomes of a message whose session has been cut off while a check was thinking. */

import { assertEquals } from "@std/assert";
import { deferred } from "../../src/deferred.ts";
import { definePolicy } from "../../src/policy/mod.ts";
import { onStage } from "../_dialogue.ts";
import { Robots } from "../_robot.ts";

for (const phase of ["mail", "rcpt"] as const) {
  Deno.test(`cut off: no message ends on a connection of the pool, ${phase}`, async () => {
    const gate = deferred<void>();
    const policy = definePolicy({ [phase]: () => gate.promise });
    const options = {
      offers: ["PIPELINING", "CHUNKING"],
      pool: {},
      proxy: { policy, eagerMail: phase === "mail" },
    };
    await onStage(options, async (stage) => {
      const robots = new Robots(stage);
      const client = await stage.ready();
      await client.send(
        "MAIL FROM:<a@client.example>\r\nRCPT TO:<b@upstream.example>\r\n" +
          "BDAT 7 LAST\r\nHello\r\n",
      );
      await robots.rest();
      const closed = stage.proxy.close(1_000);
      await stage.clock.advance(1_000);
      client.take();
      gate.resolve();
      await robots.rest();
      await closed;
      assertEquals(robots.messages, []);
    });
  });
}
