import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { OptionError } from "../../src/errors.ts";
import { Extensions } from "../../src/rfc5321/extension.ts";
import { Path } from "../../src/rfc5321/path.ts";
import {
  type FailureKind,
  UpstreamFailure,
  type UpstreamLink,
} from "../../src/session/upstream.ts";
import {
  type BalancedMember,
  type BalancedOptions,
  BalancedUpstream,
} from "../../src/upstream/balanced.ts";
import { type Contender, inTurn } from "../../src/upstream/strategy.ts";
import { SmtpUpstream } from "../../src/upstream/smtp/upstream.ts";
import { resolveUpstreamOptions } from "../../src/upstream/smtp/options.ts";
import { FakeClock, settle } from "../_clock.ts";
import { onStage, type UpstreamStage } from "../_dialogue.ts";
import { FakeUpstream, never, session } from "./_fakes.ts";

/** A balanced upstream over fakes by name, on a clock that stands still, without jitter. */
class Cluster {
  readonly clock = new FakeClock();
  readonly journal: string[] = [];
  readonly fakes: readonly FakeUpstream[];
  readonly upstream: BalancedUpstream;

  constructor(
    shares: Readonly<Record<string, Omit<BalancedMember, "upstream">>>,
    options: BalancedOptions = {},
  ) {
    this.fakes = Object.keys(shares).map((name) => new FakeUpstream(name, this.journal));
    this.upstream = new BalancedUpstream(
      "cluster",
      Object.values(shares).map((share, nth) => ({ ...share, upstream: this.fakes[nth] })),
      { clock: this.clock, random: () => 0, ...options },
    );
  }

  connect(signal = never): Promise<UpstreamLink> {
    return this.upstream.connect(session, signal);
  }

  /** What has been called since the last time. */
  called(): string[] {
    return this.journal.splice(0);
  }

  /** Names of those that get so many sessions. */
  async picks(count: number): Promise<string> {
    const before = this.called();
    assertEquals(before, []);
    for (let nth = 0; nth < count; nth++) await (await this.connect()).quit();
    return this.called().map((call) => call.replace(" connect", "")).join(" ");
  }
}

Deno.test("balanced: turns go by weight, and smoothly", async () => {
  const cluster = new Cluster({ a: { weight: 5 }, b: {}, c: {} });
  assertEquals(await cluster.picks(7), "a a b a c a a");
  assertEquals(await cluster.picks(7), "a a b a c a a");
});

Deno.test("balanced: weights are respected over 10,000 sessions", async () => {
  for (const strategy of ["round-robin", "least-connections"] as const) {
    const cluster = new Cluster({ a: { weight: 7 }, b: { weight: 2 }, c: {} }, { strategy });
    for (let nth = 0; nth < 10_000; nth++) await (await cluster.connect()).quit();
    assertEquals(cluster.fakes.map(({ connects }) => connects), [7000, 2000, 1000], strategy);
  }
});

Deno.test("balanced: nobody is ever further from his share than one turn of each", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(weights, (weights) => {
      const contenders = weights.map((weight) => ({ weight, connections: 0, credit: 0 }));
      const picks = new Map<Contender, number>();
      const sum = weights.reduce((sum, weight) => sum + weight, 0);
      for (let turn = 1; turn <= 2 * sum; turn++) {
        const [next] = inTurn("round-robin", contenders);
        picks.set(next, (picks.get(next) ?? 0) + 1);
        for (const one of contenders) {
          const share = turn * one.weight / sum;
          assert(Math.abs((picks.get(one) ?? 0) - share) <= weights.length, weights.join());
        }
      }
      for (const one of contenders) assertEquals(picks.get(one), 2 * one.weight);
    }),
    { numRuns: 50 },
  );
});

