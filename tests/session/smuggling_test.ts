/**
 * CVE-2023-51764, -51765, -51766 and their kin through the whole proxy: whatever a lenient server or
 * client might take for the end of a message or of a line.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { onStage, type Peer, rest, type Stage, type StageOptions } from "../_dialogue.ts";
import { endLookalikes } from "../stages/_mail_data.ts";

const END = "\r\n.\r\n";
const SMUGGLED = "MAIL FROM:<evil@x.example>\r\nRCPT TO:<victim@y.example>\r\nDATA\r\nHa" + END;

/** The lines that a parser sees which takes anything for a newline and drops NULs. */
function lenientLines(wire: string): string[] {
  return wire.replaceAll("\0", "").split(/\r+\n|\n|\r/);
}

/** Nothing but mail data may stand behind the 354, with at most one end, and at its end. */
function assertOneMessage(wire: string, ended: boolean, message: string): void {
  const lines = lenientLines(wire);
  const ends = lines.slice(0, -1).flatMap((line, at) => line === "." ? [at] : []);
  assertEquals(ends, ended ? [lines.length - 2] : [], message);
  assert(!/\r(?!\n)|(?<!\r)\n/.test(wire), `bare newline upstream: ${message}`);
}

/** Lets the upstream answer a complete message, if one came; whether it did. */
async function answerMessage(upstream: Peer): Promise<boolean> {
  await rest();
  const ended = upstream.unread.endsWith(END) || upstream.unread === ".\r\n";
  if (ended) await upstream.send("250 2.0.0 Queued\r\n");
  await rest();
  return ended;
}

/** The session must be in step afterwards. */
async function assertInStep(client: Peer): Promise<void> {
  await client.send("NOOP\r\n");
  await client.expect("250 2.0.0 Ok");
}

async function throughData(stage: Stage, data: string, cut: number, name: string): Promise<void> {
  const { client, upstream } = await stage.data();
  await client.send(data.slice(0, cut));
  await rest();
  await client.send(data.slice(cut));
  const ended = await answerMessage(upstream);
  assertOneMessage(upstream.take(), ended, name);
  assertMatch(client.take(), ended ? /^250 [^\r\n]*\r\n$/ : /^554 [^\r\n]*\r\n$/, name);
  await assertInStep(client);
  client.close();
}

const modes: readonly [name: string, options: StageOptions][] = [
  ["reject", { offers: ["PIPELINING"] }],
  ["normalize", { offers: ["PIPELINING"], proxy: { bareNewline: "normalize" } }],
];

for (const [mode, options] of modes) {
  for (const head of ["", "Subject: x\r\n\r\nText"]) {
    const where = head === "" ? "at the start" : "in the middle";
    Deno.test(`smuggling: DATA, ${mode}: no look-alike ${where} ends the message`, async () => {
      await onStage(options, async (stage) => {
        for (const lookalike of endLookalikes) {
          const data = head + lookalike + SMUGGLED;
          for (let cut = head.length; cut <= head.length + lookalike.length; cut++) {
            await throughData(stage, data, cut, JSON.stringify([lookalike, cut]));
          }
        }
      });
    });
  }

  Deno.test(`smuggling: BDAT to DATA, ${mode}: no content ends the message`, async () => {
    await onStage(options, async (stage) => {
      for (const lookalike of [...endLookalikes, END, ".\r\n", "\r\n."]) {
        const content = `Text${lookalike}${SMUGGLED}`;
        for (let cut = 4; cut <= 4 + lookalike.length; cut++) {
          const name = JSON.stringify([lookalike, cut]);
          const { client, upstream } = await stage.recipients();
          const first = content.slice(0, cut);
          const second = content.slice(cut);
          await client.send(
            `BDAT ${first.length}\r\n${first}BDAT ${second.length} LAST\r\n${second}`,
          );
          await upstream.expect("DATA");
          await upstream.send("354 Go on\r\n");
          const ended = await answerMessage(upstream);
          assertOneMessage(upstream.take(), ended, name);
          // One reply a chunk; after a refused chunk the next one is out of place.
          assertMatch(
            client.take(),
            ended
              ? /^250 [^\r\n]*\r\n250 [^\r\n]*\r\n$/
              : /^(?:250|554) [^\r\n]*\r\n(?:554|503) [^\r\n]*\r\n$/,
            name,
          );
          await assertInStep(client);
          client.close();
        }
      }
    });
  });
}

