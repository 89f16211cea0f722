import { assertEquals } from "@std/assert";
import { CaptureUpstream, createProxy, MemoryStore, type Target } from "@sluice/sluice";
import { listen } from "@sluice/sluice/deno";
import { Client } from "../../tests/runtimes/_client.ts";
import policy, { CardMask } from "./mask_cards.ts";

const MESSAGE = "Subject: Your order\r\n\r\nCard 4111111111111111, order 123456789012\r\n" +
  "40128888888818815\r\n";
const MASKED = "Subject: Your order\r\n\r\nCard XXXXXXXXXXXX1111, order 123456789012\r\n" +
  "XXXXXXXXXXXXX8815\r\n";

Deno.test("transform: however the octets come", () => {
  const octets = new TextEncoder().encode(MESSAGE);
  for (let size = 1; size <= octets.length; size++) {
    const mask = new CardMask();
    let text = "";
    const out = { enqueue: (piece: Uint8Array) => void (text += new TextDecoder().decode(piece)) };
    for (let at = 0; at < octets.length; at += size) {
      mask.transform(octets.subarray(at, at + size), out);
    }
    mask.flush(out);
    assertEquals(text, MASKED);
  }
});

Deno.test("transform: mail to others is masked, mail to ourselves is not", async () => {
  const store = new MemoryStore();
  const upstream = new CaptureUpstream("capture:", store);
  const proxy = createProxy({ policy, upstream, trace: false });
  const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 0 });
  const served = proxy.serve(listener);
  {
    using client = await Client.greeted(listener.address as Target);
    for (const recipient of ["b@client.example", "office@shop.example"]) {
      await client.envelope("orders@shop.example", recipient);
      await client.say("DATA", "354 ");
      await client.say(`${MESSAGE}.`, "250 ");
    }
  }
  await proxy.close();
  await served;
  const contents = store.messages.map(({ content }) => new TextDecoder().decode(content));
  assertEquals(contents, [MASKED, MESSAGE]);
});