Deno.test("balanced: least connections count what is open, for its weight", async () => {
  const cluster = new Cluster({ a: { weight: 2 }, b: {} }, { strategy: "least-connections" });
  const links: UpstreamLink[] = [];
  for (let nth = 0; nth < 9; nth++) links.push(await cluster.connect());
  assertEquals(cluster.fakes.map(({ connects }) => connects), [6, 3]);
  // Whether a link ends by QUIT, at once or both, it is one less.
  for (const link of cluster.fakes[1].links) assert(link.open);
  const ofB = links.filter((_, nth) => cluster.journal[nth] === "b connect");
  await ofB[0].quit();
  ofB[0].abort();
  ofB[1].abort();
  cluster.called();
  await cluster.connect();
  await cluster.connect();
  assertEquals(cluster.called(), ["b connect", "b connect"]);
});

Deno.test("balanced: a connection that is being made counts, one that came to nothing does not", async () => {
  const cluster = new Cluster({ a: {}, b: {} }, { strategy: "least-connections" });
  const [a] = cluster.fakes;
  a.fails = "silence";
  const slow = cluster.connect();
  await settle();
  cluster.called();
  // Without the one that is being made they would take turns.
  assertEquals(await cluster.picks(3), "b b b");
  await cluster.clock.advance(30_000);
  await slow;
  a.fails = undefined;
  await cluster.clock.advance(1_000);
  await (await cluster.connect()).quit();
  await settle();
  assertEquals(cluster.called(), ["b connect", "a probe", "b connect"]);
  assertEquals(await cluster.picks(3), "a a a");
});

Deno.test("balanced: the next priority only where none of the lower can be used", async () => {
  const cluster = new Cluster({
    backup: { priority: 2 },
    a: { priority: 1 },
    b: { priority: 1 },
  });
  const [backup, a, b] = cluster.fakes;
  assertEquals(await cluster.picks(4), "a b a b");
  a.fails = "unreachable";
  assertEquals(await cluster.picks(3), "a b b b");
  b.fails = "timeout";
  assertEquals(await cluster.picks(2), "b backup backup");
  assertEquals(backup.probes, 0);
});

Deno.test("balanced: whoever does not greet makes room for the next", async (t) => {
  const kinds: readonly FailureKind[] = [
    ...["unreachable", "lost", "timeout", "protocol", "refusing", "no-mail"] as const,
    ...["tls", "unfit", "busy"] as const,
  ];
  for (const kind of kinds) {
    await t.step(kind, async () => {
      const cluster = new Cluster({ a: {}, b: {} });
      cluster.fakes[0].fails = kind;
      await cluster.connect();
      assertEquals(cluster.called(), ["a connect", "b connect"]);
      // One that has no room is not down for it.
      const next = kind === "busy"
        ? ["b connect", "a connect", "b connect"]
        : ["b connect", "b connect"];
      await cluster.connect();
      await cluster.connect();
      assertEquals(cluster.called(), next);
    });
  }
});

Deno.test("balanced: one that is called off tries nobody else, and blames nobody", async () => {
  const cluster = new Cluster({ a: {}, b: {} });
  const [a] = cluster.fakes;
  a.fails = "silence";
  const control = new AbortController();
  const connecting = cluster.connect(control.signal);
  await settle();
  control.abort();
  const { kind } = await assertRejects(() => connecting, UpstreamFailure);
  assertEquals([kind, cluster.called()], ["aborted", ["a connect"]]);
  a.fails = undefined;
  assertEquals(await cluster.picks(2), "b a");
  assertEquals(cluster.clock.timers, 0);
});

Deno.test("balanced: one whose connections are all lent is not down", async () => {
  for (const waiting of [0, 3]) {
    const cluster = new Cluster({ a: {}, b: {} }, { timeLimit: 8_000 });
    const [a] = cluster.fakes;
    a.fails = "silence";
    a.pool = { open: 10, idle: 0, waiting };
    const connecting = cluster.connect();
    await cluster.clock.advance(4_000);
    await connecting;
    assertEquals(cluster.called(), ["a connect", "b connect"]);
    a.fails = undefined;
    await (await cluster.connect()).quit();
    await (await cluster.connect()).quit();
    const next = cluster.called();
    assertEquals(next.includes("a connect"), waiting > 0, next.join());
  }
});