Deno.test("smuggling: BDAT to BDAT: a chunk is what it announces, or is taken back", async () => {
  await onStage({ offers: ["PIPELINING", "CHUNKING"] }, async (stage) => {
    let refused = 0;
    for (const lookalike of endLookalikes) {
      const content = `Text${lookalike}${SMUGGLED}`;
      const { client, upstream } = await stage.recipients();
      await client.send(`BDAT ${content.length} LAST\r\n${content}`);
      await rest();
      const bare = /\r(?!\n)|(?<!\r)\n/.test(content);
      const wire = upstream.take();
      await upstream.send("250 2.0.0 Ok\r\n");
      if (bare || wire === "RSET\r\n") {
        refused++;
        assertEquals(wire, "RSET\r\n", JSON.stringify(lookalike));
        await client.expect("554 5.6.0 *");
      } else {
        assertEquals(wire, `BDAT ${content.length} LAST\r\n${content}`);
        await client.expect("250 2.0.0 Ok");
      }
      await assertInStep(client);
      client.close();
    }
    assert(refused > 20);
  });
});

Deno.test("smuggling: a command with a bare newline is one fault, not two commands", async () => {
  await onStage({ offers: ["PIPELINING"] }, async (stage) => {
    for (const newline of ["\n", "\r", "\0", "\n\r", "\r\r", "\x85\n", "\n\n"]) {
      const client = await stage.ready();
      await client.send(`MAIL FROM:<a@b.example>${newline}RCPT TO:<c@d.example>\r\n`);
      await rest();
      assertMatch(client.take(), /^500 [^\r\n]*\r\n$/, JSON.stringify(newline));
      await assertInStep(client);
      client.close();
    }
    assertEquals(stage.upstream.called, false);
  });
});

/** What an upstream may say in place of one reply, and what the client gets for it. */
const replies: readonly [said: string, shown: RegExp][] = [
  ["250 a\n250 b\r\n", /^451 /],
  ["250 a\r250 b\r\n", /^451 /],
  ["250 a\r\r\n", /^451 /],
  ["250-a\n250 b\r\n", /^451 /],
  ["250 a\0b\r\n", /^451 /],
  ["250-a\r\n550 b\r\n", /^451 /],
  ["\r\n", /^451 /],
  ["25\r\n", /^451 /],
  ["250_a\r\n", /^451 /],
  ["999 a\r\n", /^451 /],
  ["199 a\r\n", /^451 /],
  ["２５０ a\r\n", /^451 /],
  [`250 ${"a".repeat(600)}\r\n`, /^451 /],
  ["250-a\r\n".repeat(101), /^451 /],
  ["354 a\r\n", /^451 /],
  // Octets that some programs take for newlines come out as question marks.
  ["250 2.0.0 a\xc2\x85b\xe2\x80\xa8c\xff\x1b[0m\r\n", /^250 2\.0\.0 [ -~]*\r\n$/],
  ["250\r\n", /^250 2\.0\.0 \r\n$/],
];

Deno.test("smuggling: the upstream's replies reach the client as one reply each", async () => {
  await onStage({ offers: ["PIPELINING"] }, async (stage) => {
    for (const [said, shown] of replies) {
      for (const point of ["RCPT", "the end"]) {
        const name = `${JSON.stringify(said)} at ${point}`;
        const { client, upstream } = point === "RCPT"
          ? await stage.recipients()
          : await stage.data();
        await client.send(point === "RCPT" ? "RCPT TO:<e@d.example>\r\n" : ".\r\n");
        await upstream.line();
        await upstream.send(wireOf(said));
        await rest();
        const reply = client.take();
        assertMatch(reply, shown, name);
        assertMatch(reply, /^[^\r\n]*\r\n$/, name);
        await assertInStep(client);
        client.close();
      }
    }
  });
});

/** Octets as written, where they are octets; UTF-8 of what is not. */
function wireOf(text: string): Uint8Array {
  return [...text].every((character) => character.charCodeAt(0) < 256)
    ? Uint8Array.from(text, (character) => character.charCodeAt(0))
    : new TextEncoder().encode(text);
}

Deno.test("smuggling: a reply that nobody asked for ends the upstream connection", async () => {
  await onStage({ offers: ["PIPELINING"] }, async (stage) => {
    const { client, upstream } = await stage.recipients();
    await upstream.send("250 2.0.0 For a message that you have not sent yet\r\n");
    await upstream.expectClose();
    await client.send("DATA\r\n");
    await client.expect("451 *");
  });
});
