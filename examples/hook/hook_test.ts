import { assertEquals, assertMatch } from "@std/assert";
import { Client } from "../../tests/interop/_client.ts";
import { startSluice } from "../../tests/interop/_sluice.ts";
import { hook } from "./hook.ts";

const SECRET = "a-secret-that-is-long";

Deno.test("hook: mail that comes to `serve` is judged by the endpoint", async () => {
  const quiet = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const http = Deno.serve(quiet, hook(SECRET).fetch);
  const directory = await Deno.makeTempDir({ prefix: "sluice-hook-" });
  await Deno.writeTextFile(`${directory}/hook.secret`, `${SECRET}\n`);
  await Deno.writeTextFile(
    `${directory}/sluice.toml`,
    `
[upstream]
url = "capture:mail"
[[filter]]
use = "http"
url = "http://127.0.0.1:${http.addr.port}/judge"
secret = "hook.secret"
`,
  );
  await using sluice = await startSluice([
    ...["--config", `${directory}/sluice.toml`, "--listen", "127.0.0.1:0"],
  ]);
  using client = await Client.connect(sluice.ports[0]);
  await client.commands("HELO client.example");
  const send = async (text: string): Promise<string> => {
    await client.commands("MAIL FROM:<a@client.example>", "RCPT TO:<b@y.example>", "DATA");
    return await client.command(`Subject: Hi\r\nX-Judged: by nobody\r\n\r\n${text}\r\n.`);
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

  await client.commands("QUIT");
  await sluice.stop();
  await http.shutdown();
  await Deno.remove(directory, { recursive: true });
});
