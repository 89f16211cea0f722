import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { HeavyHitters } from "../../src/stats/heavy_hitters.ts";
import { History } from "../../src/stats/history.ts";
import {
  endedFamilies,
  endedStats,
  endedUpstreams,
  mergeFamilies,
  mergeHistories,
  mergeHitters,
  mergeLatencies,
  mergeRules,
  mergeStats,
  mergeUpstreams,
  type StatsPart,
} from "../../src/stats/merge.ts";
import { Meters } from "../../src/stats/meters.ts";
import { Stats } from "../../src/stats/stats.ts";
import { outcomes, type UpstreamView } from "../../src/stats/views.ts";
import { FakeClock } from "../_clock.ts";

const NEVER = { p50: 0, p99: 0, count: 0 };

/** Statistics in which everything is `n`. */
function part(n: number): StatsPart {
  const hitters = [{ key: `k${n}`, count: n, error: 0 }];
  const latency = { p50: n, p99: 10 * n, count: n };
  return {
    at: n,
    startedAt: n,
    draining: n > 1,
    sessions: { open: n, total: n },
    transactions: {
      accepted: n,
      discarded: n,
      quarantined: n,
      rejected: n,
      deferred: n,
      abandoned: n,
      broken: n,
    },
    octets: n,
    rates: { sessions: n, transactions: n, octets: n },
    latencies: { command: latency, policy: latency, upstream: latency },
    top: { clients: hitters, senderDomains: hitters, recipientDomains: hitters },
  };
}

Deno.test("one part alone is the whole", () => {
  assertEquals(mergeStats([part(3)], 200, 10), part(3));
  const clock = new FakeClock();
  const stats = new Stats({ clock });
  const view = stats.view({ draining: false }, 200);
  assertEquals(mergeStats([view], 200, 10), view);
  assertEquals(mergeHistories([stats.history.view("5m")]), stats.history.view("5m"));
  const families = stats.metrics.meters.collect();
  assertEquals(mergeFamilies([families]), families);
});

Deno.test("stats: numbers are added up, draining is what all do", () => {
  const merged = mergeStats([part(1), part(3)], 200, 10);
  assertEquals(merged, {
    ...part(4),
    at: 3,
    startedAt: 1,
    draining: false,
    latencies: {
      command: { p50: 2.5, p99: 30, count: 4 },
      policy: { p50: 2.5, p99: 30, count: 4 },
      upstream: { p50: 2.5, p99: 30, count: 4 },
    },
    top: {
      clients: [{ key: "k3", count: 3, error: 0 }, { key: "k1", count: 1, error: 0 }],
      senderDomains: [{ key: "k3", count: 3, error: 0 }, { key: "k1", count: 1, error: 0 }],
      recipientDomains: [{ key: "k3", count: 3, error: 0 }, { key: "k1", count: 1, error: 0 }],
    },
  });
  assertEquals(mergeStats([part(2), part(3)], 200, 10).draining, true);
});

Deno.test("stats: one that has ended leaves its sums, and nothing of the present", () => {
  const merged = mergeStats([endedStats(part(5)), part(2)], 200, 10);
  assertEquals([merged.sessions, merged.octets], [{ open: 2, total: 7 }, 7]);
  assertEquals(merged.transactions.deferred, 7);
  assertEquals([merged.rates, merged.latencies, merged.top], [
    part(2).rates,
    part(2).latencies,
    part(2).top,
  ]);
  // Ended twice is ended once.
  assertEquals(endedStats(endedStats(part(5))), endedStats(part(5)));
});

Deno.test("latencies: nobody's is none, and one without values says nothing", () => {
  assertEquals(mergeLatencies([NEVER, NEVER]), NEVER);
  assertEquals(mergeLatencies([NEVER, { p50: 4, p99: 9, count: 1 }]), { p50: 4, p99: 9, count: 1 });
});

