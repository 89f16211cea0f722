/** Traces and metrics of sessions in memory, as a provider of OpenTelemetry gets them. */

import { assert, assertEquals } from "@std/assert";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { systemClock } from "../../src/clock.ts";
import {
  compose,
  definePolicy,
  discard,
  type Policy,
  reject,
  rewrite,
  route,
} from "../../src/policy/mod.ts";
import type { Resolver } from "../../src/dns/resolver.ts";
import type { Observer } from "../../src/session/observer.ts";
import { type Upstream, UpstreamFailure } from "../../src/session/upstream.ts";
import { type HistogramSample, Meters } from "../../src/stats/meters.ts";
import { Metrics } from "../../src/stats/metrics.ts";
import { telemetry } from "../../src/stats/telemetry.ts";
import { telemetryIsOn } from "../../src/stats/telemetry/is_on.ts";
import { openSession, type TestSession, type TestSessionOptions } from "../../src/testing/mod.ts";
import { FakeClock } from "../_clock.ts";
import { FakeResolver } from "../dns/_resolver.ts";
import { withPolicy } from "../policy/_play.ts";
import { keepTelemetry, type KeptSpan, type KeptTelemetry, paths } from "./_telemetry.ts";

const SESSION = "smtp session";
const TRANSACTION = `${SESSION} > mail transaction`;
const MESSAGE = "Subject: Hi\r\n\r\nHello\r\n";

/** What is told of one session. */
async function told(
  options: TestSessionOptions & { readonly addresses?: boolean },
  talk: (session: TestSession) => Promise<void>,
): Promise<KeptTelemetry> {
  const { addresses, ...rest } = options;
  using kept = keepTelemetry();
  using observer = telemetry({ clock: rest.clock ?? systemClock, addresses });
  {
    await using session = await openSession({ ...rest, observers: [observer] });
    await talk(session);
  }
  return kept;
}

function one(kept: KeptTelemetry, name: string): KeptSpan {
  const found = kept.spans.filter((span) => span.name === name);
  assertEquals(found.length, 1, `${name}: ${paths(kept.spans).join(", ")}`);
  return found[0];
}

async function send(session: TestSession): Promise<void> {
  await session.cmd("MAIL FROM:<alice@client.example>", "250");
  await session.cmd("RCPT TO:<bob@mx.example>", "250");
  await session.message(MESSAGE, "250");
}

Deno.test("telemetry: a message is a transaction with its exchanges and checks", async () => {
  const policy = definePolicy({ name: "one", connect: () => {}, rcpt: () => {} });
  const kept = await told({ policy }, async (session) => {
    await send(session);
    await session.cmd("QUIT", "221");
  });
  assertEquals(paths(kept.spans), [
    SESSION,
    `${SESSION} > check one`,
    TRANSACTION,
    `${TRANSACTION} > upstream connect`,
    `${TRANSACTION} > upstream MAIL`,
    `${TRANSACTION} > check one`,
    `${TRANSACTION} > upstream RCPT`,
    `${TRANSACTION} > upstream message`,
  ]);
  for (const { name, from, to, parent, status } of kept.spans) {
    assert(to !== undefined && from <= to, `${name}: ${from} to ${to}`);
    assertEquals(status, SpanStatusCode.UNSET, name);
    if (parent === undefined) continue;
    // Sums of fractions do not come out even.
    const within = from >= parent.from - 0.01 && to <= parent.to! + 0.01;
    assert(within, `${name}: ${from} to ${to}, in ${parent.from} to ${parent.to}`);
  }

  const { kind, attributes } = one(kept, SESSION);
  const { "sluice.session": id, ...rest } = attributes;
  assertEquals(kind, SpanKind.SERVER);
  assertEquals(rest, {
    "sluice.listener": "smtp",
    "network.protocol.name": "smtp",
    "network.transport": "tcp",
    "network.peer.address": "192.0.2.1",
    "network.peer.port": 50_000,
    "network.local.address": "192.0.2.25",
    "network.local.port": 25,
    "client.address": "192.0.2.1",
    "client.port": 50_000,
    "smtp.hello": "client.example",
    "sluice.end": "quit",
  });
  assertEquals(one(kept, "mail transaction").attributes, {
    "sluice.transaction": `${id}-1`,
    "sluice.outcome": "accepted",
    "sluice.upstream": "default",
    "smtp.reply.code": 250,
    "smtp.reply.enhanced": "2.0.0",
    "smtp.octets": MESSAGE.length,
    "smtp.recipients": 1,
    "smtp.recipients.accepted": 1,
  });
  const message = one(kept, "upstream message");
  assertEquals(message.kind, SpanKind.CLIENT);
  assertEquals(message.attributes, {
    "sluice.upstream": "default",
    "smtp.reply.code": 250,
    "smtp.reply.enhanced": "2.0.0",
  });
});

