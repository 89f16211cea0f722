/** Upstream connections that are lent from one mail transaction to the next. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { onStage, type Peer, rest, type Stage, type StageOptions } from "../_dialogue.ts";
import { Robot, Robots } from "../_robot.ts";

const OFFERS = ["PIPELINING"];
const CHUNKING = [...OFFERS, "CHUNKING"];
const OK = "250 2.0.0 Ok\r\n";

function pool(stage: Stage): readonly number[] {
  const { open, idle, waiting } = stage.proxy.upstreams.get("default")!.pool!;
  return [open, idle, waiting];
}

function pooled(
  name: string,
  options: StageOptions,
  play: (stage: Stage) => Promise<void>,
): void {
  Deno.test(`pool: ${name}`, () => onStage({ offers: OFFERS, pool: {}, ...options }, play));
}

const MESSAGE = [
  "MAIL FROM:<a@client.example>\r\n",
  "RCPT TO:<b@upstream.example>\r\n",
  "DATA\r\n",
  "Text\r\n.\r\n",
];

async function send(client: Peer, robots: Robots, lines: readonly string[]): Promise<string> {
  for (const line of lines) {
    await client.send(line);
    await robots.rest();
  }
  return client.take();
}

const SENT = /^250 [^\r\n]*\r\n250 [^\r\n]*\r\n354 [^\r\n]*\r\n250 2\.0\.0 Queued\r\n$/;

pooled("messages of many sessions take one connection", {}, async (stage) => {
  const reused: boolean[] = [];
  stage.proxy.observe({ upstreamOpened: (_session, _name, opened) => reused.push(opened.reused) });
  const robots = new Robots(stage);
  const clients = [await stage.ready(), await stage.ready()];
  for (const client of [...clients, ...clients]) {
    assertMatch(await send(client, robots, MESSAGE), SENT);
    assertEquals(pool(stage), [1, 1, 0]);
  }
  assertEquals(robots.messages.length, 4);
  assertEquals(stage.upstream.all.length, 1);
  assertEquals(reused, [true, true, true, true]);
});

pooled("a session that has its message waiting is told when there is no connection", {
  pool: { connections: 1, patience: 10_000 },
}, async (stage) => {
  const { client, upstream } = await stage.recipients();
  const [early, late] = [await stage.ready(), await stage.ready()];
  await early.send(MESSAGE[0] + MESSAGE[1]);
  await rest();
  await stage.clock.advance(5_000);
  await late.send(MESSAGE[0] + MESSAGE[1]);
  await rest();
  assertEquals(pool(stage), [1, 0, 2]);
  await stage.clock.advance(5_000);
  assert(early.take().includes("451 4.4.5 Next hop is busy, try again later\r\n"));
  await client.send("RSET\r\n");
  await upstream.expect("RSET");
  await upstream.send(OK);
  await client.expect("250 2.0.0 Reset");
  await upstream.expect("MAIL *", "RCPT *");
  await upstream.send(OK + OK);
  assertMatch(await late.line(), /^250 /);
  assertMatch(await late.line(), /^250 /);
  await late.send("QUIT\r\n");
  await upstream.expect("RSET");
  await upstream.send(OK);
  await late.expect("221 *");
});

for (const way of ["close", "reset", "halfClose"] as const) {
  pooled(`a client that leaves while it waits (${way})`, {
    pool: { connections: 1 },
  }, async (stage) => {
    const { client, upstream } = await stage.recipients();
    const waiting = await stage.ready();
    await waiting.send(MESSAGE[0] + MESSAGE[1]);
    await rest();
    assertEquals(pool(stage), [1, 0, 1]);
    await waiting[way]();
    await rest();
    await stage.clock.advance(30_000);
    assertEquals(stage.proxy.sessions, 1);
    assertEquals(pool(stage), [1, 0, 0]);
    waiting.take();
    await client.send("QUIT\r\n");
    await upstream.expect("RSET");
    await upstream.send(OK);
    await client.expect("221 *");
    await rest();
    assertEquals(pool(stage), [1, 1, 0]);
  });
}

const places: Readonly<
  Record<string, (stage: Stage) => Promise<{ client: Peer; upstream: Peer }>>
> = {
  "after RCPT": (stage) => stage.recipients(),
  "between chunks": async (stage) => {
    const peers = await stage.recipients();
    await peers.client.send("BDAT 6\r\nabcd\r\n");
    await peers.client.expect("250 2.0.0 Octets received");
    await rest();
    if (peers.upstream.unread === "BDAT 6\r\nabcd\r\n") {
      peers.upstream.take();
      await peers.upstream.send(OK);
    }
    return peers;
  },
  "in a chunk": async (stage) => {
    const peers = await stage.recipients();
    await peers.client.send("BDAT 100 LAST\r\nabcd\r\n");
    return peers;
  },
};
const leavings: Readonly<Record<string, (client: Peer) => unknown>> = {
  "RSET": (client) => client.send("RSET\r\n"),
  "EHLO": (client) => client.send("EHLO client.example\r\n"),
  "EHLO with another name": (client) => client.send("EHLO other.example\r\n"),
  "QUIT": (client) => client.send("QUIT\r\n"),
  "closing": (client) => client.close(),
  "resetting": (client) => client.reset(),
  "half-closing": (client) => client.halfClose(),
};
for (const [place, go] of Object.entries(places)) {
  for (const [way, leave] of Object.entries(leavings)) {
    // What is said in a chunk belongs to it.
    if (place === "in a chunk" && !way.endsWith("ing")) continue;
    pooled(`${way} ${place} gives the connection back`, { offers: CHUNKING }, async (stage) => {
      const { client, upstream } = await go(stage);
      await leave(client);
      await rest();
      assertEquals(pool(stage), [1, 0, 0]);
      await upstream.expect("RSET");
      await upstream.send(OK);
      await rest();
      assertEquals(pool(stage), [1, 1, 0]);
      client.take();
      const robots = new Robots(stage);
      const other = await stage.ready();
      // The connection has been accepted already.
      robots.all.push(new Robot(upstream));
      assertMatch(await send(other, robots, MESSAGE), SENT);
      assertEquals(stage.upstream.all.length, 1);
    });

    pooled(`${way} ${place}: a connection that does not answer is closed`, {
      offers: CHUNKING,
    }, async (stage) => {
      const { client, upstream } = await go(stage);
      await leave(client);
      await rest();
      await upstream.expect("RSET");
      // A client that waits for its reply waits for the server's (a minute), a farewell does not.
      await stage.clock.advance(/^(?:RSET|EHLO)/.test(way) ? 60_000 : 2_000);
      await rest();
      client.take();
      assertEquals(pool(stage), [0, 0, 0]);
      await upstream.expectClose();
    });
  }
}

pooled("mail data that break off cost the connection", {}, async (stage) => {
  const { client, upstream } = await stage.data();
  await client.send("Half a li");
  client.close();
  await rest();
  assert(!upstream.take().includes("\r\n.\r\n"));
  await upstream.expectClose();
  assertEquals(pool(stage), [0, 0, 0]);
});

pooled("a login keeps the connection to itself", {
  offers: [...OFFERS, "AUTH PLAIN"],
  proxy: { authWithoutTls: true },
}, async (stage) => {
  const robots = new Robots(stage);
  const client = await stage.ready();
  await client.send("AUTH PLAIN AGphbmUAc2VjcmV0\r\n");
  const known = await stage.upstream.accept();
  await known.expect("AUTH PLAIN AGphbmUAc2VjcmV0");
  await known.send("235 2.7.0 Welcome\r\n");
  await client.expect("235 2.7.0 Welcome");
  robots.all.push(new Robot(known));
  const other = await stage.ready();
  assertMatch(await send(other, robots, MESSAGE), SENT);
  assertMatch(await send(client, robots, MESSAGE), SENT);
  assertEquals(stage.upstream.all.length, 2);
  assertEquals(pool(stage), [2, 1, 0]);
  assertEquals(robots.all.map(({ messages }) => messages.length), [1, 1]);
  await client.send("QUIT\r\n");
  await robots.rest();
  assertEquals(known.closed, true);
  assertEquals(pool(stage), [1, 1, 0]);
  client.take();
});

pooled("a login is said again where the connection was stale", {
  offers: [...OFFERS, "AUTH PLAIN"],
  proxy: { authWithoutTls: true },
}, async (stage) => {
  const client = await stage.ready();
  await client.send("AUTH PLAIN AGphbmUAc2VjcmV0\r\n");
  const stale = await stage.upstream.accept();
  await stale.expect("AUTH PLAIN AGphbmUAc2VjcmV0");
  stale.close();
  const upstream = await stage.upstream.accept();
  await upstream.expect("AUTH PLAIN AGphbmUAc2VjcmV0");
  await upstream.send("235 2.7.0 Welcome\r\n");
  await client.expect("235 2.7.0 Welcome");
});

for (const offer of ["PIPELINING", "8BITMIME"]) {
  for (const xforward of [false, true]) {
    pooled(`stale: the client notices nothing, ${offer}${xforward ? ", XFORWARD" : ""}`, {
      offers: [offer, ...xforward ? ["XFORWARD HELO"] : []],
      upstream: xforward ? { identify: "xforward", xforward } : {},
    }, async (stage) => {
      const client = await stage.ready();
      await client.send(MESSAGE[0] + MESSAGE[1] + "RCPT TO:<c@upstream.example>\r\nDATA\r\n");
      const stale = await stage.upstream.accept();
      await rest();
      const group = [
        ...xforward ? ["XFORWARD HELO=client.example"] : [],
        "MAIL FROM:<a@client.example>",
        "RCPT TO:<b@upstream.example>",
        "RCPT TO:<c@upstream.example>",
      ];
      const said = offer === "PIPELINING" ? group : group.slice(0, 1);
      assertEquals(stale.take(), said.map((line) => `${line}\r\n`).join(""));
      stale.close();
      const upstream = await stage.upstream.accept();
      for (const line of group) {
        await upstream.expect(line);
        await upstream.send(line.endsWith("c@upstream.example>") ? "550 5.1.1 No\r\n" : OK);
      }
      await upstream.expect("DATA");
      await upstream.send("354 Go on\r\n");
      await rest();
      assertMatch(client.take(), /^250 .*\r\n250 .*\r\n550 5\.1\.1 No\r\n354 .*\r\n$/);
      await client.send("Text\r\n.\r\n");
      await upstream.expect("Text", ".");
      await upstream.send("250 2.0.0 Queued\r\n");
      await client.expect("250 2.0.0 Queued");
      assertEquals(pool(stage), [1, 1, 0]);
      assertEquals(stage.troubles, []);
    });
  }
}

/** Where a connection is lost for good, and what the client is told. */
const losses: Readonly<
  Record<string, (stage: Stage) => Promise<{ client: Peer; upstream: Peer }>>
