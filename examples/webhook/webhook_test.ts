import { assertEquals } from "@std/assert";
import { Client } from "../../tests/interop/_client.ts";
import { startSluice } from "../../tests/interop/_sluice.ts";
import { webhook } from "./webhook.ts";

const SECRET = "a-secret-that-is-long";

Deno.test("webhook: mail that comes to `serve` by SMTP is kept by the endpoint", async () => {
  const kept: string[] = [];
  const app = webhook(SECRET, ({ recipients, client }, message) => {
    const to = recipients.map(({ forwardPath }) => forwardPath.address);
    kept.push(`${client.hello} ${to} ${new TextDecoder().decode(message).split("\r\n\r\n")[1]}`);
    return Promise.resolve();
  });
  const quiet = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const http = Deno.serve(quiet, app.fetch);
  const secret = await Deno.makeTempFile({ prefix: "sluice-webhook-" });
  await Deno.writeTextFile(secret, SECRET);
  await using sluice = await startSluice([
    ...["--quiet", "--listen", "127.0.0.1:0", "--upstream-secret", secret],
    ...["--upstream", `http://127.0.0.1:${http.addr.port}/mail`],
  ]);
  using client = await Client.connect(sluice.ports[0]);
  await client.commands("HELO client.example");
  const send = async (to: string, text: string): Promise<string> => {
    await client.commands("MAIL FROM:<a@client.example>", `RCPT TO:<${to}>`, "DATA");
    return await client.command(`Subject: Hi\r\n\r\n${text}\r\n.`);
  };
  assertEquals(await send("nobody@y.example", "Hello"), "550 5.1.1 Nobody is not here");
  assertEquals((await send("b@y.example", "Hello")).slice(0, 14), "250 2.0.0 Kept");
  const large = `${"x".repeat(998)}\r\n`.repeat(200).slice(0, -2);
  assertEquals((await send("c@y.example", large)).slice(0, 14), "250 2.0.0 Kept");
  assertEquals(kept, [
    "client.example b@y.example Hello\r\n",
    `client.example c@y.example ${large}\r\n`,
  ]);

  const forged = { method: "POST", headers: { "mail-from": "<a@x.example>" }, body: "Hi\r\n" };
  const answer = await fetch(`http://127.0.0.1:${http.addr.port}/mail`, forged);
  assertEquals([answer.status, await answer.text()], [401, "Wrong signature"]);

  await client.commands("QUIT");
  await sluice.stop();
  await Deno.remove(secret);
  await http.shutdown();
});
