/**
 * What can break upstream, and when: the client gets a 4yz unless the upstream itself said otherwise,
 * no end of mail data is sent that was not the client's, and the session goes on.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Channel, ChannelError } from "../../src/channel.ts";
import { settle } from "../_clock.ts";
import { addressed, greet, onStage, type Peer, rest, type Stage } from "../_dialogue.ts";

const END = "\r\n.\r\n";

/** Where the upstream fails, in the order in which a transaction comes by. */
const points = ["dial", "greeting", "ehlo", "mail", "rcpt", "data", "body", "end"] as const;
type Point = typeof points[number];

/** Brings a fresh upstream connection to a point; the reply to what the client said last is due. */
async function reach(stage: Stage, client: Peer, point: Point): Promise<Peer> {
  const at = points.indexOf(point);
  await client.send("MAIL FROM:<a@b.example>\r\n");
  const upstream = await stage.upstream.accept();
  if (at <= points.indexOf("greeting")) return upstream;
  await (point === "ehlo" ? upstream.send("220 upstream.example\r\n") : greet(upstream, []));
  await upstream.line("EHLO or MAIL");
  const steps: readonly (() => Promise<void>)[] = [
    () => client.send("RCPT TO:<c@d.example>\r\n"),
    () => client.send("DATA\r\n"),
    () => client.send("Subject: x\r\n\r\nHalf a li"),
    () => client.send("ne\r\n.\r\n"),
  ];
  for (const [index, step] of steps.slice(0, Math.max(0, at - points.indexOf("mail"))).entries()) {
    const reply = ["250 2.1.0 Ok", "250 2.1.5 Ok", "354 Go on"][index];
    if (reply !== undefined) {
      await upstream.send(`${reply}\r\n`);
      await client.expect(reply);
    }
    await step();
    if (index < 2) await upstream.line("RCPT or DATA");
    else await rest();
  }
  return upstream;
}

/** Sends, whether or not the other side still listens. */
function say(peer: Peer, text: string): Promise<void> {
  return peer.send(text).catch((error) => {
    if (!(error instanceof ChannelError)) throw error;
  });
}

/** Milliseconds that the upstream has for its reply at each point (RFC 5321 §4.5.3.2). */
const patience: Readonly<Record<Point, number>> = {
  dial: 30_000,
  greeting: 60_000,
  ehlo: 60_000,
  mail: 300_000,
  rcpt: 300_000,
  data: 120_000,
  body: 0,
  end: 600_000,
};

type Act = (upstream: Peer, stage: Stage, milliseconds: number) => Promise<void>;

const acts: Readonly<Record<string, Act>> = {
  "closes": (upstream) => Promise.resolve(upstream.close()),
  "resets the connection": (upstream) => Promise.resolve(upstream.reset()),
  "says half a reply and closes": async (upstream) => {
    await say(upstream, "250-Yes, but\r\n");
    upstream.close();
  },
  "says half a line and closes": async (upstream) => {
    await say(upstream, "250 Ok");
    upstream.close();
  },
  "says 421 and closes": async (upstream) => {
    await say(upstream, "421 4.3.2 Going down\r\n");
    upstream.close();
  },
  "says 421 and stays": (upstream) => say(upstream, "421 4.3.2 Going down\r\n"),
  "says 451": (upstream) => say(upstream, "451 4.3.0 Later\r\n"),
  "says 554": (upstream) => say(upstream, "554 5.7.1 Never\r\n"),
  "says 521": (upstream) => say(upstream, "521 5.3.2 No mail here\r\n"),
  "says 354 out of place": (upstream) => say(upstream, "354 Go on\r\n"),
  "talks nonsense": (upstream) => say(upstream, "Hello, who are you?\r\n"),
  "talks TLS": (upstream) => say(upstream, "\x15\x03\x01\x00\x02\x02\x46\r\n"),
  "says 10 MB": async (upstream) => {
    for (let n = 0; n < 160; n++) await say(upstream, `250-${"x".repeat(500)}\r\n`.repeat(128));
  },
  "says 1 MB without a newline": async (upstream, stage, milliseconds) => {
    for (let n = 0; n < 16; n++) await say(upstream, "250 ".repeat(16_384));
    await rest();
    await stage.clock.advance(milliseconds);
  },
  "says nothing": async (_, stage, milliseconds) => {
    await rest();
    await stage.clock.advance(milliseconds);
  },
};

/** Acts that are no failure at a point: behind the 354 the upstream has nothing to say. */
const harmless = new Set([
  "says 354 out of place/data",
  "says nothing/body",
  "says 1 MB without a newline/body",
]);

