import { assertEquals, assertMatch } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { hook } from "./hook.ts";

const root = new URL("../../", import.meta.url).pathname;
const SECRET = "a-secret-that-is-long";

Deno.test("hook: mail that comes to `serve` is judged by the endpoint", async () => {
  const quiet = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const http = Deno.serve(quiet, hook(SECRET).fetch);
  const directory = await Deno.makeTempDir({ prefix: "sluice-hook-" });
  await Deno.writeTextFile(`${directory}/hook.secret`, `${SECRET}\n`);
  await Deno.writeTextFile(
    `${directory}/sluice.toml`,
    `
[[listen]]
address = "127.0.0.1:0"
[upstream]
url = "capture:mail"
[[filter]]
use = "http"
url = "http://127.0.0.1:${http.addr.port}/judge"
secret = "hook.secret"
`,
  );
  const serving = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-lock", "--config", `${root}deno.json`, "--no-prompt", "--allow-net"],
      ...["--allow-read", `--allow-write=${directory}`, `${root}src/cli/main.ts`, "serve"],
      ...["--config", `${directory}/sluice.toml`],
    ],
    env: { NO_COLOR: "1" },
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
  const send = async (text: string): Promise<string> => {
    await say("MAIL FROM:<a@client.example>");
    await say("RCPT TO:<b@y.example>");
    await say("DATA");
    return await say(`Subject: Hi\r\nX-Judged: by nobody\r\n\r\n${text}\r\n.`);
  };
  assertEquals(await send("Unsubscribe from LOTTERY"), "550 5.7.1 No lotteries here");
  assertMatch(await send("Hello"), /^250 /);
  const kept = [...Deno.readDirSync(`${directory}/mail/new`)];
  assertEquals(kept.length, 1);
  const message = await Deno.readTextFile(`${directory}/mail/new/${kept[0].name}`);
  assertMatch(message, /\nX-Judged: 43 octets\r?\n/);
  assertEquals(message.includes("by nobody"), false);

  const forged = { method: "POST", headers: { "mail-from": "<a@x.example>" }, body: "Hi\r\n" };
  const answer = await fetch(`http://127.0.0.1:${http.addr.port}/judge`, forged);
  assertEquals([answer.status, await answer.text()], [401, "Wrong signature"]);

  await say("QUIT");
  await replies.cancel();
  serving.kill("SIGTERM");
  await lines.cancel();
  await serving.status;
  await http.shutdown();
  await Deno.remove(directory, { recursive: true });
});
