import { assertEquals } from "@std/assert";
import { Path } from "../../src/rfc5321/path.ts";
import { Reply } from "../../src/rfc5321/reply.ts";
import type { TransactionEnd } from "../../src/session/observer.ts";
import { Stats } from "../../src/stats/stats.ts";
import { detailOf } from "../../src/stats/transaction_record.ts";
import { pens } from "../../src/stats/pen.ts";
import type { Clock } from "../../src/clock.ts";
import { FakeClock } from "../_clock.ts";
import { accepted, command, recipient, session, transaction } from "./_facts.ts";

const rest = { draining: false, viewers: { open: 0, dropped: 0 } };

function begin() {
  const clock = new FakeClock();
  const stats = new Stats({ clock });
  return { clock, stats, tell: stats.observer as Required<typeof stats.observer> };
}

Deno.test("before anything happens", () => {
  const { clock, stats } = begin();
  const none = { p50: 0, p99: 0, count: 0 };
  assertEquals(stats.view(rest), {
    at: clock.now(),
    startedAt: clock.now(),
    sessions: { open: 0, total: 0 },
    transactions: {
      accepted: 0,
      discarded: 0,
      quarantined: 0,
      rejected: 0,
      deferred: 0,
      abandoned: 0,
      broken: 0,
    },
    octets: 0,
    rates: { sessions: 0, transactions: 0, octets: 0 },
    latencies: { command: none, policy: none, upstream: none },
    top: { clients: [], senderDomains: [], recipientDomains: [] },
    ...rest,
  });
});

Deno.test("sessions, transactions, octets, and how many of them a second", async () => {
  const { clock, stats, tell } = begin();
  for (const id of ["a", "b"]) tell.sessionOpened(session(id));
  const ends: readonly TransactionEnd[] = [
    accepted,
    accepted,
    { kind: "refused", at: "message", reply: Reply.parse("550 No") },
    { kind: "broken" },
  ];
  for (const end of ends) tell.transaction(transaction({ octets: 500 }), end);
  tell.sessionClosed(session("a"), "quit");
  await clock.advance(1_000);
  const view = stats.view(rest);
  // The transactions were those of a third.
  assertEquals(view.sessions, { open: 2, total: 3 });
  assertEquals(view.octets, 1_000);
  assertEquals(
    [view.transactions.accepted, view.transactions.rejected, view.transactions.broken],
    [2, 1, 1],
  );
  assertEquals(view.rates, { sessions: 0.2, transactions: 0.4, octets: 100 });
  const { series } = stats.history.view("5m");
  assertEquals([series.transactions.accepted.at(-1), series.octets.at(-1)], [2, 1_000]);
  assertEquals(stats.transactions.last, 4);
});

Deno.test("latencies: of replies, of a question to all checks, of the upstream's word on messages", () => {
  const { stats, tell } = begin();
  const ok = Reply.parse("250 Ok");
  tell.reply(session(), ok, { verb: "MAIL", at: 0, took: 100 });
  const asked = [{ check: "a", took: 30 }, { check: "b", took: 20 }];
  tell.ruling("close", session(), { steps: [], asked });
  tell.ruling("close", session(), { steps: [] });
  tell.upstreamReply(session(), "default", { verb: "MAIL", at: 0, took: 9_000, reply: ok });
  tell.upstreamReply(session(), "default", { verb: "message", at: 0, took: 200, reply: ok });
  const { command, policy, upstream } = stats.view(rest).latencies;
  assertEquals([command.count, policy.count, upstream.count], [1, 1, 1]);
  const about = (value: number, wanted: number) => Math.abs(value - wanted) <= wanted * 0.05;
  assertEquals([about(command.p50, 100), about(policy.p50, 50), about(upstream.p99, 200)], [
    true,
    true,
    true,
  ]);
});

