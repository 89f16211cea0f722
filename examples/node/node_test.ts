import { assertEquals } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { interop } from "../../tests/interop/_tools.ts";
import { bunPath } from "../../tests/runtimes/_bun.ts";
import { bundle } from "../../tests/runtimes/_bundle.ts";
import { Client } from "../../tests/runtimes/_client.ts";
import { startUpstream } from "../../tests/runtimes/_upstream.ts";

interop("Node: mail passes, and the program ends in good order", ["node"], () => passes("node"));
Deno.test("Bun: mail passes, and the program ends in good order", () => passes(bunPath()));

async function passes(runtime: string): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "sluice-node-" });
  await using upstream = await startUpstream();
  const { target } = upstream;
  if (target.transport !== "tcp") throw new Error("not at TCP");
  const child = new Deno.Command(runtime, {
    args: [bundle(new URL("proxy.ts", import.meta.url), directory), "0", String(target.port)],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  try {
    const lines = child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
    const { value: listening = "" } = await lines.read();
    const port = Number(listening.split(" ")[1]);
    {
      using client = await Client.greeted({ transport: "tcp", host: "127.0.0.1", port });
      await client.say("MAIL FROM:<a@client.example>", "250 ");
      await client.say("RCPT TO:<b@old.example>", "550 5.1.6 Has moved");
      await client.say("RCPT TO:<b@mx.example>", "250 ");
      await client.say("DATA", "354 ");
      await client.say("Subject: Hello\r\n\r\n.", "250 ");
      assertEquals((await lines.read()).value?.split(" ")[1], "accepted");
      child.kill("SIGTERM");
      await client.reply("421 ");
    }
    assertEquals((await lines.read()).done, true);
    assertEquals((await child.status).code, 0);
    assertEquals(upstream.messages.map(({ forwardPaths }) => forwardPaths), [["b@mx.example"]]);
  } finally {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await child.status;
    await Deno.remove(directory, { recursive: true });
  }
}