const zone = { "192.0.2.1": ["mx.client.example."], "mx.client.example": ["192.0.2.1"] };

Deno.test("telemetry: TLS and the name of the client are the session's", async () => {
  const clock = new FakeClock();
  const names = new FakeResolver(zone);
  const resolver: Resolver = {
    async reverse(address, signal) {
      await clock.advance(40);
      return await names.reverse(address, signal);
    },
    addresses: (name, family, signal) => names.addresses(name, family, signal),
  };
  const client = { tls: { version: "TLSv1.2", cipher: "SUITE" } };
  const kept = await told({ client, resolver, clock }, async () => {});
  const { attributes, from } = one(kept, SESSION);
  assertEquals(attributes["tls.protocol.version"], "1.2");
  assertEquals(attributes["tls.cipher"], "SUITE");
  assertEquals(attributes["sluice.client.name"], "mx.client.example");
  const lookup = one(kept, "name lookup");
  assertEquals(lookup.attributes, { "sluice.client.name": "mx.client.example" });
  assertEquals(lookup.parent!.name, SESSION);
  assertEquals([lookup.from - from, lookup.to! - from], [0, 40]);
});

Deno.test("telemetry: every check is timed, with what it has said", async () => {
  const clock = new FakeClock();
  const begun = clock.now();
  const policy = compose(
    definePolicy({ name: "slow", mail: () => clock.advance(300) }),
    definePolicy({ name: "quick", mail: () => {} }),
    definePolicy({ name: "as quick", mail: () => route("default") }),
    definePolicy({
      name: "rules",
      mail: async () => {
        await clock.advance(50);
        return [route("default"), { ...reject("550 5.7.1 No <alice@client.example>"), by: "bad" }];
      },
    }),
  );
  const kept = await told({ policy, clock }, async (session) => {
    await clock.advance(1_000);
    await session.cmd("MAIL FROM:<alice@client.example>", "550 5.7.1");
  });
  const checks = kept.spans.filter(({ name }) => name.startsWith("check "));
  assertEquals(
    checks.map(({ name, from, to, attributes }) => ({
      name,
      at: from - begun,
      took: to! - from,
      attributes,
    })),
    [{
      name: "check slow",
      at: 1_000,
      took: 300,
      attributes: { "sluice.phase": "mail", "sluice.check": "slow", "sluice.verdict": "proceed" },
    }, {
      name: "check quick",
      at: 1_300,
      took: 0,
      attributes: { "sluice.phase": "mail", "sluice.check": "quick", "sluice.verdict": "proceed" },
    }, {
      name: "check as quick",
      at: 1_300,
      took: 0,
      attributes: { "sluice.phase": "mail", "sluice.check": "as quick", "sluice.verdict": "route" },
    }, {
      name: "check rules",
      at: 1_300,
      took: 50,
      attributes: {
        "sluice.phase": "mail",
        "sluice.check": "rules",
        "sluice.verdict": "route reject",
        "sluice.rule": "bad",
        "smtp.reply.code": 550,
        "smtp.reply.enhanced": "5.7.1",
      },
    }],
  );
  const transaction = one(kept, "mail transaction");
  assertEquals([transaction.from - begun, transaction.to! - begun], [1_000, 1_350]);
  // That a policy refuses is what it is for.
  assertEquals(transaction.status, SpanStatusCode.UNSET);
  assertEquals(transaction.attributes["sluice.refused_at"], "mail");
});

