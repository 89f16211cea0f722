import { assertEquals, assertRejects } from "@std/assert";
import { Path } from "../../src/rfc5321/path.ts";
import type { SessionFacts } from "../../src/session/facts.ts";
import { type Origin, UpstreamFailure, type UpstreamLink } from "../../src/session/upstream.ts";
import { connect } from "../../src/upstream/smtp/connect.ts";
import { defaultPool, Pool, type PoolOptions } from "../../src/upstream/smtp/pool.ts";
import { FakeClock } from "../_clock.ts";
import { leave, type Peer, rest, upstreamOptions, UpstreamStage } from "../_dialogue.ts";

const session: SessionFacts = {
  id: "s",
  startedAt: 0,
  client: { address: "192.0.2.1", port: 1, hello: "x", extended: true, trusted: false },
  server: { transport: "tcp", host: "192.0.2.25", port: 25 },
  listener: "smtp",
};
const origin: Origin = { id: "s-1", client: session.client };
const sender = Path.from("a@client.example");
const recipient = Path.from("b@upstream.example");
const OK = "250 2.0.0 Ok\r\n";

/** A pool of connections to an upstream that a test plays. */
class Bench {
  readonly clock = new FakeClock();
  readonly stage: UpstreamStage;
  readonly pool: Pool;
  /** Whoever has been lent something or waits for it. */
  readonly #signals: AbortController[] = [];

  constructor(options: Partial<PoolOptions> = {}, offers: readonly string[] = ["PIPELINING"]) {
    this.stage = new UpstreamStage(offers);
    const how = upstreamOptions(this.stage, this.clock);
    this.pool = new Pool(
      { ...defaultPool, ...options },
      this.clock,
      (session, signal) => connect(how, session, signal),
    );
  }

  /** Asks for a connection; `abort` calls it off. */
  ask(): { readonly link: Promise<UpstreamLink>; abort(): void } {
    const control = new AbortController();
    this.#signals.push(control);
    const link = this.pool.connect(session, control.signal);
    link.catch(() => {});
    return { link, abort: () => control.abort() };
  }

  lend(): Promise<UpstreamLink> {
    return this.ask().link;
  }

  /** One that others have used, and its upstream. */
  async used(): Promise<{ link: UpstreamLink; peer: Peer }> {
    const first = await this.lend();
    const peer = await this.transaction(first);
    first.release!();
    return { link: await this.lend(), peer };
  }

  /** Begins a transaction and undoes it. */
  async transaction(link: UpstreamLink, replies: readonly string[] = [OK, OK]): Promise<Peer> {
    const before = new Set(this.stage.all.filter((peer) => peer.unread !== ""));
    const mail = link.mail(sender, {}, origin);
    await rest();
    const peer = this.stage.all.find((peer) => peer.unread !== "" && !before.has(peer))!;
    await peer.expect("MAIL FROM:<a@client.example>");
    await peer.send(replies[0]);
    if (!(await mail).positive) return peer;
    const reset = link.reset();
    await peer.expect("RSET");
    await peer.send(replies[1]);
    await reset;
    return peer;
  }

  /** Closes it and asserts that nothing is left. */
  async end(): Promise<void> {
    const closed = this.pool.close();
    await rest();
    for (const peer of this.stage.all) if (peer.unread === "QUIT\r\n") await leave(peer);
    await closed;
    await rest();
    assertEquals(this.stage.all.map((peer) => peer.unread), this.stage.all.map(() => ""));
    assertEquals(this.stage.all.filter((peer) => !peer.ended), [], "connections left open");
    assertEquals([this.pool.open, this.pool.idle, this.pool.waiting], [0, 0, 0]);
    assertEquals(this.clock.timers, 0);
  }
}

function pool(
  name: string,
  options: Partial<PoolOptions>,
  play: (bench: Bench) => Promise<void>,
  offers?: readonly string[],
): void {
  Deno.test(`pool: ${name}`, async () => {
    const bench = new Bench(options, offers);
    await play(bench);
    await bench.end();
  });
}

function kind(link: Promise<unknown>): Promise<string> {
  return link.then(() => "none", (error: UpstreamFailure) => error.kind);
}

