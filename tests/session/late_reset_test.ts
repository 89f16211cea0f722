/** A refused message upstream is taken back by a RSET for which nobody waits. */

import { assert, assertEquals } from "@std/assert";
import { onStage, type Peer, rest, type Stage, type StageOptions } from "../_dialogue.ts";
import { Robots } from "../_robot.ts";

const OK = "250 2.0.0 Ok\r\n";
const CHUNKS: StageOptions = { offers: ["PIPELINING", "CHUNKING"], pool: {} };

async function refused(stage: Stage): Promise<{ client: Peer; upstream: Peer }> {
  const { client, upstream } = await stage.recipients();
  await client.send("BDAT 6 LAST\r\nabcd\r\n");
  await upstream.expect("BDAT 6 LAST", "abcd");
  await upstream.send("552 5.2.2 Full\r\n");
  await client.expect("552 5.2.2 Full");
  await upstream.expect("RSET");
  return { client, upstream };
}

for (const end of ["RSET", "QUIT"]) {
  Deno.test(`late RSET: an envelope in the same group is not left on the connection, ${end}`, () =>
    onStage({ ...CHUNKS, proxy: { eagerMail: false } }, async (stage) => {
      const robots = new Robots(stage);
      const client = await stage.ready();
      const envelope = (name: string) => [
        `MAIL FROM:<${name}@client.example>`,
        `RCPT TO:<${name}@upstream.example>`,
      ];
      const send = async (peer: Peer, lines: readonly string[]): Promise<void> => {
        await peer.send(lines.map((line) => `${line}\r\n`).join(""));
        await robots.rest();
      };
      await send(client, envelope("first"));
      // A bare newline has us refuse.
      await send(
        client,
        ["BDAT 4 LAST", "a\nb\nMAIL FROM:<left@client.example>"].concat(
          envelope("left")[1],
          end,
        ),
      );
      client.take();
      const other = await stage.ready();
      await send(other, envelope("other"));
      assertEquals(stage.upstream.all.length, 1);
      const expected = [envelope("first"), "RSET", envelope("left"), "RSET", envelope("other")];
      assertEquals(robots.commands, expected.flat());
      other.take();
      other.close();
      await robots.rest();
    }));

  Deno.test(`late RSET: its reply ends no transaction begun behind it, ${end}`, () =>
    onStage(CHUNKS, async (stage) => {
      const { client, upstream } = await refused(stage);
      await client.send("MAIL FROM:<second@client.example>\r\n");
      await upstream.expect("MAIL FROM:<second@client.example>");
      await upstream.send(OK + OK);
      await client.expect("250 2.0.0 Ok");
      await client.send(`${end}\r\n`);
      await rest();
      assertEquals(stage.proxy.upstreams.get("default")!.pool!.idle, 0);
      await upstream.expect("RSET");
      await upstream.send(OK);
      await rest();
      assertEquals(stage.proxy.upstreams.get("default")!.pool!.idle, 1);
      client.take();
    }));
}

Deno.test("late RSET: a client that vanishes behind it leaves no transaction", () =>
  onStage(CHUNKS, async (stage) => {
    const { client, upstream } = await refused(stage);
    await client.send("MAIL FROM:<second@client.example>\r\n");
    await upstream.expect("MAIL FROM:<second@client.example>");
    client.close();
    await upstream.expect("RSET");
    await upstream.send(OK + OK + OK);
    await rest();
    assertEquals(stage.proxy.upstreams.get("default")!.pool!.idle, 1);
  }));

for (const chunking of ["small", "as-received"] as const) {
  Deno.test(`late RSET: a second reply to the message is not its own, chunking ${chunking}`, () =>
    onStage({ ...CHUNKS, upstream: { chunking } }, async (stage) => {
      const { client, upstream } = await stage.recipients();
      if (chunking === "small") {
        await client.send("DATA\r\n");
        await client.expect("354 *");
        await client.send("abcd\r\n.\r\n");
      } else await client.send("BDAT 6 LAST\r\nabcd\r\n");
      await upstream.expect("BDAT 6 LAST", "abcd");
      await upstream.send("552 5.2.2 Full\r\n250 2.0.0 Ok, for the second recipient\r\n");
      await client.expect("552 5.2.2 Full");
      await rest();
      assert(upstream.ended);
      upstream.take();
    }));
}
