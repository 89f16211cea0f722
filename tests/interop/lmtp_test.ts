/** A real Dovecot behind Sluice, which tells each recipient's fate, and a real Postfix before it. */

import { assertEquals, assertMatch } from "@std/assert";
import { run } from "../cli/_run.ts";
import { Client } from "./_client.ts";
import { DOVECOT, startDovecot } from "./_dovecot.ts";
import { startPostfix } from "./_postfix.ts";
import { startSluice } from "./_sluice.ts";
import { eventually, interop, shared } from "./_tools.ts";

const dovecot = shared(startDovecot);

const [alice, bob, full] = ["alice", "bob", "full"].map((user) => `RCPT TO:<${user}@test.example>`);

/** A transaction up to the end of its mail data. */
async function write(client: Client, hello: string, ...recipients: string[]): Promise<void> {
  await client.commands(`${hello} client.example.net`, "MAIL FROM:<sender@test.example>");
  await client.commands(...recipients, "DATA");
  await client.send("Subject: x\r\n\r\nText\r\n..\r\n.\r\n");
}

for (const way of ["TCP", "a Unix socket"] as const) {
  interop(`lmtp: a message to two users of Dovecot over ${way}`, DOVECOT, async () => {
    const server = await dovecot();
    const upstream = way === "TCP"
      ? `lmtp://127.0.0.1:${server.port}`
      : `lmtp+unix:${server.socket}`;
    await using sluice = await startSluice(["--listen", "127.0.0.1:0", "--upstream", upstream]);
    using client = await Client.connect(sluice.ports[0]);
    await client.commands("EHLO client.example.net", "MAIL FROM:<sender@test.example>", alice);
    assertMatch(await client.command("RCPT TO:<nobody@test.example>"), /^550 5\.1\.1 /);
    await client.commands(bob, "DATA");
    await client.send("Subject: x\r\n\r\nText\r\n..\r\n.\r\n");
    assertMatch(await client.reply(), /^250 2\.0\.0 <alice@test\.example> .* Saved$/);
    for (const user of ["alice", "bob"] as const) {
      const [message, ...more] = await server.delivered(user);
      assertMatch(message, /^Received: from client\.example\.net [^]* with ESMTP /m);
      assertMatch(message, /\n\nText\n\.\n$/);
      assertEquals(more, []);
    }
    await client.commands("QUIT");
    await sluice.stop();
    assertMatch(sluice.stdout(), /outcomes="\[?.*<alice@test\.example> 250 2\.0\.0/);
  });
}

interop("lmtp: who speaks SMTP is told of the one that Dovecot refuses", DOVECOT, async (t) => {
  for (const fullIsTemporary of [false, true]) {
    await t.step(fullIsTemporary ? "for now" : "for good", async () => {
      await using server = await startDovecot({ fullIsTemporary });
      const upstream = ["--upstream", `lmtp://127.0.0.1:${server.port}`];
      await using sluice = await startSluice(["--listen", "127.0.0.1:0", ...upstream]);
      using client = await Client.connect(sluice.ports[0]);
      await write(client, "EHLO", alice, full, bob);
      const told = fullIsTemporary ? /^452 4\.2\.2 <full@/ : /^552 5\.2\.2 <full@/;
      assertMatch(await client.reply(), told);
      assertEquals((await server.delivered("alice")).length, 1);
      assertEquals((await server.delivered("bob")).length, 1);
      assertEquals(await server.delivered("full"), []);
    });
  }
});

interop("lmtp: who speaks LMTP is told of each, by DATA and in chunks", DOVECOT, async () => {
  const server = await dovecot();
  const upstream = ["--upstream", `lmtp://127.0.0.1:${server.port}?chunking=as-received`];
  await using sluice = await startSluice(["--lmtp-listen", "127.0.0.1:0", ...upstream]);
  using client = await Client.connect(sluice.ports[0]);
  const answered = async (): Promise<void> => {
    await client.expect(/^250 2\.0\.0 <alice@test\.example> .* Saved$/);
    await client.expect(/^552 5\.2\.2 <full@test\.example> /);
    await client.expect(/^250 2\.0\.0 <bob@test\.example> .* Saved$/);
  };
  await write(client, "LHLO", alice, full, bob);
  await answered();
  await client.commands("MAIL FROM:<sender@test.example>", alice, full, bob);
  await client.send("BDAT 14\r\nSubject: x\r\n\r\n");
  await client.expect(/^250 /);
  await client.send("BDAT 6 LAST\r\nText\r\n");
  await answered();
  await client.commands("QUIT");
  for (const user of ["alice", "bob"] as const) {
    const messages = await server.delivered(user);
    assertEquals(messages.length, 2);
    assertMatch(messages[0], /^Received: from client\.example\.net [^]* with LMTP /m);
  }
});

interop("lmtp: `send` says which recipient Dovecot has refused", DOVECOT, async () => {
  const server = await dovecot();
  const message = await Deno.makeTempFile();
  await Deno.writeTextFile(message, "Subject: x\n\nText\n");
  const to = ["alice", "full"].flatMap((user) => ["--to", `${user}@test.example`]);
  const url = `lmtp+unix:${server.socket}`;
  const { status, out, err } = await run("send", "-s", url, "--from", "", ...to, message);
  await Deno.remove(message);
  assertEquals([status, out, err.length], [1, [], 1]);
  assertMatch(err[0], /^sluice: Mail data for <full@test\.example>: 552 5\.2\.2 /);
  assertEquals((await server.delivered("alice")).length, 1);
});

interop(
  "lmtp: from Postfix to Dovecot, each recipient by itself",
  [...DOVECOT, "postfix"],
  async () => {
    const server = await dovecot();
    const upstream = ["--upstream", `lmtp+unix:${server.socket}`];
    await using sluice = await startSluice(["--lmtp-listen", "127.0.0.1:0", ...upstream]);
    await using postfix = await startPostfix({
      settings: {
        virtual_transport: `lmtp:inet:127.0.0.1:${sluice.ports[0]}`,
        virtual_destination_recipient_limit: "50",
        lmtp_destination_recipient_limit: "50",
      },
      master: ["lmtp unix - - n - - lmtp"],
    });
    using client = await Client.connect(postfix.port);
    await write(client, "EHLO", alice, full, bob);
    await client.expect(/^250 /);
    const [, first] = await postfix.logged(/to=<alice@.* status=sent \((250 2\.0\.0 <alice@)/);
    await postfix.logged(/to=<bob@.* status=sent \(250 2\.0\.0 <bob@/);
    await postfix.logged(/to=<full@.* status=bounced \(.* 552 5\.2\.2 <full@/);
    assertEquals(first, "250 2.0.0 <alice@");
    await eventually("both to have it", async () => {
      const [one, other] = [await server.delivered("alice"), await server.delivered("bob")];
      return one.length === 1 && other.length === 1 ? true : undefined;
    });
    await client.commands("QUIT");
  },
);