Deno.test("balanced: what is thrown is not a failure of the upstream: it is thrown on", async () => {
  const cluster = new Cluster({ a: {}, b: {} });
  cluster.fakes[0].connect = () => Promise.reject(new TypeError("A mistake"));
  await assertRejects(() => cluster.connect(), TypeError, "A mistake");
  assertEquals(cluster.fakes[1].connects, 0);
});

Deno.test("balanced: attempts have a bound, and each half of the time that is left", async () => {
  const cluster = new Cluster({ a: {}, b: {}, c: {}, d: {} }, { attempts: 3, timeLimit: 8_000 });
  for (const fake of cluster.fakes) fake.fails = "silence";
  const began = cluster.clock.now();
  const connecting = assertRejects(() => cluster.connect(), UpstreamFailure);
  const seen: [number, number][] = [];
  for (let second = 0; second < 9; second++) {
    await settle();
    seen.push([second, cluster.fakes.filter(({ connects }) => connects > 0).length]);
    await cluster.clock.advance(1_000);
  }
  const failure = await connecting;
  assertEquals(seen, [[0, 1], [1, 1], [2, 1], [3, 1], [4, 2], [5, 2], [6, 3], [7, 3], [8, 3]]);
  assertEquals(failure.kind, "timeout");
  assertEquals(
    failure.message,
    "a: Timed out after 4000 ms: a connection; b: Timed out after 2000 ms: a connection; " +
      "c: Timed out after 2000 ms: a connection; 1 not tried for want of time",
  );
  assertEquals(cluster.clock.now() - began, 9_000);
  assertEquals(cluster.clock.timers, 0);
});

Deno.test("balanced: a member of a member is down that has used up the time of both", async () => {
  const inner = new Cluster({ a: {}, b: {} });
  const [a] = inner.fakes;
  a.fails = "silence";
  const c = new FakeUpstream("c", inner.journal);
  const outer = new BalancedUpstream("outer", [{ upstream: inner.upstream }, { upstream: c }], {
    ...{ clock: inner.clock, timeLimit: 2_000 },
  });
  const connecting = outer.connect(session, never);
  await inner.clock.advance(1_000);
  await connecting;
  assertEquals(inner.called(), ["a connect", "c connect"]);
  assertEquals(await inner.picks(2), "b b");
});

Deno.test("balanced: a connection that comes too late is closed", async () => {
  const cluster = new Cluster({ a: {}, b: {} }, { timeLimit: 2_000 });
  const [a] = cluster.fakes;
  const { promise, resolve } = Promise.withResolvers<void>();
  const { connect } = FakeUpstream.prototype;
  a.connect = async (...given) => (await promise, await connect.apply(a, given));
  const connecting = cluster.connect();
  await cluster.clock.advance(1_000);
  await connecting;
  assertEquals(cluster.called(), ["b connect"]);
  resolve();
  await settle();
  assertEquals(a.links.map(({ open }) => open), [false]);
});

Deno.test("balanced: the most telling failure speaks for all", async () => {
  const rows: readonly (readonly [kinds: readonly FailureKind[], kind: FailureKind])[] = [
    [["unreachable", "refusing", "timeout"], "refusing"],
    [["no-mail", "unreachable"], "unreachable"],
    [["no-mail", "no-mail"], "no-mail"],
    [["tls", "lost"], "tls"],
    [["busy", "unreachable"], "busy"],
    [["unreachable"], "unreachable"],
  ];
  for (const [kinds, kind] of rows) {
    const cluster = new Cluster(Object.fromEntries(kinds.map((_, nth) => [`m${nth}`, {}])));
    for (const [nth, fails] of kinds.entries()) cluster.fakes[nth].fails = fails;
    const failure = await assertRejects(() => cluster.connect(), UpstreamFailure);
    assertEquals(failure.kind, kind);
    assertEquals(failure.message, kinds.map((kind, nth) => `m${nth}: ${kind}`).join("; "));
    assertEquals(failure.reply?.code, kind === "refusing" ? 421 : undefined);
  }
});

