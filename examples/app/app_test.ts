import { assertEquals } from "@std/assert";
import { CaptureUpstream, createProxy, MemoryStore } from "@sluice/sluice";
import { listen } from "@sluice/sluice/deno";
import { appOver, policy } from "./app.ts";

const TOKEN = "a-token-of-the-shop";

Deno.test("app: mail by HTTP and by SMTP, and both on the dashboard", async () => {
  const store = new MemoryStore();
  const proxy = createProxy({ policy, upstream: new CaptureUpstream("capture:", store) });
  const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 0 });
  const served = proxy.serve(listener);
  const quiet = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const http = Deno.serve(quiet, appOver(proxy, TOKEN).fetch);
  const place = `http://127.0.0.1:${http.addr.port}`;

  const send = async (from: string): Promise<number> => {
    const answer = await fetch(`${place}/mail/messages?from=${from}&to=b@y.example`, {
      method: "POST",
      headers: { "content-type": "message/rfc822", "authorization": `Bearer ${TOKEN}` },
      body: "Subject: Your order\r\n\r\nThank you\r\n",
    });
    await answer.body?.cancel();
    return answer.status;
  };
  assertEquals(await send("orders@shop.example"), 200);
  assertEquals(await send("boss@shop.example"), 403);

  const { address } = listener;
  if (address.transport !== "tcp") throw new Error("not a TCP listener");
  const client = await Deno.connect({ hostname: address.host, port: address.port });
  const dialogue = [
    "HELO client.example",
    "MAIL FROM:<a@client.example>",
    "RCPT TO:<b@y.example>",
    "DATA",
    "Subject: Hello\r\n\r\n.",
    "QUIT",
  ];
  const reader = client.readable.getReader();
  for (const line of dialogue) {
    await reader.read();
    await client.write(new TextEncoder().encode(`${line}\r\n`));
  }
  while (!(await reader.read()).done);

  assertEquals(store.messages.map(({ reversePath }) => reversePath.address), [
    "orders@shop.example",
    "a@client.example",
  ]);
  const { transactions } = await (await fetch(`${place}/sluice/api/transactions`)).json();
  const seen = transactions.map((one: Record<string, string>) => [one.listener, one.outcome]);
  assertEquals(seen.sort(), [["gateway", "accepted"], ["gateway", "rejected"], [
    "smtp",
    "accepted",
  ]]);
  assertEquals(await (await fetch(place)).text(), "The shop");

  await http.shutdown();
  await proxy.close();
  await served;
});