pool("the one that came back last is lent first", {}, async (bench) => {
  const links = [await bench.lend(), await bench.lend(), await bench.lend()];
  for (const link of links) assertEquals(link.reused, false);
  const peers: Peer[] = [];
  for (const link of links) peers.push(await bench.transaction(link));
  for (const nth of [1, 0, 2]) assertEquals(links[nth].release!(), true);
  for (const nth of [2, 0, 1]) {
    const link = await bench.lend();
    assertEquals(link.reused, true);
    assertEquals(await bench.transaction(link), peers[nth]);
    links.push(link);
  }
  assertEquals(bench.stage.all.length, 3);
  for (const link of links.slice(3)) await link.quit();
});

pool("what is idle is lent at once", { age: 10_000 }, async (bench) => {
  assertEquals(bench.pool.lend(session), undefined);
  const first = await bench.lend();
  assertEquals(bench.pool.lend(session), undefined);
  const peer = await bench.transaction(first);
  first.release!();
  const second = bench.pool.lend(session)!;
  assertEquals([second.reused, bench.pool.idle, bench.pool.lend(session)], [true, 0, undefined]);
  assertEquals(await bench.transaction(second), peer);
  second.release!();
  // One that is too old is none, nor does another take its place.
  await bench.clock.advance(10_000);
  assertEquals(bench.pool.lend(session), undefined);
  await leave(peer);
  await rest();
  assertEquals([bench.stage.all.length, bench.pool.open], [1, 0]);
  (await bench.lend()).release!();
  void bench.pool.close();
  assertEquals(bench.pool.lend(session), undefined);
});

pool("who waits first is served first", { connections: 1 }, async (bench) => {
  const first = await bench.lend();
  const order: string[] = [];
  const waiting = ["a", "b", "c"].map(async (name) => {
    const link = await bench.lend();
    order.push(name);
    return link;
  });
  await rest();
  assertEquals([order, bench.pool.waiting, bench.pool.open], [[], 3, 1]);
  for (const link of [Promise.resolve(first), ...waiting]) {
    (await link).release!();
    await rest();
  }
  assertEquals(order, ["a", "b", "c"]);
  assertEquals(bench.stage.all.length, 1);
  // Those that come later do not go before those that wait.
  assertEquals(bench.pool.idle, 1);
});

pool("the line has a bound", { connections: 1, waiting: 2 }, async (bench) => {
  const link = await bench.lend();
  const line = [bench.ask(), bench.ask()];
  const failure = await assertRejects(() => bench.lend(), UpstreamFailure);
  assertEquals(failure.kind, "busy");
  line[0].abort();
  assertEquals(await kind(line[0].link), "aborted");
  const third = bench.ask();
  assertEquals(bench.pool.waiting, 2);
  link.release!();
  (await line[1].link).release!();
  (await third.link).release!();
});

pool("patience ends", { connections: 1, patience: 5_000 }, async (bench) => {
  const link = await bench.lend();
  const early = bench.ask();
  await bench.clock.advance(3_000);
  const late = bench.ask();
  await bench.clock.advance(2_000);
  assertEquals(await kind(early.link), "busy");
  assertEquals(bench.pool.waiting, 1);
  link.release!();
  (await late.link).release!();
});

pool("a session that has ended gets nothing", { connections: 1 }, async (bench) => {
  const link = await bench.lend();
  const over = AbortSignal.abort();
  assertEquals(await kind(bench.pool.connect(session, over)), "aborted");
  assertEquals(bench.pool.waiting, 0);
  link.release!();
  assertEquals(await kind(bench.pool.connect(session, over)), "aborted");
  assertEquals(bench.pool.idle, 1);
});

pool("a connection that does not come about lets the next one try", {
  connections: 1,
}, async (bench) => {
  bench.stage.stalls = 1;
  const first = bench.ask();
  const second = bench.ask();
  const third = bench.ask();
  await rest();
  bench.stage.refusals = 1;
  first.abort();
  assertEquals(await kind(first.link), "aborted");
  assertEquals(await kind(second.link), "unreachable");
  (await third.link).release!();
  assertEquals(bench.pool.open, 1);
});