Deno.test("balanced: 556 is for good, so those that were not tried count against it", async () => {
  const cluster = new Cluster({ a: {}, b: {} }, { attempts: 1 });
  for (const fake of cluster.fakes) fake.fails = "no-mail";
  const { kind } = await assertRejects(() => cluster.connect(), UpstreamFailure);
  assertEquals(kind, "unreachable");
});

Deno.test("balanced: one that was lost before a reply is down, one that we have left is not", async () => {
  for (const [kind, picks] of [["lost", "b b"], ["timeout", "b b"], ["aborted", "b a"]] as const) {
    const cluster = new Cluster({ a: {}, b: {} });
    const link = await cluster.connect();
    cluster.called();
    cluster.fakes[0].links[0].lost = kind;
    await assertRejects(() => link.mail(Path.null, {}, { id: "1", client: session.client }));
    link.abort();
    assertEquals(await cluster.picks(2), picks, kind);
  }
});

Deno.test("balanced: a member is down for 1 s, 2 s, 4 s and so on up to 60 s", async () => {
  const cluster = new Cluster({ a: {}, b: {} });
  const [a] = cluster.fakes;
  a.fails = "unreachable";
  await cluster.connect();
  cluster.called();
  for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
    await cluster.clock.advance(seconds * 1_000 - 1);
    assertEquals(await cluster.picks(1), "b", `${seconds} s less 1 ms`);
    await cluster.clock.advance(1);
    await cluster.connect();
    await settle();
    assertEquals(cluster.called(), ["a probe", "b connect"], `${seconds} s`);
  }
  a.fails = undefined;
  await cluster.clock.advance(60_000);
  await cluster.connect();
  await settle();
  assertEquals(cluster.called(), ["a probe", "b connect"]);
  assertEquals(await cluster.picks(2), "b a");
  // Having been used, it starts anew.
  a.fails = "lost";
  await cluster.connect();
  await cluster.connect();
  cluster.called();
  await cluster.clock.advance(1_000);
  await cluster.connect();
  assertEquals(cluster.called(), ["a probe", "b connect"]);
});

Deno.test("balanced: jitter makes a time shorter by a quarter at most", async () => {
  const cluster = new Cluster({ a: {}, b: {} }, { random: () => 1 });
  cluster.fakes[0].fails = "unreachable";
  await cluster.connect();
  await cluster.clock.advance(749);
  await cluster.connect();
  assertEquals(cluster.fakes[0].probes, 0);
  await cluster.clock.advance(1);
  await cluster.connect();
  assertEquals(cluster.fakes[0].probes, 1);
});

Deno.test("balanced: many failures at once are one", async () => {
  const cluster = new Cluster({ a: {}, b: {} });
  const links = await Promise.all(Array.from({ length: 20 }, () => cluster.connect()));
  for (const link of cluster.fakes[0].links) link.lost = "lost";
  await Promise.allSettled(links.map((link) => link.reset()));
  cluster.called();
  await cluster.clock.advance(1_000);
  await cluster.connect();
  assertEquals(cluster.called(), ["a probe", "b connect"]);
});

Deno.test("balanced: where all are down they are tried all the same, and one success heals", async () => {
  const cluster = new Cluster({ a: {}, b: {} });
  const [a, b] = cluster.fakes;
  a.fails = b.fails = "unreachable";
  await assertRejects(() => cluster.connect(), UpstreamFailure);
  b.fails = undefined;
  await cluster.connect();
  cluster.called();
  assertEquals(await cluster.picks(3), "b b b");
  assertEquals(a.probes, 0);
});