const nobody = new UpstreamFailure("unreachable", "Nobody at bob@mx.example");

/** The session's default upstream cannot be connected to. */
const unreachable: Upstream = {
  name: "nowhere",
  offer: () => Promise.reject(nobody),
  connect: () => Promise.reject(nobody),
  close: () => Promise.resolve(),
};

interface Ending {
  readonly options?: TestSessionOptions;
  readonly talk: (session: TestSession) => Promise<unknown>;
  /** Outcome, what was refused, reply code, whether it is an error. */
  readonly ends: readonly (readonly [
    string,
    string | undefined,
    number | undefined,
    SpanStatusCode,
  ])[];
}

const { UNSET, ERROR } = SpanStatusCode;
const refusing = (phase: "rcpt" | "data" | "content"): Policy =>
  definePolicy({ [phase]: () => reject("451 4.7.1 Later") });

const endings: Readonly<Record<string, Ending>> = {
  "two messages": {
    talk: async (session) => {
      await send(session);
      await send(session);
    },
    ends: [["accepted", undefined, 250, UNSET], ["accepted", undefined, 250, UNSET]],
  },
  "RSET": {
    talk: async (session) => {
      await session.cmd("MAIL FROM:<a@client.example>", "250");
      await session.cmd("RSET", "250");
    },
    ends: [["abandoned", undefined, undefined, UNSET]],
  },
  "the client is gone": {
    talk: (session) => session.cmd("MAIL FROM:<a@client.example>", "250"),
    ends: [["broken", undefined, undefined, ERROR]],
  },
  "refused before the policy is asked": {
    options: { limits: { messageSize: 1_000 } },
    talk: (session) => session.cmd("MAIL FROM:<a@client.example> SIZE=2000", "552"),
    ends: [["rejected", "mail", 552, UNSET]],
  },
  "MAIL where it may not be": {
    options: { hello: null },
    talk: async (session) => {
      await session.expect("220");
      await session.cmd("MAIL FROM:<a@client.example>", "503");
    },
    ends: [],
  },
  "RCPT refused": {
    options: { policy: refusing("rcpt") },
    talk: async (session) => {
      await session.cmd("MAIL FROM:<a@client.example>", "250");
      await session.cmd("RCPT TO:<b@mx.example>", "451");
      await session.cmd("RSET", "250");
    },
    ends: [["deferred", "rcpt", 451, UNSET]],
  },
  "the message refused": {
    options: { policy: refusing("content") },
    talk: async (session) => {
      await session.cmd("MAIL FROM:<a@client.example>", "250");
      await session.cmd("RCPT TO:<b@mx.example>", "250");
      await session.message(MESSAGE, "451");
    },
    ends: [["deferred", "message", 451, UNSET]],
  },
  "discarded": {
    options: { policy: definePolicy({ data: () => discard() }) },
    talk: send,
    ends: [["discarded", undefined, 250, UNSET]],
  },
  "no upstream": {
    options: { upstream: unreachable, hello: null },
    talk: async (session) => {
      await session.expect("220");
      await session.cmd("HELO client.example", "250");
      await session.cmd("MAIL FROM:<a@client.example>", "451");
    },
    ends: [["deferred", "mail", 451, ERROR]],
  },
};

for (const [name, { options = {}, talk, ends }] of Object.entries(endings)) {
  Deno.test(`telemetry: how a transaction ends: ${name}`, async () => {
    const kept = await told(options, async (session) => void await talk(session));
    const transactions = kept.spans.filter((span) => span.name === "mail transaction");
    assertEquals(
      transactions.map(({ attributes, status }) => [
        attributes["sluice.outcome"],
        attributes["sluice.refused_at"],
        attributes["smtp.reply.code"],
        status,
      ]),
      ends.map((end) => [...end]),
    );
    assertEquals(kept.spans.filter(({ to }) => to === undefined), []);
  });
}