> = {
  "after the reply to MAIL": async (stage) => {
    const client = await stage.ready();
    await client.send(MESSAGE[0] + MESSAGE[1]);
    const upstream = await stage.upstream.accept();
    await upstream.expect("MAIL *", "RCPT *");
    await upstream.send(OK);
    upstream.close();
    await client.line();
    return { client, upstream };
  },
  "after DATA": async (stage) => {
    const peers = await stage.recipients();
    await peers.client.send("DATA\r\n");
    await peers.upstream.expect("DATA");
    peers.upstream.close();
    return peers;
  },
  "in mail data": async (stage) => {
    const peers = await stage.data();
    await peers.client.send("Text\r\n");
    await rest();
    peers.upstream.close();
    await peers.client.send(".\r\n");
    return peers;
  },
  "after the end of mail data": async (stage) => {
    const peers = await stage.data();
    await peers.client.send("Text\r\n.\r\n");
    await peers.upstream.expect("Text", ".");
    peers.upstream.close();
    return peers;
  },
};
for (const [place, lose] of Object.entries(losses)) {
  pooled(`lost ${place}: nothing is said again`, {}, async (stage) => {
    const { client, upstream } = await lose(stage);
    await client.expect("451 4.4.2 *");
    await rest();
    assertEquals(stage.upstream.all.length, 1);
    upstream.take();
    // The session goes on.
    const robots = new Robots(stage);
    assertMatch(await send(client, robots, ["RSET\r\n", ...MESSAGE]), /250 2\.0\.0 Queued\r\n$/);
    assertEquals(robots.messages.length, 1);
    assertEquals(pool(stage), [1, 1, 0]);
  });
}