/** Where the upstream's own word counts, it is passed on. */
function expected(point: Point, act: string): RegExp {
  const heard = points.indexOf(point) >= points.indexOf("mail");
  if (act === "says 554" && heard) return /^554 5\.7\.1 Never\r\n$/;
  if (act === "says 521" && heard) return /^521 5\.3\.2 No mail here\r\n$/;
  // RFC 7504 §4
  if (act === "says 521" && point === "greeting") return /^556 [^\r\n]*\r\n$/;
  return /^4[0-9]{2} 4\.[^\r\n]*\r\n$/;
}

/** Ends the client's side of the transaction, and sends one message from beginning to end. */
async function nextMessage(stage: Stage, client: Peer, fresh: boolean): Promise<void> {
  stage.upstream.offers = [];
  await client.send("RSET\r\n");
  const before = stage.upstream.all.at(-1)!;
  await rest();
  if (before.unread.endsWith("RSET\r\n")) {
    before.take();
    await before.send("250 2.0.0 Ok\r\n");
  }
  await client.expect("250 2.0.0 Reset");
  await client.send("MAIL FROM:<a@b.example>\r\n");
  await rest();
  if (before.unread === "QUIT\r\n") {
    before.take();
    await say(before, "221 2.0.0 Bye\r\n");
  }
  const upstream = fresh || !before.unread.startsWith("MAIL ")
    ? await stage.upstream.accept()
    : before;
  await upstream.expect("MAIL FROM:<a@b.example>");
  await upstream.send("250 2.1.0 Ok\r\n");
  await client.expect("250 2.1.0 Ok");
  await client.send("RCPT TO:<c@d.example>\r\n");
  await upstream.expect("RCPT TO:<c@d.example>");
  await upstream.send("250 2.1.5 Ok\r\n");
  await client.expect("250 2.1.5 Ok");
  await client.send("DATA\r\n");
  await upstream.expect("DATA");
  await upstream.send("354 Go on\r\n");
  await client.expect("354 Go on");
  await client.send("Next\r\n.\r\n");
  await upstream.expect("Next", ".");
  await upstream.send("250 2.0.0 Queued\r\n");
  await client.expect("250 2.0.0 Queued");
}

for (const point of points.slice(1)) {
  Deno.test(`failure: the upstream fails at ${point}`, async (t) => {
    for (const [name, act] of Object.entries(acts)) {
      if (harmless.has(`${name}/${point}`)) continue;
      await t.step(name, async () => {
        await onStage({ offers: [] }, async (stage) => {
          const client = await stage.ready();
          stage.upstream.offers = undefined;
          const upstream = await reach(stage, client, point);
          await act(upstream, stage, patience[point]);
          if (point === "ehlo") await refuseHelo(upstream);
          if (point === "body") await client.send("ne\r\n.\r\n");
          await rest();
          assertMatch(client.take(), expected(point, name));
          const seen = upstream.take();
          assertEquals(seen.includes(END), point === "end", JSON.stringify(seen));
          await nextMessage(stage, client, false);
        });
      });
    }
  });
}

/** HELO comes after a refused EHLO (RFC 5321 §3.2). */
async function refuseHelo(upstream: Peer): Promise<void> {
  await rest();
  if (upstream.unread !== "HELO proxy.example\r\n") return;
  upstream.take();
  await say(upstream, "554 5.7.1 Never\r\n");
}

Deno.test("failure: the upstream cannot be dialled", async (t) => {
  const ways: Readonly<Record<string, (stage: Stage) => void>> = {
    "refused": (stage) => stage.upstream.refusals = 1,
    "no answer": (stage) => stage.upstream.stalls = 1,
  };
  for (const [name, way] of Object.entries(ways)) {
    await t.step(name, async () => {
      await onStage({ offers: [] }, async (stage) => {
        const client = await stage.ready();
        way(stage);
        await client.send("MAIL FROM:<a@b.example>\r\n");
        await rest();
        await stage.clock.advance(30_000);
        await client.expect("451 4.4.*");
        await nextMessage(stage, client, true);
      });
    });
  }
});

Deno.test("failure: an answer in the middle of the mail data", async (t) => {
  const answers: readonly [said: string, shown: string][] = [
    ["550 5.7.1 Spam", "550 5.7.1 Spam"],
    ["452 4.3.1 Full", "452 4.3.1 Full"],
    ["421 4.3.2 Down", "451 4.3.2 Down"],
    ["250 2.0.0 Queued", "451 4.5.0 *"],
    ["354 Go on", "451 4.5.0 *"],
  ];
  for (const [said, shown] of answers) {
    await t.step(said, async () => {
      await onStage({ offers: ["PIPELINING"] }, async (stage) => {
        const { client, upstream } = await stage.data();
        await client.send("Half\r\n");
        await upstream.expect("Half");
        await upstream.send(`${said}\r\n`);
        await client.expectNothing();
        await client.send("RCPT TO:<not a command>\r\n");
        await client.expectNothing();
        await client.send(".\r\n");
        await client.expect(shown);
        assert(!upstream.take().includes(".\r\n"));
        await nextMessage(stage, client, true);
      });
    });
  }
});