Deno.test("latencies: between the least and the greatest", () => {
  const latency = fc.record({
    p50: fc.double({ min: 0, max: 1e6, noNaN: true }),
    p99: fc.double({ min: 0, max: 1e6, noNaN: true }),
    count: fc.integer({ min: 1, max: 1e6 }),
  });
  fc.assert(fc.property(fc.array(latency, { minLength: 1, maxLength: 5 }), (parts) => {
    const { p50, p99, count } = mergeLatencies(parts);
    const medians = parts.map((part) => part.p50);
    assertEquals(p50 >= Math.min(...medians) * 0.999_999, true);
    assertEquals(p50 <= Math.max(...medians) * 1.000_001, true);
    assertEquals(p99, Math.max(...parts.map((part) => part.p99)));
    assertEquals(count, parts.reduce((sum, part) => sum + part.count, 0));
  }));
});

Deno.test("hitters: never below the truth, and not above it by more than the error", () => {
  const CAPACITY = 4;
  const keys = fc.array(fc.constantFrom(..."abcdefgh"), { maxLength: 60 });
  fc.assert(fc.property(keys, keys, keys, (...comers) => {
    const lists = comers.map((keys) => {
      const hitters = new HeavyHitters(new FakeClock(), CAPACITY);
      for (const key of keys) hitters.add(key);
      return hitters.top(CAPACITY);
    });
    for (const { key, count, error } of mergeHitters(lists, CAPACITY, 100)) {
      const truth = comers.flat().filter((one) => one === key).length;
      assertEquals(count >= truth && count - error <= truth, true, `${key} ${count} ${truth}`);
    }
  }));
});

Deno.test("hitters: short lists are exact, and only so many are wanted", () => {
  const lists = [
    [{ key: "a", count: 5, error: 0 }, { key: "b", count: 2, error: 1 }],
    [{ key: "b", count: 4, error: 0 }],
  ];
  assertEquals(mergeHitters(lists, 3, 10), [
    { key: "b", count: 6, error: 1 },
    { key: "a", count: 5, error: 0 },
  ]);
  // The first list may have left out an "a" of 2, as its last one is.
  assertEquals(mergeHitters([lists[1], lists[0]], 1, 1), [{ key: "a", count: 9, error: 4 }]);
});

Deno.test("history: steps are added where they lie in time, whoever was asked first", async () => {
  const clock = new FakeClock();
  const [one, two, gone] = [new History(clock), new History(clock), new History(clock)];
  const record = (history: History, octets: number): void => {
    history.recordTransaction("accepted", octets);
    history.recordSessions(octets);
    history.recordUpstream(octets);
  };
  record(gone, 1);
  const past = gone.view("5m");
  record(one, 10);
  record(two, 20);
  await clock.advance(1000);
  record(two, 40);
  const earlier = two.view("5m");
  await clock.advance(2000);
  record(one, 100);
  const later = one.view("5m");
  assertEquals(later.from - earlier.from, 2000);

  const merged = mergeHistories([past, earlier, later]);
  assertEquals([merged.from, merged.step, merged.series.octets.length], [later.from, 1000, 300]);
  assertEquals(merged.series.octets.slice(-3), [30, 0, 0]);
  assertEquals(merged.series.transactions.accepted.slice(-3), [2, 0, 0]);
  assertEquals(merged.series.upstreamP99.at(-3), two.view("5m").series.upstreamP99.at(-3));
  assertEquals(mergeHistories([later, past, earlier]), merged);
  for (const outcome of outcomes) assertEquals(merged.series.transactions[outcome].length, 300);
});

Deno.test("rules: by name, in the order of the first", () => {
  const rule = (name: string, n: number) => ({
    name,
    phases: ["mail"],
    asked: n,
    hits: n,
    spent: n,
  });
  assertEquals(
    mergeRules([[rule("b", 1), rule("a", 2)], [], [rule("a", 3), rule("c", 4)]]),
    [rule("b", 1), rule("a", 5), rule("c", 4)],
  );
});

Deno.test("upstreams: up where one reaches it, with the last error of all", () => {
  const view = (more: Partial<UpstreamView>): UpstreamView => ({
    name: "default",
    url: "smtp://mail.example",
    health: "unknown",
    connections: 1,
    connected: 2,
    failed: 3,
    connecting: NEVER,
    answering: NEVER,
    ...more,
  });
  const down = view({ health: "down", lastError: { at: 5, text: "later" } });
  const up = view({ health: "up", offers: ["SIZE"], lastError: { at: 4, text: "earlier" } });
  const sums = { connections: 2, connected: 4, failed: 6 };
  assertEquals(mergeUpstreams([[down], [up]]), [{
    ...view(sums),
    health: "up",
    offers: ["SIZE"],
    lastError: { at: 5, text: "later" },
  }]);
  assertEquals(mergeUpstreams([[down], [view({})]])[0].health, "down");
  assertEquals(mergeUpstreams([[view({})], [view({})]]), [view(sums)]);
  const [ended] = endedUpstreams([up]);
  assertEquals(mergeUpstreams([[down], [ended]]), [{ ...down, ...sums, connections: 1 }]);
});

