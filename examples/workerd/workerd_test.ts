import { assertEquals } from "@std/assert";
import { Client } from "../../tests/runtimes/_client.ts";
import { startUpstream } from "../../tests/runtimes/_upstream.ts";
import { startWorkerd } from "../../tests/runtimes/_workerd.ts";

Deno.test("workerd: mail for our domain passes, other mail does not", async () => {
  await using upstream = await startUpstream();
  await using workerd = await startWorkerd({
    source: `
      import { inFrontOf } from "../../examples/workerd/worker.ts";
      export default inFrontOf(${JSON.stringify(upstream.target)});
    `,
    listeners: [{ name: "smtp" }],
    config: await Deno.readTextFile(new URL("config.capnp", import.meta.url)),
  });
  using client = await Client.greeted({
    transport: "tcp",
    host: "127.0.0.1",
    port: workerd.ports.get("smtp")!,
  });
  await client.say("MAIL FROM:<a@client.example>", "250 ");
  await client.say("RCPT TO:<c@other.example>", "550 5.7.1 No relaying");
  await client.say("RCPT TO:<b@mx.example>", "250 ");
  await client.say("DATA", "354 ");
  await client.say("Subject: Hello\r\n\r\n.", "250 ");
  assertEquals(upstream.messages.map(({ forwardPaths }) => forwardPaths), [["b@mx.example"]]);
});