Deno.test("balanced: nobody who is down is used while others are up", async () => {
  const names = ["a", "b", "c", "d"];
  const event = fc.oneof(
    fc.record({ fails: fc.nat(3), kind: fc.constantFrom("unreachable" as const, undefined) }),
    fc.record({ passes: fc.integer({ min: 1, max: 5_000 }) }),
    fc.record({ connects: fc.constant(true) }),
  );
  const cluster = fc.record({
    priorities: fc.tuple(fc.nat(1), fc.nat(1), fc.nat(1), fc.nat(1)),
    events: fc.array(event, { minLength: 10, maxLength: 60 }),
  });
  await fc.assert(
    fc.asyncProperty(cluster, async ({ priorities, events }) => {
      const cluster = new Cluster(
        Object.fromEntries(names.map((name, nth) => [name, { priority: priorities[nth] }])),
      );
      const down = new Set<string>();
      for (const event of events) {
        if ("fails" in event) cluster.fakes[event.fails].fails = event.kind;
        if ("passes" in event) await cluster.clock.advance(event.passes);
        if (!("connects" in event)) continue;
        await cluster.connect().catch(() => {});
        const before = new Set(down);
        const tried: string[] = [];
        for (const call of cluster.called()) {
          const [name, how] = call.split(" ");
          const up = cluster.fakes[names.indexOf(name)].fails === undefined;
          if (how === "connect") tried.push(name);
          if (up) down.delete(name);
          else down.add(name);
        }
        for (const [nth, name] of tried.entries()) {
          if (!before.has(name)) continue;
          const others = names.filter((other) => !before.has(other));
          assertEquals(others.filter((other) => !tried.slice(0, nth).includes(other)), []);
        }
        await settle();
      }
    }),
    { numRuns: 100, seed: 1 },
  );
});

Deno.test("balanced: it offers what all have in common that are up", async () => {
  const cluster = new Cluster({ a: {}, b: {}, backup: { priority: 1 } });
  const [a, b, backup] = cluster.fakes;
  a.extensions = Extensions.of([["SIZE", ["2000"]], ["DSN"], ["AUTH", ["PLAIN", "LOGIN"]]]);
  b.extensions = Extensions.of([["SIZE", ["1000"]], ["DSN"], ["AUTH", ["LOGIN", "CRAM-MD5"]]]);
  backup.extensions = Extensions.of([["SIZE"], ["DSN"], ["8BITMIME"], ["AUTH", ["LOGIN"]]]);
  const lines = async () => (await cluster.upstream.offer()).extensions.toLines();
  assertEquals(await lines(), ["SIZE 1000", "DSN", "AUTH LOGIN"]);
  assertEquals(await cluster.upstream.offer(), await cluster.upstream.offer());
  assert(await cluster.upstream.offer() === await cluster.upstream.offer(), "the same object");
  b.fails = "unreachable";
  assertEquals(await lines(), ["SIZE 2000", "DSN", "AUTH LOGIN"]);
  a.fails = backup.fails = "lost";
  const { kind } = await assertRejects(() => cluster.upstream.offer(), UpstreamFailure);
  assertEquals(kind, "lost");
  assertEquals(cluster.clock.timers, 0);
});

Deno.test("balanced: clients do not wait long for members that do not say what they offer", async () => {
  const cluster = new Cluster({ a: {}, b: {} });
  const [a, b] = cluster.fakes;
  a.extensions = Extensions.of([["DSN"]]);
  b.fails = "silence";
  let offered: string[] | undefined;
  void cluster.upstream.offer().then(({ extensions }) => offered = extensions.toLines());
  await cluster.clock.advance(4_999);
  assertEquals(offered, undefined);
  await cluster.clock.advance(1);
  await settle();
  assertEquals(offered, ["DSN"]);
});

Deno.test("balanced: of several ways to one server one is asked", async () => {
  const cluster = new Cluster({ a: {}, b: { priority: 1 } }, { oneServer: true });
  const [a, b] = cluster.fakes;
  await cluster.upstream.offer(0);
  assertEquals(cluster.called(), ["a probe"]);
  a.fails = "unreachable";
  await cluster.upstream.offer(0);
  await cluster.upstream.offer(0);
  assertEquals(cluster.called(), ["a probe", "b probe", "b probe"]);
  assertEquals(b.probes, 2);
});