for (const end of ["refused", "lost again"]) {
  pooled(`stale: the other connection is ${end}`, {}, async (stage) => {
    const client = await stage.ready();
    await client.send(MESSAGE[0] + MESSAGE[1]);
    const stale = await stage.upstream.accept();
    await stale.expect("MAIL *", "RCPT *");
    if (end === "refused") stage.upstream.refusals = 1;
    stale.close();
    if (end !== "refused") {
      const other = await stage.upstream.accept();
      await other.expect("MAIL *", "RCPT *");
      other.close();
    }
    await rest();
    assertMatch(client.take(), /451 4\.4\.[12] [^\r\n]*\r\n$/);
    const robots = new Robots(stage);
    assertMatch(await send(client, robots, ["RSET\r\n", ...MESSAGE]), /250 2\.0\.0 Queued\r\n$/);
    assertEquals(pool(stage), [1, 1, 0]);
  });
}

const goings: Readonly<Record<string, (stage: Stage, client: Peer, id: string) => unknown>> = {
  "the client closes": (_, client) => client.close(),
  "the client resets": (_, client) => client.reset(),
  "the client half-closes": (_, client) => client.halfClose(),
  "the session is disconnected": (stage, _, id) => stage.proxy.disconnect(id),
  "the proxy is closed": (stage) => void stage.proxy.close(0),
};
for (const [how, go] of Object.entries(goings)) {
  for (const stall of [true, false]) {
    pooled(`stale: ${how} while the other is ${stall ? "dialled" : "asked"}`, {}, async (stage) => {
      let id = "";
      stage.proxy.observe({ sessionOpened: (session) => id = session.id });
      const client = await stage.ready();
      await client.send(MESSAGE[0] + MESSAGE[1]);
      const stale = await stage.upstream.accept();
      await stale.expect("MAIL *", "RCPT *");
      stage.upstream.stalls = stall ? 1 : 0;
      stale.close();
      await rest();
      await go(stage, client, id);
      await rest();
      // Our own words to a client that is told to go, and the two seconds of a farewell.
      await stage.clock.advance(7_000);
      await rest();
      assertEquals(stage.proxy.sessions, 0);
      assertEquals(pool(stage), [0, 0, 0]);
      for (const peer of stage.upstream.all) assert(peer.ended, "a connection is left");
      for (const peer of [client, ...stage.upstream.all]) peer.take();
    });
  }
}