pool("whoever gives up while a connection is made for it leaves room", {
  connections: 2,
}, async (bench) => {
  bench.stage.stalls = 2;
  const stalled = [bench.ask(), bench.ask()];
  const next = bench.ask();
  await rest();
  assertEquals([bench.pool.open, bench.pool.waiting], [2, 1]);
  stalled[0].abort();
  (await next.link).release!();
  stalled[1].abort();
  await rest();
  assertEquals([bench.pool.open, bench.pool.idle], [1, 1]);
});

pool("an idle connection has its time", { idleTime: 10_000 }, async (bench) => {
  const [first, second] = [await bench.lend(), await bench.lend()];
  first.release!();
  await bench.clock.advance(6_000);
  second.release!();
  await bench.clock.advance(3_999);
  assertEquals(bench.pool.idle, 2);
  await bench.clock.advance(1);
  assertEquals(bench.pool.idle, 1);
  await rest();
  assertEquals(bench.stage.all.map((peer) => peer.ended), [true, false]);
  // One that is used meanwhile begins its time anew.
  const link = await bench.lend();
  await bench.clock.advance(5_000);
  link.release!();
  await bench.clock.advance(9_999);
  assertEquals(bench.pool.idle, 1);
  await bench.clock.advance(1);
  assertEquals(bench.pool.idle, 0);
});

/** Why a connection is not lent again: what is done with it while it is lent. */
const ends: Readonly<
  Record<string, [options: Partial<PoolOptions>, (bench: Bench, link: UpstreamLink) => unknown]>
> = {
  "its age": [{ age: 10_000 }, (bench) => bench.clock.advance(10_000)],
  "its transactions": [{ messages: 1 }, (bench, link) => bench.transaction(link)],
  "its refusals": [
    { refusals: 1 },
    (bench, link) => bench.transaction(link, ["550 5.7.1 No\r\n"]),
  ],
  "MAILMAX of the server (RFC 9422)": [{}, (bench, link) => bench.transaction(link)],
  "a login": [{}, async (bench, link) => {
    const answered = link.authenticate("AUTH PLAIN AGEAYg==");
    const peer = bench.stage.all[0];
    await peer.expect("AUTH PLAIN AGEAYg==");
    await peer.send("235 2.7.0 Ok\r\n");
    await answered;
  }],
  "a login that was refused": [{}, async (bench, link) => {
    const answered = link.authenticate("AUTH PLAIN AGEAYg==");
    const peer = bench.stage.all[0];
    await peer.expect("AUTH PLAIN AGEAYg==");
    await peer.send("535 5.7.8 No\r\n");
    await answered;
  }],
};
for (const [why, [options, act]] of Object.entries(ends)) {
  pool(`a connection is not lent again for ${why}`, options, async (bench) => {
    const link = await bench.lend();
    await act(bench, link);
    await link.quit();
    const other = await bench.lend();
    assertEquals([other.reused, bench.stage.all.length], [false, 2]);
    await rest();
    const [peer] = bench.stage.all;
    if (peer.unread !== "") await leave(peer);
    await rest();
    assertEquals([peer.ended, bench.pool.open], [true, 1]);
    await other.quit();
  }, ["PIPELINING", "AUTH PLAIN", ...why.startsWith("MAILMAX") ? ["LIMITS MAILMAX=1"] : []]);
}

pool("age counts for an idle one too", { age: 10_000 }, async (bench) => {
  (await bench.lend()).release!();
  await bench.clock.advance(10_000);
  const link = await bench.lend();
  assertEquals(link.reused, false);
  await link.quit();
});

pool("what is not clean cannot be released", {}, async (bench) => {
  const link = await bench.lend();
  const mail = link.mail(sender, {}, origin);
  assertEquals(link.release!(), false);
  const peer = await bench.stage.accept();
  await peer.expect("MAIL *");
  await peer.send(OK);
  await mail;
  assertEquals(link.release!(), false);
  const reset = link.reset();
  assertEquals(link.release!(), false);
  await peer.expect("RSET");
  await peer.send(OK);
  await reset;
  // MAIL has been refused, and RCPT is still to be answered.
  const refused = [link.mail(sender, {}, origin), link.rcpt(recipient, {})];
  await peer.expect("MAIL *", "RCPT *");
  await peer.send("550 5.7.1 No\r\n");
  await refused[0];
  assertEquals(link.release!(), false);
  await peer.send("503 5.5.1 Need MAIL\r\n");
  await refused[1];
  assertEquals(link.release!(), true);
  assertEquals(link.release!(), false);
});

