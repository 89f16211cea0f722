import { assertEquals, assertStringIncludes } from "@std/assert";
import { startSluice } from "../../tests/interop/_sluice.ts";
import { Client } from "../../tests/runtimes/_client.ts";
import { startUpstream } from "../../tests/runtimes/_upstream.ts";

const config = new URL("sluice.toml", import.meta.url).pathname;

Deno.test("staging: `serve` sends all mail to one inbox", async () => {
  await using upstream = await startUpstream();
  const { target } = upstream;
  if (target.transport !== "tcp") throw new Error("not at TCP");
  await using sluice = await startSluice([
    ...["--config", config, "--listen", "127.0.0.1:0"],
    ...["--upstream", `smtp://127.0.0.1:${target.port}?tls=none`],
  ]);
  {
    using client = await Client.greeted({
      transport: "tcp",
      host: "127.0.0.1",
      port: sluice.ports[0],
    });
    await client.envelope("shop@our.example", "customer@client.example");
    await client.say("RCPT TO:<other@client.example>", "250 ");
    await client.say("RCPT TO:<one@test.our.example>", "250 ");
    await client.say("DATA", "354 ");
    await client.say("To: customer@client.example\r\n\r\nHello\r\n.", "250 ");
  }
  const [{ forwardPaths, content }, ...others] = upstream.messages;
  assertEquals([...new Set(forwardPaths)], ["staging@our.example", "one@test.our.example"]);
  assertStringIncludes(new TextDecoder().decode(content), "X-Staging: yes\r\n");
  assertEquals(others, []);
});