/** Meters of one part. */
function metersOf(n: number) {
  const meters = new Meters();
  meters.counter({ name: "c_total", help: "c", labels: ["x"] }).with("both").add(n);
  meters.gauge({ name: "g", help: "g" }).set(n);
  meters.gauge({ name: "sluice_build_info", help: "b", labels: ["version"] }).with("1").set(1);
  meters.gauge({ name: "sluice_start_time_seconds", help: "s" }).set(n);
  const seconds = meters.histogram({
    name: "h_seconds",
    help: "h",
    labels: ["x"],
    bounds: [1, 10],
  });
  seconds.with("both").observe(n);
  seconds.with(`only ${n}`).observe(20);
  return meters;
}

Deno.test("families: samples of the same labels are added up", () => {
  const merged = mergeFamilies([metersOf(1).collect(), metersOf(4).collect()]);
  assertEquals(merged.map(({ name, samples }) => [name, samples]), [
    ["c_total", [{ labels: { x: "both" }, value: 5 }]],
    ["g", [{ labels: {}, value: 5 }]],
    ["sluice_build_info", [{ labels: { version: "1" }, value: 1 }]],
    ["sluice_start_time_seconds", [{ labels: {}, value: 1 }]],
    ["h_seconds", [
      {
        labels: { x: "both" },
        buckets: [{ bound: 1, count: 1 }, { bound: 10, count: 2 }, { bound: Infinity, count: 2 }],
        count: 2,
        sum: 5,
      },
      ...[1, 4].map((n) => ({
        labels: { x: `only ${n}` },
        buckets: [{ bound: 1, count: 0 }, { bound: 10, count: 0 }, { bound: Infinity, count: 1 }],
        count: 1,
        sum: 20,
      })),
    ]],
  ]);
  const { samples: _, ...facts } = metersOf(1).collect()[4];
  const { samples: __, ...mergedFacts } = merged[4];
  assertEquals(mergedFacts, facts);
});

Deno.test("families: of one that has ended what only grows remains", () => {
  const ended = endedFamilies(metersOf(9).collect());
  assertEquals(ended.map(({ name }) => name), ["c_total", "h_seconds"]);
  const [counter, gauge] = mergeFamilies([metersOf(1).collect(), ended]);
  assertEquals([counter.samples, gauge.samples], [
    [{ labels: { x: "both" }, value: 10 }],
    [{ labels: {}, value: 1 }],
  ]);
});

Deno.test("what is split over three and merged is what one would have counted", () => {
  const amounts = fc.array(fc.tuple(fc.nat(2), fc.double({ min: 0, max: 100, noNaN: true })));
  fc.assert(fc.property(amounts, (observed) => {
    const [whole, ...parts] = Array.from({ length: 4 }, () => {
      const meters = new Meters();
      const counter = meters.counter({ name: "c_total", help: "c" });
      const histogram = meters.histogram({ name: "h_seconds", help: "h" });
      return { meters, counter, histogram };
    });
    for (const [which, seconds] of observed) {
      for (const { counter, histogram } of [whole, parts[which]]) {
        counter.add();
        histogram.observe(seconds);
      }
    }
    const [counter, histogram] = mergeFamilies(parts.map(({ meters }) => meters.collect()));
    assertEquals(counter, whole.meters.collect()[0]);
    if (histogram.type !== "histogram") throw new Error("another type");
    const [{ sum, ...counts }] = histogram.samples;
    const { sum: expected, ...expectedCounts } = whole.histogram.value;
    assertEquals(counts, { labels: {}, ...expectedCounts });
    assertEquals(Math.abs(sum - expected) < 1e-6, true);
  }));
});