Deno.test("the most frequent, each recipient by itself, whatever the case", () => {
  const { stats, tell } = begin();
  const recipients = ["b@Y.example", "c@y.example", "d@z.example"].map((one) => recipient(one));
  const original = { reversePath: Path.from("a@X.example"), parameters: {}, recipients };
  for (let n = 0; n < 2; n++) tell.transaction(transaction({ original }), accepted);
  tell.transaction(
    transaction({ original: { ...original, reversePath: Path.null, recipients: [] } }),
    { kind: "broken" },
  );
  const { clients, senderDomains, recipientDomains } = stats.view(rest).top;
  assertEquals(clients, [{ key: "192.0.2.1", count: 3, error: 0 }]);
  assertEquals(senderDomains.map(({ key, count }) => [key, count]), [["x.example", 2], ["", 1]]);
  assertEquals(recipientDomains.map(({ key, count }) => [key, count]), [
    ["y.example", 4],
    ["z.example", 2],
  ]);
});

Deno.test("rules are counted where they are shown and where they are measured", () => {
  const { stats } = begin();
  stats.looked("block", true, 500);
  assertEquals(stats.metrics.ruleHits.with("block").value, 1);
  assertEquals(stats.metrics.ruleSeconds.with("block").value, 0.5);
});

Deno.test("as many transactions are remembered as was said", () => {
  const stats = new Stats({ transactions: 3, perSecond: Infinity, clock: new FakeClock() });
  for (let n = 0; n < 5; n++) stats.observer.transaction!(transaction(), accepted);
  assertEquals(stats.transactions.find({}, 9).map(({ number }) => number), [5, 4, 3]);
});

Deno.test("a wall clock that is put back in mid-transaction makes no time negative", () => {
  const time = { now: 1_000_000, monotonic: 0 };
  const clock: Clock = {
    now: () => time.now,
    monotonic: () => time.monotonic,
    after: () => ({ cancel() {} }),
  };
  const stats = new Stats({ clock });
  const tell = stats.observer as Required<typeof stats.observer>;
  tell.sessionOpened(session());
  time.monotonic = 100;
  tell.command(session(), command("MAIL FROM:<a@x.example>"), time.monotonic);
  tell.transactionOpened(transaction());
  time.now -= 500_000;
  time.monotonic = 130;
  tell.upstreamReply(session(), "default", {
    verb: "MAIL",
    at: time.monotonic,
    took: 20,
    reply: Reply.parse("250 Ok"),
  });
  tell.transaction(transaction(), accepted);
  const [record] = stats.transactions.find({}, 1);
  const { startedAt, took, phases: [phase] } = detailOf(record, pens.plain);
  assertEquals([startedAt, took, phase.at, phase.took], [1_000_000, 30, 10, 20]);
});

Deno.test("at the end of a second nothing of the next is forgotten", () => {
  const time = { monotonic: 1_000 };
  const clock: Clock = {
    now: () => 1_800_000_000_000 + Math.floor(time.monotonic),
    monotonic: () => time.monotonic,
    after: () => ({ cancel() {} }),
  };
  const stats = new Stats({ clock });
  const tell = stats.observer as Required<typeof stats.observer>;
  const answer = (at: number, verb: string): void => {
    time.monotonic = at;
    const reply = Reply.parse("250 Ok");
    tell.upstreamReply(session(), "default", { verb, at, took: 50, reply });
    tell.reply(session(), reply, { verb: verb === "message" ? "DATA" : verb, at, took: 50 });
  };
  tell.sessionOpened(session());
  answer(1_999.6, "RCPT");
  time.monotonic = 2_000.1;
  tell.transaction(transaction({ octets: 10 }), accepted);
  answer(2_000.2, "message");
  tell.transaction(transaction({ octets: 10 }), accepted);
  time.monotonic = 3_000;
  const { transactions, octets } = stats.history.view("5m").series;
  assertEquals([transactions.accepted.at(-1), octets.at(-1)], [2, 20]);
  assertEquals(stats.view({ draining: false }).rates.transactions, 0.2);
});
