import { assertEquals } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { webhook } from "./webhook.ts";

const root = new URL("../../", import.meta.url).pathname;
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
  const serving = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-lock", "--config", `${root}deno.json`, "--no-prompt", "--allow-net"],
      ...["--allow-read", "--allow-env=HOOK_SECRET", `${root}src/cli/main.ts`, "serve", "--quiet"],
      ...["--listen", "127.0.0.1:0", "--upstream-secret", "env:HOOK_SECRET"],
      ...["--upstream", `http://127.0.0.1:${http.addr.port}/mail`],
    ],
    env: { NO_COLOR: "1", HOOK_SECRET: SECRET },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = serving.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  const { value: listening = "" } = await lines.read();
  const port = Number(listening.split(":").at(-1));

  const client = await Deno.connect({ hostname: "127.0.0.1", port });
  const replies = client.readable.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  const say = async (text: string): Promise<string> => {
    await client.write(new TextEncoder().encode(`${text}\r\n`));
    return (await replies.read()).value ?? "";
  };
  await replies.read();
  await say("HELO client.example");
  const send = async (to: string, text: string): Promise<string> => {
    await say("MAIL FROM:<a@client.example>");
    await say(`RCPT TO:<${to}>`);
    await say("DATA");
    return await say(`Subject: Hi\r\n\r\n${text}\r\n.`);
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

  await say("QUIT");
  await replies.cancel();
  serving.kill("SIGTERM");
  await lines.cancel();
  await serving.status;
  await http.shutdown();
});