pool("what has been given back answers nobody", {}, async (bench) => {
  const link = await bench.lend();
  link.release!();
  const other = await bench.lend();
  assertEquals([link.open, link.usable], [false, false]);
  const said = [
    link.mail(sender, {}, origin),
    link.rcpt(recipient, {}),
    (async () => await link.data("stuffed", {}))(),
    link.reset(),
    link.query("VRFY", "jane"),
    link.authenticate("AUTH PLAIN AGEAYg=="),
  ];
  assertEquals(await Promise.all(said.map(kind)), said.map(() => "aborted"));
  link.abort();
  await link.quit();
  await rest();
  assertEquals([bench.stage.all[0].unread, other.open], ["", true]);
  await other.quit();
});

for (const silence of ["PIPELINING", "8BITMIME"]) {
  pool(`a farewell is bounded whatever is still to come, ${silence}`, {}, async (bench) => {
    const link = await bench.lend();
    const mail = kind(link.mail(sender, {}, origin));
    await link.quit();
    await bench.clock.advance(5_000);
    assertEquals(await mail, "aborted");
    const [peer] = bench.stage.all;
    assertEquals([peer.ended, bench.pool.open], [true, 0]);
    peer.take();
  }, [silence]);
}

pool("one that the server has closed is dropped in silence", {}, async (bench) => {
  const [first, second] = [await bench.lend(), await bench.lend()];
  const peers = [await bench.transaction(first), await bench.transaction(second)];
  first.release!();
  second.release!();
  await peers[1].send("421 4.4.2 Idle for too long\r\n");
  peers[1].close();
  await rest();
  const link = await bench.lend();
  assertEquals(await bench.transaction(link), peers[0]);
  assertEquals(bench.pool.open, 1);
  await link.quit();
});

pool("one that was made for something else is taken in where there is room", {
  connections: 2,
}, async (bench) => {
  const how = upstreamOptions(bench.stage, bench.clock);
  const probe = () => connect(how, undefined, new AbortController().signal);
  const links = [await bench.lend(), await bench.lend()];
  const waiting = bench.ask();
  const refused = await probe();
  assertEquals(bench.pool.adopt(refused), false);
  refused.abort();
  await links[0].quit();
  (await waiting.link).abort();
  const taken = await probe();
  assertEquals(bench.pool.adopt(taken), true);
  assertEquals([bench.pool.open, bench.pool.idle], [2, 1]);
  await links[1].quit();
});

pool("close: idle ones, lent ones, and those who wait", { connections: 2 }, async (bench) => {
  const [lent, other] = [await bench.lend(), await bench.lend()];
  const waiting = [bench.ask(), bench.ask()];
  other.release!();
  const served = await waiting[0].link;
  const closed = bench.pool.close();
  assertEquals(await kind(waiting[1].link), "aborted");
  await closed;
  assertEquals([lent.open, served.open], [true, true]);
  assertEquals(lent.release!(), true);
  await served.quit();
  assertEquals(bench.pool.idle, 0);
  await rest();
  assertEquals(bench.stage.all.map((peer) => peer.ended), [true, true]);
});

/** The commands of a group, and how each ends. */
function say(link: UpstreamLink): Promise<string>[] {
  return [
    link.mail(sender, {}, origin),
    link.rcpt(recipient, {}),
    link.rcpt(Path.from("c@upstream.example"), {}),
  ].map((reply) =>
    reply.then((reply) => String(reply).trimEnd(), (error: UpstreamFailure) => error.kind)
  );
}

const GROUP = [
  "MAIL FROM:<a@client.example>",
  "RCPT TO:<b@upstream.example>",
  "RCPT TO:<c@upstream.example>",
];
const REPLIES = ["250 2.1.0 Sender\r\n", "250 2.1.5 First\r\n", "550 5.1.1 Second\r\n"];

