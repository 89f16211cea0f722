import { assertEquals } from "@std/assert";
import { LastMinute, problems } from "../../../src/admin/dashboard/client/problems.ts";
import type { StatsView, UpstreamView } from "../../../src/stats/views.ts";
import { stats, upstreams } from "./_traffic.ts";

const start = 1_000_000;
const quiet = stats(start, start, false, 0);
const none = {
  accepted: 0,
  discarded: 0,
  quarantined: 0,
  rejected: 0,
  deferred: 0,
  abandoned: 0,
  broken: 0,
};

function snapshot(second: number, change: Partial<StatsView> = {}): StatsView {
  return { ...quiet, at: start + second * 1000, transactions: none, ...change };
}

function minuteOf(...snapshots: readonly StatsView[]): LastMinute {
  const minute = new LastMinute();
  for (const snapshot of snapshots) minute.add(snapshot);
  return minute;
}

const found = (stats: StatsView, minute: LastMinute, upstreams: readonly UpstreamView[] = []) =>
  problems(stats, minute, upstreams).map(({ weight, text }) => `${weight}: ${text}`);

Deno.test("the last minute forgets what came before it", () => {
  const minute = new LastMinute();
  for (let second = 0; second <= 100; second++) {
    minute.add(snapshot(second, { transactions: { ...none, accepted: second * 10 } }));
  }
  assertEquals(minute.ended(), { within: 60_000, ...none, accepted: 600 });
  assertEquals(minute.ended(10_000), { within: 10_000, ...none, accepted: 100 });
});

Deno.test("it begins again when the server has", () => {
  const before = snapshot(0, { transactions: { ...none, accepted: 5_000 } });
  const after = snapshot(1, { startedAt: start + 900 });
  assertEquals(minuteOf(before, after).ended(), { within: 0, ...none });
  assertEquals(new LastMinute().ended(), { within: 0, ...none });
});

Deno.test("nothing stands out", () => {
  assertEquals(found(snapshot(0), minuteOf(snapshot(0))), []);
});

Deno.test("upstreams that are down, or were a moment ago, come first and second", () => {
  const [up, down, unknown] = upstreams(start);
  const failed = { ...up, lastError: { at: start - 59_000, text: "refused" } };
  const draining = snapshot(0, { draining: true, sessions: { open: 3, total: 9 } });
  assertEquals(found(draining, minuteOf(), [up, unknown, failed, down]), [
    "bad: Upstream “archive” is down: Cannot connect to 10.0.9.4:25: connection refused",
    "warn: Upstream “default” failed 59 s ago: refused",
    "warn: Draining: no new sessions are taken, 3 still open",
  ]);
});

Deno.test("shares count where there is enough mail", async (t) => {
  type Row = readonly [name: string, ended: Partial<typeof none>, found: readonly string[]];
  const rows: readonly Row[] = [
    ["few", { accepted: 9, deferred: 10 }, []],
    ["enough", { accepted: 18, deferred: 2 }, [
      "warn: 10 % of all mail was deferred in the last minute",
    ]],
    ["a small share", { accepted: 100, deferred: 11 }, []],
    ["broken", { accepted: 10, broken: 30 }, [
      "warn: 75 % of all mail broke off in the last minute",
    ]],
    ["refusals are what a filter is for", { rejected: 1_000 }, []],
  ];
  for (const [name, ended, expected] of rows) {
    await t.step(name, () => {
      const last = snapshot(30, { transactions: { ...none, ...ended } });
      assertEquals(found(last, minuteOf(snapshot(0), last)), expected);
    });
  }
});

Deno.test("slowness", () => {
  const latency = (p99: number) => ({ p50: 1, p99, count: 10 });
  const latencies = { command: latency(1), policy: latency(1_000), upstream: latency(12_300) };
  assertEquals(found(snapshot(0, { latencies }), minuteOf()), [
    "warn: The upstream takes 12.3 s (p99)",
    "warn: The policy takes 1 s (p99)",
  ]);
});