Deno.test("telemetry: what comes after a transaction is the session's", async () => {
  const kept = await told({}, async (session) => void await endings["RSET"].talk(session));
  assertEquals(paths(kept.spans).at(-1), `${SESSION} > upstream RSET`);
});

Deno.test("telemetry: a connection that fails says why, and its words only when asked", async () => {
  const { options = {}, talk } = endings["no upstream"];
  for (const addresses of [false, true]) {
    const kept = await told({ ...options, addresses }, async (session) => void await talk(session));
    const { status, attributes, parent } = one(kept, "upstream connect");
    assertEquals(status, ERROR);
    assertEquals(attributes, {
      "sluice.upstream": "default",
      "error.type": "unreachable",
      ...addresses && { "error.message": nobody.message },
    });
    assertEquals(parent!.events, [{
      name: "exception",
      attributes: {
        "exception.type": "unreachable",
        ...addresses && { "exception.message": nobody.message },
      },
    }]);
  }
});

Deno.test("telemetry: addresses are told by option, secrets never", async () => {
  const policy = definePolicy({
    rcpt: ({ forwardPath }) =>
      forwardPath.localPart === "bob" ? rewrite(forwardPath.withDomain("new.example")) : undefined,
  });
  for (const addresses of [false, true]) {
    using kept = keepTelemetry();
    using observer = telemetry({ clock: systemClock, addresses });
    const proxy = { observers: [observer], authWithoutTls: true };
    await withPolicy(policy, async (play) => {
      await play.say("AUTH PLAIN AGFsaWNlAHNlY3JldA==", "250 *");
      await play.say("MAIL FROM:<ann@client.example>", "250 *");
      await play.say("RCPT TO:<bob@mx.example>", "250 *");
      await play.say("RSET", "250 *");
      await play.say("QUIT", "221 *");
    }, { offers: ["AUTH PLAIN"], proxy });
    const all = JSON.stringify(kept.spans.map(({ parent: _, ...own }) => own));
    for (const secret of ["secret", "AGFs", "c2Vj"]) assert(!all.includes(secret), secret);
    for (const name of ["ann@client", "bob@mx", `"user.name":"alice"`]) {
      assertEquals(all.includes(name), addresses, name);
    }
    // The login was asked of the upstream before any transaction.
    assertEquals(paths(kept.spans).filter((path) => path.endsWith("AUTH")), [
      `${SESSION} > upstream AUTH`,
    ]);
  }
});

Deno.test("telemetry: a transaction has 200 children, the others are counted", async () => {
  const policy = definePolicy({ rcpt: () => reject("550 5.1.1 No") });
  const kept = await told({ policy }, async (session) => {
    await session.cmd("MAIL FROM:<a@client.example>", "250");
    for (let nth = 0; nth < 210; nth++) await session.cmd("RCPT TO:<b@mx.example>", "550");
    await session.cmd("RSET", "250");
    await session.cmd("MAIL FROM:<a@client.example>", "250");
  });
  const transactions = kept.spans.filter(({ name }) => name === "mail transaction");
  const children = transactions.map((parent) => kept.spans.filter((one) => one.parent === parent));
  assertEquals(children.map(({ length }) => length), [200, 1]);
  // Connecting, MAIL, and 210 checks.
  assertEquals(transactions.map(({ attributes }) => attributes["sluice.left_out"]), [
    12,
    undefined,
  ]);
});

Deno.test("telemetry: so has a session, where events take the room of children", async () => {
  const options = { upstream: unreachable, verify: "upstream", hello: null } as const;
  const kept = await told(options, async (session) => {
    await session.expect("220");
    await session.cmd("HELO client.example", "250");
    for (let nth = 0; nth < 110; nth++) await session.cmd("VRFY bob", "451");
  });
  const session = one(kept, SESSION);
  const children = kept.spans.filter(({ parent }) => parent === session);
  assertEquals([children.length, session.events.length], [100, 100]);
  assertEquals(session.attributes["sluice.left_out"], 20);
});

