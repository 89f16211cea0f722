import { assertEquals } from "@std/assert";
import { definePolicy } from "../../src/policy/mod.ts";
import { onStage, rest } from "../_dialogue.ts";

Deno.test("shutdown: idle sessions are told at once, transactions end first", async () => {
  await onStage({ offers: ["PIPELINING"] }, async (stage) => {
    const { client, upstream } = await stage.data();
    const idle = await stage.ready();
    const fresh = stage.connect();
    await fresh.expect("220 *");
    await rest();
    const closed = stage.proxy.close();
    await idle.expect("421 4.3.2 Shutting down");
    await fresh.expect("421 4.3.2 Shutting down");
    await client.expectNothing();
    const late = stage.connect();
    await late.expect("421 4.3.2 Shutting down");
    await client.send("Text\r\n.\r\nMAIL FROM:<next@b.example>\r\n");
    await upstream.expect("Text", ".");
    await upstream.send("250 2.0.0 Queued\r\n");
    await client.expect("250 2.0.0 Queued", "421 4.3.2 Shutting down");
    for (const peer of [client, idle, fresh, late]) {
      await peer.expectClose();
      peer.close();
    }
    await upstream.expect("QUIT");
    await upstream.send("221 2.0.0 Bye\r\n");
    await closed;
  });
});

Deno.test("shutdown: at the deadline everything is cut, and no message ends by it", async () => {
  await onStage({ offers: ["PIPELINING"] }, async (stage) => {
    const { client, upstream } = await stage.data();
    await client.send("Half\r\n.\r");
    await rest();
    const closed = stage.proxy.close(1_000);
    await client.expectNothing();
    await stage.clock.advance(1_000);
    await client.expectClose();
    await closed;
    await upstream.expect("Half");
    await upstream.expectClose();
  });
});

Deno.test("shutdown: after the deadline no upstream connection is opened any more", async () => {
  const gate = Promise.withResolvers<void>();
  const policy = definePolicy({ mail: () => gate.promise });
  await onStage({ offers: [], proxy: { policy } }, async (stage) => {
    const client = await stage.ready();
    await client.send("MAIL FROM:<a@b.example>\r\n");
    await rest();
    const before = stage.upstream.all.length;
    const closed = stage.proxy.close(1_000);
    await stage.clock.advance(1_000);
    gate.resolve();
    await closed;
    assertEquals(stage.upstream.all.length, before);
  });
});

Deno.test("shutdown: whoever comes too late on implicit TLS hears nothing in the clear", async () => {
  await onStage({ offers: [], tls: true, listener: { implicitTls: true } }, async (stage) => {
    const closed = stage.proxy.close();
    await stage.connect().expectClose();
    await closed;
  });
});
