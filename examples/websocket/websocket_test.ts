import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { CaptureUpstream, createProxy, MemoryStore } from "@sluice/sluice";
import { listen } from "@sluice/sluice/deno";
import { appOver } from "./data_center.ts";
import { proxyTo } from "./office.ts";

const TOKEN = "a-token-of-two-sites";

/** Speaks to a port, one line for each reply. */
async function tell(port: number, lines: readonly string[]): Promise<string> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const reader = conn.readable.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  for (const line of lines) {
    said += (await reader.read()).value;
    await conn.write(new TextEncoder().encode(`${line}\r\n`));
  }
  for (let more; (more = (await reader.read()).value) !== undefined;) said += more;
  return said;
}

Deno.test("websocket: mail from one site to the other, and whose it is", async () => {
  const store = new MemoryStore();
  const far = createProxy({
    hostname: "site.example",
    upstream: new CaptureUpstream("capture:", store),
  });
  const quiet = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const http = Deno.serve(quiet, appOver(far, TOKEN).fetch);
  const place = `127.0.0.1:${http.addr.port}`;

  const near = proxyTo(`ws://${place}/smtp`, TOKEN);
  const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 0 });
  const served = near.serve(listener, { xclientFrom: ["127.0.0.1"] });
  const { address } = listener;
  if (address.transport !== "tcp") throw new Error("not a TCP listener");
  const said = await tell(address.port, [
    "EHLO gateway.example",
    "XCLIENT ADDR=192.0.2.7 NAME=client.example",
    "HELO client.example",
    "MAIL FROM:<a@client.example>",
    "RCPT TO:<b@site.example>",
    "DATA",
    "Subject: Hello\r\n\r\nFrom afar\r\n.",
    "QUIT",
  ]);
  assertStringIncludes(said, "250 2.0.0 Ok: kept");
  await near.close();
  await served;

  const stranger = proxyTo(`ws://${place}/smtp`, "a-token-of-others");
  await assertRejects(() => stranger.upstreams.get("default")!.offer(), Error, "401");
  await stranger.close();

  const [message, ...others] = store.messages;
  const text = new TextDecoder().decode(message.content);
  assertEquals([message.reversePath.address, others.length], ["a@client.example", 0]);
  // The data center's own trace field says who it was at the office.
  assertStringIncludes(text.split("Received: ")[1], "(client.example [192.0.2.7])");
  assertEquals(await (await fetch(`http://${place}/`)).text(), "The data center");

  await far.close();
  await http.shutdown();
});