pooled("MAIL refused with its group in flight", {}, async (stage) => {
  const client = await stage.ready();
  await client.send(MESSAGE[0] + MESSAGE[1] + MESSAGE[2]);
  const upstream = await stage.upstream.accept();
  await upstream.expect("MAIL *", "RCPT *");
  await upstream.send("550 5.7.1 No\r\n503 5.5.1 Need MAIL\r\n");
  await rest();
  assertMatch(client.take(), /5\d\d 5\.[57]\.1 [^\r\n]*\r\n(?:50[34]|554) [^\r\n]*\r\n$/);
  await client.send("QUIT\r\n");
  await rest();
  if (upstream.unread === "RSET\r\n") {
    upstream.take();
    await upstream.send(OK);
  }
  await client.expect("221 *");
  await rest();
  assertEquals(pool(stage), [1, 1, 0]);
});

pooled("close: connections that are lent, idle and waited for", {
  pool: { connections: 2 },
}, async (stage) => {
  const { client, upstream } = await stage.data();
  const second = await stage.recipients();
  const waiting = await stage.ready();
  await waiting.send(MESSAGE[0] + MESSAGE[1]);
  await rest();
  assertEquals(pool(stage), [2, 0, 1]);
  const closed = stage.proxy.close(1_000);
  await client.send("Text\r\n.\r\n");
  await upstream.expect("Text", ".");
  await upstream.send("250 2.0.0 Queued\r\n");
  await client.expect("250 2.0.0 Queued", "421 *");
  await upstream.expect("MAIL *", "RCPT *");
  await rest();
  await stage.clock.advance(3_000);
  await rest();
  await closed;
  assertEquals(pool(stage), [0, 0, 0]);
  for (const peer of [second.upstream, waiting, upstream]) peer.take();
});

pooled("reload: the old connections end with the old sessions", {}, async (stage) => {
  const { client, upstream } = await stage.data();
  const old = stage.proxy.upstreams.get("default")!;
  let over = false;
  const reloaded = stage.proxy.reload({ clock: stage.clock }).then(() => over = true);
  await client.send("Text\r\n.\r\n");
  await upstream.expect("Text", ".");
  await upstream.send("250 2.0.0 Queued\r\n");
  await client.expect("250 2.0.0 Queued");
  assertEquals([old.pool!.idle, over], [1, false]);
  await client.send("QUIT\r\n");
  await client.expect("221 *");
  client.close();
  await upstream.expect("QUIT");
  await upstream.send("221 2.0.0 Bye\r\n");
  await reloaded;
  assertEquals(old.pool!.open, 0);
});