Deno.test("failure: BDAT upstream", async (t) => {
  const ways: Readonly<Record<string, [act: Act, shown: RegExp]>> = {
    "354 to a chunk": [(peer) => say(peer, "354 Go on\r\n"), /^451 /],
    "552 to a chunk": [(peer) => say(peer, "552 5.2.2 Full\r\n"), /^552 5\.2\.2 Full\r\n$/],
    "552 to a chunk, and closes": [async (peer) => {
      await say(peer, "552 5.2.2 Full\r\n");
      await rest();
      peer.close();
    }, /^552 5\.2\.2 Full\r\n$/],
    "421 to a chunk": [(peer) => say(peer, "421 4.3.2 Down\r\n"), /^451 4\.3\.2 Down\r\n$/],
    "closes": [acts.closes, /^451 /],
    "two answers to one chunk": [(peer) => say(peer, "250 Ok\r\n250 Ok\r\n"), /^451 /],
  };
  for (const pipelining of [true, false]) {
    for (const [name, [act, shown]] of Object.entries(ways)) {
      await t.step(`${name}, ${pipelining ? "with" : "without"} PIPELINING`, async () => {
        const offers = pipelining ? ["CHUNKING", "PIPELINING"] : ["CHUNKING"];
        await onStage({ offers, upstream: { chunkSize: 4 } }, async (stage) => {
          const { client, upstream } = await stage.recipients();
          await client.send("BDAT 4\r\nab\r\n");
          await upstream.expect("BDAT 4", "ab");
          await rest();
          await act(upstream, stage, 0);
          await rest();
          await client.send("BDAT 4\r\ncd\r\n");
          await rest();
          // However it is refused: no chunk is announced and not sent, and none is the last.
          const seen = upstream.take();
          assertMatch(seen, /^(?:BDAT 4\r\ncd\r\n)?(?:RSET\r\n)?$/);
          if (seen.endsWith("RSET\r\n")) await say(upstream, "250 2.0.0 Ok\r\n");
          await rest();
          const got = client.take()
            .replace(/^250 2\.0\.0 Octets received\r\n/, "")
            .replace(/(?<=\n)503 5\.5\.1 Bad sequence of commands\r\n$/, "");
          assertMatch(got, shown);
        });
      });
    }
  }
});

Deno.test("failure: the refusal of a chunk that comes while the next one is being written", async () => {
  await onStage(
    { offers: ["CHUNKING", "PIPELINING"], upstream: { chunkSize: 4 } },
    async (stage) => {
      const { client, upstream } = await stage.recipients();
      await client.send("BDAT 4\r\nab\r\n");
      await upstream.expect("BDAT 4", "ab");
      // The pipe holds 64 KiB: the chunk's header goes, its octets wait.
      upstream.pause();
      const filler = "x".repeat(65_534) + "\r\n";
      await client.send(`BDAT ${filler.length * 2}\r\n`);
      const sent = client.send(filler + filler);
      await rest();
      await upstream.send("552 5.2.2 Full\r\n");
      await rest();
      upstream.resume();
      await sent;
      await rest();
      const seen = upstream.take();
      let at = 0;
      let chunks = 0;
      for (let head; (head = /^BDAT ([0-9]+)\r\n/.exec(seen.slice(at))) !== null; chunks++) {
        at += head[0].length + Number(head[1]);
      }
      assertEquals(seen.slice(at), "RSET\r\n");
      assert(chunks > 0);
      await upstream.send("503 5.5.1 No\r\n".repeat(chunks) + "250 2.0.0 Ok\r\n");
      await client.expect("250 2.0.0 Octets received", "552 5.2.2 Full");
      await nextMessage(stage, client, false);
    },
  );
});

Deno.test("failure: a broken write is told after the broken read", async () => {
  // As a socket does it: what was being written fails in its own time, after what was being read.
  const sluggish = (channel: Channel): Channel => ({
    ...addressed(channel, channel.localAddress, channel.remoteAddress),
    write: async (octets) => {
      if (new TextDecoder().decode(octets) !== ".\r\n") return await channel.write(octets);
      while (open) await settle();
      for (let round = 0; round < 5; round++) await settle();
      throw new ChannelError("broken", "Broken pipe");
    },
    close: () => {
      open = false;
      channel.close();
    },
  });
  let open = true;
  await onStage({ offers: ["PIPELINING"] }, async (stage) => {
    const client = await stage.ready();
    stage.upstream.wrap = sluggish;
    client.close();
    const { client: second, upstream } = await stage.data();
    await second.send("Text\r\n");
    await upstream.expect("Text");
    await second.send(".\r\n");
    await rest();
    upstream.close();
    await second.expect("451 *");
  });
});
