/** What must not outlive a change of who the client is, or of the connection that knew it. */

import { assertEquals } from "@std/assert";
import { definePolicy, route } from "../../src/policy/mod.ts";
import { leave, onStage, type Peer, type Stage } from "../_dialogue.ts";

const OFFERS = ["AUTH PLAIN"];

async function logIn(stage: Stage, client: Peer): Promise<Peer> {
  await client.send("AUTH PLAIN AGphbmUAc2VjcmV0\r\n");
  const upstream = await stage.upstream.accept();
  await upstream.expect("AUTH PLAIN AGphbmUAc2VjcmV0");
  await upstream.send("235 2.7.0 Welcome\r\n");
  await client.expect("235 2.7.0 Welcome");
  return upstream;
}

Deno.test("link: XCLIENT forgets a login that was not the new client's", async () => {
  await onStage({
    offers: OFFERS,
    proxy: { auth: "require", authWithoutTls: true },
    listener: { xclientFrom: ["192.0.2.1"] },
  }, async (stage) => {
    const client = await stage.ready();
    const upstream = await logIn(stage, client);
    await client.send("XCLIENT ADDR=198.51.100.7\r\n");
    await leave(upstream);
    await client.expect("220 proxy.example ESMTP");
    await client.send("EHLO other.example\r\n");
    await client.reply();
    await client.send("MAIL FROM:<a@client.example>\r\n");
    await client.expect("530 5.7.0 *");
  });
});

Deno.test("link: a login that XCLIENT itself tells is the new client's", async () => {
  await onStage({
    offers: OFFERS,
    proxy: { auth: "require", authWithoutTls: true },
    listener: { xclientFrom: ["192.0.2.1"] },
  }, async (stage) => {
    const client = await stage.ready();
    for (const attributes of ["LOGIN=jane", "HELO=other.example"]) {
      await client.send(`XCLIENT ${attributes}\r\n`);
      await client.expect("220 proxy.example ESMTP");
    }
    await client.send("EHLO other.example\r\nMAIL FROM:<a@client.example>\r\n");
    await client.reply();
    const upstream = await stage.upstream.accept();
    await upstream.expect("MAIL FROM:<a@client.example>");
    await upstream.send("250 2.1.0 Ok\r\n");
    await client.expect("250 2.1.0 Ok");
  });
});

Deno.test("link: mail of a client with a login never takes a link without it", async () => {
  const policy = definePolicy({
    mail: ({ reversePath }) => reversePath.domain === "blue.example" ? route("blue") : undefined,
  });
  await onStage({
    offers: OFFERS,
    others: { blue: OFFERS },
    proxy: { policy, authWithoutTls: true },
  }, async (stage) => {
    const client = await stage.ready();
    const upstream = await logIn(stage, client);
    await client.send("MAIL FROM:<a@blue.example>\r\n");
    await leave(upstream);
    const blue = await stage.others.blue.accept();
    await blue.expect("MAIL FROM:<a@blue.example>");
    await blue.send("250 2.1.0 Ok\r\n");
    await client.expect("250 2.1.0 Ok");
    await client.send("RSET\r\n");
    await blue.expect("RSET");
    await blue.send("250 2.0.0 Ok\r\n");
    await client.expect("250 2.0.0 Reset");
    await client.send("MAIL FROM:<a@red.example>\r\n");
    await client.expect("250 2.1.0 *");
    await client.send("RCPT TO:<b@red.example>\r\n");
    await client.expect("421 4.4.1 *");
    await client.expectClose();
    assertEquals(stage.upstream.called, false);
  });
});

Deno.test("link: one that was opened under another EHLO name is not used again", async () => {
  await onStage({
    offers: ["XCLIENT HELO"],
    upstream: { identify: "xclient" },
    proxy: { verify: "upstream" },
  }, async (stage) => {
    const become = async (attributes: string): Promise<Peer> => {
      const upstream = await stage.upstream.accept();
      await upstream.expect(`XCLIENT ${attributes}`);
      await upstream.send("220 upstream.example\r\n");
      await upstream.expect("EHLO proxy.example");
      await upstream.send("250 upstream.example\r\n");
      return upstream;
    };
    const client = await stage.ready();
    await client.send("VRFY jane\r\n");
    const first = await become("HELO=client.example");
    await first.expect("VRFY jane");
    await first.send("250 2.1.5 jane@upstream.example\r\n");
    await client.expect("250 2.1.5 jane@upstream.example");
    // The same name again changes nothing.
    await client.send("EHLO client.example\r\n");
    await client.reply();
    assertEquals(first.ended, false);
    await client.send("EHLO other.example\r\n");
    await leave(first);
    await client.reply();
    await client.send("VRFY jane\r\n");
    const second = await become("HELO=other.example");
    await second.expect("VRFY jane");
    await second.send("252 2.1.5 jane\r\n");
    await client.expect("252 2.1.5 jane");
  });
});

Deno.test("link: AUTH is offered where the upstream that would get it has it", async () => {
  await onStage({
    offers: ["PIPELINING"],
    others: { blue: ["PIPELINING", ...OFFERS] },
    proxy: { authWithoutTls: true },
  }, async (stage) => {
    stage.upstream.refusals = 1;
    const client = stage.connect();
    await client.expect("220 proxy.example ESMTP");
    await client.send("EHLO client.example\r\n");
    assertEquals((await client.reply()).filter((line) => line.includes("AUTH")), []);
  });
});

Deno.test("link: one on which RSET was refused takes no other transaction", async () => {
  await onStage({ offers: ["PIPELINING"] }, async (stage) => {
    const { client, upstream } = await stage.recipients();
    await client.send("RSET\r\n");
    await upstream.expect("RSET");
    await upstream.send("451 4.3.0 Not now\r\n");
    await client.expect("250 2.0.0 Reset");
    await client.send("MAIL FROM:<c@client.example>\r\n");
    const second = await stage.upstream.accept();
    await second.expect("MAIL FROM:<c@client.example>");
    await second.send("250 2.1.0 Ok\r\n");
    await client.expect("250 2.1.0 Ok");
  });
});