Deno.test("telemetry: a session that began before it is no part of it", async () => {
  const observers: Observer[] = [];
  await using session = await openSession({ observers });
  using kept = keepTelemetry();
  using observer = telemetry({ clock: systemClock });
  observers.push(observer);
  await send(session);
  await session.cmd("QUIT", "221");
  assertEquals(kept.spans, []);
});

Deno.test("telemetry: disposed of, it ends what is open and reads no meters", async () => {
  using kept = keepTelemetry();
  const meters = new Meters();
  meters.gauge({ name: "sluice_sessions", help: "Open" }).set(1);
  {
    using observer = telemetry({ clock: systemClock, meters });
    await using session = await openSession({ observers: [observer] });
    await session.cmd("MAIL FROM:<a@client.example>", "250");
    assertEquals(kept.observe(), { "gauge sluice_sessions": { "": 1 } });
    observer[Symbol.dispose]();
    assertEquals(kept.spans.filter(({ to }) => to === undefined), []);
    assertEquals(kept.observe(), {});
  }
});

/** A clock by which everything takes a while. */
class BusyClock extends FakeClock {
  #looks = 0;

  override monotonic(): number {
    return super.monotonic() + ++this.#looks;
  }
}

Deno.test("telemetry: histograms are told what Prometheus's are", async () => {
  const clock = new BusyClock();
  const prometheus = new Metrics(0);
  using kept = keepTelemetry();
  using observer = telemetry({ clock });
  const policy = definePolicy({ name: "one", mail: () => {} });
  const resolver = new FakeResolver(zone);
  const options = { policy, clock, resolver, observers: [observer, prometheus] };
  {
    await using session = await openSession(options);
    await send(session);
    await session.cmd("MAIL FROM:<a@client.example>", "250");
  }
  const { histograms } = kept;
  const families = prometheus.meters.collect().filter(({ type }) => type === "histogram");
  assertEquals([...histograms.keys()].sort(), families.map(({ name }) => name).sort());
  for (const { name, samples } of families) {
    const told = new Map<string, { count: number; sum: number }>();
    for (const { value, attributes } of histograms.get(name)!) {
      const labels = JSON.stringify(attributes);
      const { count, sum } = told.get(labels) ?? { count: 0, sum: 0 };
      told.set(labels, { count: count + 1, sum: sum + value });
    }
    const expected = (samples as readonly HistogramSample[])
      .map(({ labels, count, sum }) => [JSON.stringify(labels), { count, sum }] as const);
    assertEquals(told, new Map(expected), name);
    assert(expected.length > 0 && expected.every(([, { sum }]) => sum > 0), name);
  }
});

Deno.test("telemetry: counters and gauges are what the meters say when they are read", () => {
  using kept = keepTelemetry();
  const meters = new Meters();
  const replies = meters.counter({
    name: "sluice_replies_total",
    help: "Replies",
    labels: ["phase", "code"],
  });
  const octets = meters.counter({ name: "sluice_message_bytes_total", help: "Octets" });
  meters.gauge({ name: "sluice_start_time_seconds", help: "Start" }).read(() => 7);
  meters.histogram({ name: "sluice_command_duration_seconds", help: "Time" }).observe(1);
  using _observer = telemetry({ clock: systemClock, meters });
  replies.with("mail", "250").add(2);
  replies.with("mail", "550").add();
  octets.add(1_000);
  // With "_total" and the unit put behind them again they are Prometheus's.
  const expected = {
    "counter sluice_replies": { "mail 250": 2, "mail 550": 1 },
    "counter sluice_message_bytes By": { "": 1_000 },
    "gauge sluice_start_time_seconds s": { "": 7 },
  };
  assertEquals(kept.observe(), expected);
  octets.add(1);
  assertEquals(kept.observe()["counter sluice_message_bytes By"], { "": 1_001 });
});

Deno.test("telemetry: is on while a provider is registered", () => {
  assertEquals(telemetryIsOn(), false);
  {
    using _kept = keepTelemetry();
    assertEquals(telemetryIsOn(), true);
  }
  assertEquals(telemetryIsOn(), false);
});