Deno.test("balanced: all are asked from time to time, where that is wanted, until it is closed", async () => {
  const cluster = new Cluster({ a: {}, b: {} }, { probeInterval: 30_000 });
  const [a, b] = cluster.fakes;
  assertEquals(cluster.clock.timers, 0);
  await cluster.connect();
  a.fails = "unreachable";
  b.fails = "silence";
  await cluster.clock.advance(30_000);
  assertEquals(cluster.called(), ["a connect", "a probe", "b probe"]);
  // No second question to one that has not answered the first.
  await cluster.clock.advance(30_000);
  assertEquals(cluster.called(), ["a probe"]);
  b.fails = undefined;
  assertEquals(await cluster.picks(2), "b b");
  a.fails = undefined;
  await cluster.clock.advance(30_000);
  assertEquals(cluster.called(), ["a probe"]);
  assertEquals(await cluster.picks(2), "b a");
});

Deno.test("balanced: it closes its members, and what it has begun", async () => {
  const cluster = new Cluster({ a: {}, b: {} }, { probeInterval: 1_000 });
  await cluster.connect();
  await cluster.clock.advance(1_000);
  await cluster.upstream.close();
  assertEquals(cluster.fakes.map(({ closed }) => closed), [true, true]);
  assertEquals(cluster.clock.timers, 0);
});

Deno.test("balanced: pools are added up", async () => {
  const cluster = new Cluster({ a: {}, b: {}, c: {} });
  await cluster.connect();
  const [a, b] = cluster.fakes;
  assertEquals(cluster.upstream.pool, undefined);
  Object.assign(a, { pool: { open: 3, idle: 2, waiting: 0 } });
  Object.assign(b, { pool: { open: 4, idle: 0, waiting: 5 } });
  assertEquals(cluster.upstream.pool, { open: 7, idle: 2, waiting: 5 });
});

Deno.test("balanced: options that cannot be used", () => {
  const a = new FakeUpstream("a");
  const rows: readonly (readonly [members: readonly BalancedMember[], options: BalancedOptions])[] =
    [
      [[], {}],
      [[{ upstream: a, weight: 0 }], {}],
      [[{ upstream: a, weight: Infinity }], {}],
      [[{ upstream: a }], { attempts: 0 }],
      [[{ upstream: a }], { timeLimit: 0.5 }],
      [[{ upstream: a }], { probeInterval: 0 }],
    ];
  for (const [members, options] of rows) {
    assertThrows(() => new BalancedUpstream("none", members, options), OptionError);
  }
});

Deno.test("balanced: fail-over and back in a session's eyes", async () => {
  await onStage({ offers: ["8BITMIME"], others: { second: ["8BITMIME"] } }, async (stage) => {
    const first = stage.upstream;
    const { second } = stage.others;
    const smtp = (name: string, dialer: UpstreamStage) =>
      new SmtpUpstream(
        name,
        resolveUpstreamOptions({
          target: { transport: "tcp", host: name, port: 25 },
          hostname: "proxy.example",
          dialer,
          clock: stage.clock,
        }),
      );
    const upstream = new BalancedUpstream("both", [
      { upstream: smtp("first", first) },
      { upstream: smtp("second", second), priority: 1 },
    ], { clock: stage.clock, random: () => 0 });
    await stage.proxy.reload({
      ...{ hostname: "proxy.example", trace: false, clock: stage.clock },
      upstream,
    });
    /** A session whose MAIL comes to that upstream. */
    const arrives = async (at: UpstreamStage): Promise<void> => {
      const client = await stage.ready();
      await client.send("MAIL FROM:<a@client.example>\r\n");
      const peer = await at.accept();
      await peer.expect("MAIL FROM:<a@client.example>*");
      await peer.send("250 2.1.0 Ok\r\n");
      await client.expect("250 2.1.0 Ok");
      await client.send("RSET\r\nQUIT\r\n");
      await peer.expect("RSET");
      await peer.send("250 2.0.0 Ok\r\n");
      await client.expect("250 2.0.0 Reset", "221 2.0.0 Closing");
    };
    await arrives(first);
    first.refusals = 1;
    await arrives(second);
    assertEquals(first.refusals, 0);
    await arrives(second);
    await stage.clock.advance(1_000);
    // At its EHLO the first is asked, at its MAIL it is back.
    await arrives(first);
    assertEquals(stage.troubles, []);
  });
});