const goings: Readonly<Record<string, (peer: Peer) => unknown>> = {
  "closes": (peer) => peer.close(),
  "resets": (peer) => peer.reset(),
  "half-closes": (peer) => peer.halfClose(),
  "says 421 and closes": async (peer) => {
    await peer.send("421 4.4.2 Idle for too long\r\n");
    peer.close();
  },
  "says 421 and stays": (peer) => peer.send("421 4.4.2 Idle for too long\r\n"),
  "says 421 to each": (peer) => peer.send("421 4.4.2 Idle for too long\r\n".repeat(3)),
  "says half a reply and closes": async (peer) => {
    await peer.send("250-2.1.0 Send");
    peer.close();
  },
};
for (const offer of ["PIPELINING", "8BITMIME"]) {
  for (const [how, go] of Object.entries(goings)) {
    pool(`stale: the server ${how}, ${offer}`, { connections: 1 }, async (bench) => {
      const { link, peer } = await bench.used();
      const said = say(link);
      await peer.expect(...offer === "PIPELINING" ? GROUP : GROUP.slice(0, 1));
      // Somebody who waits is not served before.
      const waiting = bench.ask();
      await go(peer);
      await rest();
      const fresh = bench.stage.all[1];
      for (const [nth, command] of GROUP.entries()) {
        await fresh.expect(command);
        await fresh.send(REPLIES[nth]);
      }
      assertEquals(await Promise.all(said), [
        "250 2.1.0 Sender",
        "250 2.1.5 First",
        "550 5.1.1 Second",
      ]);
      assertEquals([bench.pool.open, link.reused, bench.pool.waiting], [1, false, 1]);
      peer.take();
      const reset = link.reset();
      await fresh.expect("RSET");
      await fresh.send(OK);
      await reset;
      link.release!();
      (await waiting.link).release!();
    }, [offer]);
  }
}

pool("stale: what comes meanwhile is said behind it", {}, async (bench) => {
  const { link, peer } = await bench.used();
  const mail = link.mail(sender, {}, origin);
  await peer.expect(GROUP[0]);
  peer.close();
  await rest();
  // The new one is being greeted.
  const rcpt = link.rcpt(recipient, {});
  await rest();
  const fresh = bench.stage.all[1];
  await fresh.expect(GROUP[0], GROUP[1]);
  await fresh.send("250 Ok\r\n550 No\r\n");
  assertEquals([(await mail).code, (await rcpt).code], [250, 550]);
  link.abort();
});

/** What is not said again. */
const finals: Readonly<
  Record<string, [act: (peer: Peer, bench: Bench) => unknown, outcomes: readonly string[]]>
> = {
  "the first reply has come": [async (peer) => {
    await peer.send("250 2.1.0 Sender\r\n");
    peer.close();
  }, ["250 2.1.0 Sender", "lost", "lost"]],
  "the first command was refused": [async (peer) => {
    await peer.send("550 5.7.1 No\r\n");
    peer.close();
  }, ["550 5.7.1 No", "lost", "lost"]],
  "the first reply has come, then 421": [async (peer) => {
    await peer.send("250 2.1.0 Sender\r\n421 4.3.2 Down\r\n");
    peer.close();
  }, ["250 2.1.0 Sender", "451 4.3.2 Down", "lost"]],
  "no reply comes in time": [
    (_, bench) => bench.clock.advance(300_000),
    ["timeout", "timeout", "timeout"],
  ],
  "the reply is none": [
    (peer) => peer.send("Hello?\r\n"),
    ["protocol", "protocol", "protocol"],
  ],
  "the reply is unfit": [
    (peer) => peer.send("354 Go on\r\n"),
    ["protocol", "protocol", "protocol"],
  ],
};
for (const [why, [act, outcomes]] of Object.entries(finals)) {
  pool(`nothing is said again when ${why}`, {}, async (bench) => {
    const { link, peer } = await bench.used();
    const said = say(link);
    await peer.expect(...GROUP);
    await act(peer, bench);
    assertEquals(await Promise.all(said), outcomes);
    assertEquals([link.open, link.usable], [false, false]);
    // Nor later.
    assertEquals((await kind(link.rcpt(recipient, {}))) === "none", false);
    assertEquals([link.release!(), link.release!()], [true, false]);
    await rest();
    assertEquals([bench.stage.all.length, bench.pool.open], [1, 0]);
  });
}

