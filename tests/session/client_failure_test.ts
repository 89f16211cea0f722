/**
 * Clients that vanish, stall, flood, or speak something else: the upstream never sees a message end
 * for it, and nothing waits for ever.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { onStage, type Peer, rest, Stage, type StageOptions } from "../_dialogue.ts";

const END = "\r\n.\r\n";

const vanishings: Readonly<Record<string, (client: Peer) => void | Promise<void>>> = {
  "closes": (client) => client.close(),
  "resets": (client) => client.reset(),
  "half-closes": (client) => client.halfClose(),
  "goes silent": () => {},
};

Deno.test("failure: the client vanishes", async (t) => {
  const places: Readonly<Record<string, (stage: Stage) => Promise<Peer>>> = {
    "before EHLO": (stage) => Promise.resolve(stage.connect()),
    "after EHLO": (stage) => stage.ready(),
    "in a command": async (stage) => {
      const client = await stage.ready();
      await client.send("MAIL FR");
      return client;
    },
    "while MAIL is on its way": async (stage) => {
      const client = await stage.ready();
      await client.send("MAIL FROM:<a@b.example>\r\n");
      await (await stage.upstream.accept()).expect("MAIL *");
      return client;
    },
    "after RCPT": async (stage) => (await stage.recipients()).client,
    "after DATA": async (stage) => (await stage.data()).client,
    ...Object.fromEntries(
      ["Half a", "Half a\r", "Half a\r\n", "Half a\r\n.", "Half a\r\n.\r", "."].map((octets) => [
        `after ${JSON.stringify(octets)}`,
        async (stage: Stage) => {
          const { client } = await stage.data();
          await client.send(octets);
          return client;
        },
      ]),
    ),
    "in a chunk": async (stage) => {
      const { client } = await stage.recipients();
      await client.send("BDAT 10 LAST\r\n12345678\r");
      return client;
    },
    "between chunks": async (stage) => {
      const { client } = await stage.recipients();
      await client.send("BDAT 10\r\n12345678\r\n");
      return client;
    },
  };
  const worlds: Readonly<Record<string, StageOptions>> = {
    "DATA upstream": { offers: ["PIPELINING"] },
    "BDAT upstream": { offers: ["PIPELINING", "CHUNKING"] },
    "DATA upstream, pooled": { offers: ["PIPELINING"], pool: {} },
    "BDAT upstream, pooled": { offers: ["PIPELINING", "CHUNKING"], pool: {} },
  };
  for (const [world, options] of Object.entries(worlds)) {
    for (const [place, go] of Object.entries(places)) {
      for (const [way, vanish] of Object.entries(vanishings)) {
        await t.step(`${way} ${place}, ${world}`, async () => {
          const stage = new Stage(options);
          const client = await go(stage);
          await rest();
          const upstream = stage.upstream.all.at(-1);
          if (upstream?.unread === "DATA\r\n") await upstream.send("354 Go on\r\n");
          await vanish(client);
          await rest();
          await stage.clock.advance(3_700_000);
          await rest();
          for (const peer of stage.upstream.all) {
            const seen = peer.take();
            assert(!seen.includes(END) && !seen.includes("LAST"), JSON.stringify(seen));
            assert(peer.ended, "the upstream connection lives on");
          }
          assertEquals(stage.proxy.sessions, 0);
          client.take();
          await stage.end();
        });
      }
    }
  }
});

Deno.test("failure: a client that half-closes gets its last replies", async () => {
  await onStage({ offers: ["PIPELINING"] }, async (stage) => {
    const { client, upstream } = await stage.data();
    await client.send("Text\r\n.\r\nNOOP\r\n");
    await client.halfClose();
    await upstream.expect("Text", ".");
    await upstream.send("250 2.0.0 Queued\r\n");
    await client.expect("250 2.0.0 Queued", "250 2.0.0 Ok");
    await client.expectClose();
  });
});

Deno.test("failure: somebody who does not speak SMTP", async (t) => {
  const strangers: Readonly<Record<string, [sent: string, shown: RegExp]>> = {
    "HTTP": ["POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<a@b.example>\r\n", /^421 /],
    "HTTP behind EHLO": ["EHLO x\r\nGET / HTTP/1.1\r\nNOOP\r\n", /^250-(?:[^\n]*\n)*421 /],
    "TLS": ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\x00\n\r", /^421 /],
    "NULs": ["\0".repeat(5_000) + "\r\n", /^500 [^\r\n]*\r\n$/],
    "octets that are no UTF-8": ["MAIL FROM:<\xff@b.example>\r\n", /^500 [^\r\n]*\r\n$/],
    "an empty line": ["\r\n", /^500 [^\r\n]*\r\n$/],
  };
  for (const [name, [sent, shown]] of Object.entries(strangers)) {
    await t.step(name, async () => {
      await onStage({ offers: [] }, async (stage) => {
        const client = stage.connect();
        await client.expect("220 *");
        await client.send(sent);
        await rest();
        const said = client.take();
        assertMatch(said, shown);
        assertEquals(client.ended, /421 [^\r\n]*\r\n$/.test(said));
        assertEquals(stage.upstream.called, false);
      });
    });
  }
});

Deno.test("failure: a command line of 10 MB gets one reply, at its end", async () => {
  await onStage({ offers: [] }, async (stage) => {
    const client = await stage.ready();
    for (let n = 0; n < 160; n++) await client.send("MAIL FROM:<a@b.e".repeat(4_096));
    await client.expectNothing();
    await client.send("\r\nNOOP\r\n");
    await client.expect("500 5.5.2 Line too long", "250 2.0.0 Ok");
  });
});

Deno.test("failure: a message that comes an octet at a time ends with the time for it", async () => {
  await onStage({ offers: [] }, async (stage) => {
    const { client, upstream } = await stage.data();
    for (let minutes = 0; minutes < 60; minutes += 2) {
      await client.expectNothing();
      await client.send("x");
      await rest();
      await stage.clock.advance(120_000);
    }
    await client.expect("421 4.4.2 *");
    await client.expectClose();
    assertEquals(upstream.take(), "x".repeat(30));
  });
});

Deno.test("failure: a message without an octet ends with the time for a block", async () => {
  await onStage({ offers: [] }, async (stage) => {
    const { client, upstream } = await stage.data();
    await rest();
    await stage.clock.advance(180_000);
    await client.expect("421 4.4.2 *");
    await upstream.expectClose();
  });
});

Deno.test("failure: a client that does not read its replies is given up", async () => {
  await onStage({ offers: [] }, async (stage) => {
    const client = await stage.ready();
    client.pause();
    const noops = Array.from({ length: 200 }, () => client.send("NOOP\r\n".repeat(100)));
    noops.reduce(async (before, now) => (await before.catch(() => {}), await now.catch(() => {})));
    await rest();
    await rest();
    assertEquals(stage.proxy.sessions, 1);
    await stage.clock.advance(60_000);
    await rest();
    assertEquals(stage.proxy.sessions, 0);
    client.take();
  });
});

Deno.test("failure: a client vanishes before the 354: nothing is said to an upstream that awaits mail data", async () => {
  for (const pool of [undefined, {}]) {
    await onStage({ offers: ["PIPELINING"], pool }, async (stage) => {
      const { client, upstream } = await stage.recipients();
      await client.send("DATA\r\n");
      await upstream.expect("DATA");
      client.reset();
      await upstream.send("354 Go on\r\n");
      await upstream.expectClose();
    });
  }
});