pool("a connection that nobody has used is not replaced", {}, async (bench) => {
  const link = await bench.lend();
  const said = say(link);
  const peer = await bench.stage.accept();
  await peer.expect(...GROUP);
  peer.close();
  assertEquals(await Promise.all(said), ["lost", "lost", "lost"]);
  await link.quit();
  assertEquals(bench.stage.all.length, 1);
});

pool("stale: no other comes about", {}, async (bench) => {
  const { link, peer } = await bench.used();
  const said = say(link);
  await peer.expect(...GROUP);
  bench.stage.refusals = 1;
  peer.close();
  assertEquals(await Promise.all(said), ["unreachable", "unreachable", "unreachable"]);
  assertEquals([link.usable, bench.pool.open], [false, 0]);
  // There is no second try, above all none that begins in mid-transaction.
  assertEquals(await kind(link.rcpt(recipient, {})), "lost");
  await link.quit();
  assertEquals(bench.stage.all.length, 1);
});

pool("stale: the other one is lost as well", {}, async (bench) => {
  const { link, peer } = await bench.used();
  const said = say(link);
  await peer.expect(...GROUP);
  peer.close();
  await rest();
  await bench.stage.all[1].expect(...GROUP);
  bench.stage.all[1].close();
  assertEquals(await Promise.all(said), ["lost", "lost", "lost"]);
  await link.quit();
  await rest();
  assertEquals([bench.stage.all.length, bench.pool.open], [2, 0]);
});

pool("stale: a server that offers something else now gets nothing", {}, async (bench) => {
  const { link, peer } = await bench.used();
  const said = say(link);
  await peer.expect(...GROUP);
  bench.stage.offers = ["PIPELINING", "8BITMIME"];
  peer.close();
  assertEquals(await Promise.all(said), ["lost", "lost", "lost"]);
  assertEquals([bench.pool.open, bench.pool.idle], [1, 1]);
  await link.quit();
});

for (const way of ["abort", "quit"] as const) {
  pool(`stale: ${way} while the other one is made`, { connections: 1 }, async (bench) => {
    const { link, peer } = await bench.used();
    const said = say(link);
    await peer.expect(...GROUP);
    bench.stage.stalls = 1;
    const waiting = bench.ask();
    peer.close();
    await rest();
    assertEquals([bench.pool.open, link.open], [1, false]);
    await link[way]();
    assertEquals(await Promise.all(said), ["aborted", "aborted", "aborted"]);
    (await waiting.link).release!();
  });

  pool(`stale: ${way} at the moment when the other one is there`, {}, async (bench) => {
    for (let turns = 0; turns < 60; turns++) {
      const { link, peer } = await bench.used();
      const said = say(link);
      await peer.expect(...GROUP);
      peer.close();
      for (let turn = 0; turn < turns; turn++) await undefined;
      await link[way]();
      await rest();
      for (const one of bench.stage.all) {
        one.take();
        if (!one.closed) one.close();
      }
      await Promise.all(said);
      await rest();
      // What is idle is closed by now, and is found out when it is to be lent.
      assertEquals(bench.pool.open, bench.pool.idle);
    }
  });
}

pool("stale: AUTH is said again, its responses are not", {}, async (bench) => {
  const { link, peer } = await bench.used();
  const challenged = link.authenticate("AUTH LOGIN");
  await peer.expect("AUTH LOGIN");
  peer.close();
  await rest();
  const fresh = bench.stage.all[1];
  await fresh.expect("AUTH LOGIN");
  await fresh.send("334 VXNlcm5hbWU6\r\n");
  assertEquals((await challenged).code, 334);
  const answered = kind(link.authenticate("amFuZQ=="));
  await fresh.expect("amFuZQ==");
  fresh.close();
  assertEquals(await answered, "lost");
  await link.quit();
  assertEquals(bench.stage.all.length, 2);
});
