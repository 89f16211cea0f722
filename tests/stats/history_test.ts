import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { History, type Span } from "../../src/stats/history.ts";
import { type HistoryView, type Outcome, outcomes } from "../../src/stats/views.ts";

const spans: readonly [span: Span, step: number, steps: number][] = [
  ["5m", 1_000, 300],
  ["1h", 10_000, 360],
  ["1d", 300_000, 288],
];

const start = Date.UTC(2026, 0, 1);

/** A history and the time it goes by. */
function begin(now = start): { history: History; time: { now: number } } {
  const time = { now };
  return { history: new History({ now: () => time.now }), time };
}

const sum = (series: readonly number[]): number => series.reduce((sum, value) => sum + value, 0);

function allSeries({ series }: HistoryView): (readonly number[])[] {
  const { transactions, ...others } = series;
  return [...Object.values(transactions), ...Object.values(others)];
}

Deno.test("a span ends with the last step that is over, and was empty before the start", () => {
  for (const [span, step, steps] of spans) {
    for (const now of [start, start + step - 1, 0, 1]) {
      const view = begin(now).history.view(span);
      const present = now - now % step;
      assertEquals([view.from, view.step], [present - steps * step, step]);
      assertEquals(Object.keys(view.series.transactions), [...outcomes]);
      for (const series of allSeries(view)) assertEquals(series, Array(steps).fill(0));
    }
  }
});

Deno.test("what happens is in the step in which it happened, once that is over", () => {
  for (const [span, step, steps] of spans) {
    const { history, time } = begin();
    time.now += 3 * step;
    history.recordTransaction("accepted", 1_000);
    history.recordTransaction("accepted", 500);
    history.recordTransaction("discarded", 70);
    history.recordTransaction("quarantined", 70);
    history.recordTransaction("rejected", 70);
    history.recordSessions(5);
    history.recordUpstream(100);
    history.recordPolicy(2);
    time.now += step - 1;
    assertEquals(sum(history.view(span).series.transactions.accepted), 0, span);
    time.now += 1;
    const { series } = history.view(span);
    const last = steps - 1;
    assertEquals(
      outcomes.map((outcome) => series.transactions[outcome][last]),
      [2, 1, 1, 1, 0, 0, 0],
    );
    assertEquals([series.octets[last], series.sessions[last]], [1_500, 5]);
    assert(Math.abs(series.upstreamP99[last] - 100) <= 5, `${series.upstreamP99[last]}`);
    assert(Math.abs(series.policyP99[last] - 2) <= 0.1, `${series.policyP99[last]}`);
    // A step later it is one further back, and nothing else has happened.
    time.now += step;
    const later = history.view(span).series;
    assertEquals(later.transactions.accepted.slice(-3), [0, 2, 0]);
    assertEquals(later.upstreamP99.slice(-3), [0, series.upstreamP99[last], 0]);
    // It goes when the span has passed.
    time.now += (steps - 2) * step;
    assertEquals(history.view(span).series.transactions.accepted[0], 2);
    time.now += step;
    assertEquals(sum(history.view(span).series.transactions.accepted), 0);
  }
});

Deno.test("in silence nothing is counted, but open sessions are open", () => {
  for (const [span, step, steps] of spans) {
    for (const silence of [2, 10, steps - 1, steps, steps + 1, 2 * steps + 5, 1_000_000]) {
      const { history, time } = begin();
      history.recordTransaction("deferred", 1);
      history.recordUpstream(5);
      history.recordSessions(3);
      time.now += silence * step;
      history.recordSessions(0);
      time.now += step;
      const { series } = history.view(span);
      const what = `${span}, ${silence} steps`;
      assertEquals(series.transactions.deferred.length, steps, what);
      assertEquals(sum(series.transactions.deferred), silence < steps ? 1 : 0, what);
      assertEquals(series.upstreamP99.filter((p99) => p99 > 0).length, silence < steps ? 1 : 0);
      // In the last step, they were closed.
      assertEquals(
        series.sessions.filter((open) => open === 3).length,
        Math.min(silence, steps - 1),
      );
      assertEquals(series.sessions[steps - 1], 0, what);
    }
  }
});

Deno.test("sessions are those at the end of a step", () => {
  const { history, time } = begin();
  for (const open of [1, 9, 4]) history.recordSessions(open);
  time.now += 1_000;
  history.recordSessions(2);
  time.now += 1_000;
  assertEquals(history.view("5m").series.sessions.slice(-3), [0, 4, 2]);
});

Deno.test("a p99 is of its own step only", () => {
  const { history, time } = begin();
  for (let n = 0; n < 98; n++) history.recordPolicy(1);
  history.recordPolicy(1_000);
  time.now += 1_000;
  history.recordPolicy(10);
  time.now += 9_000;
  const seconds = history.view("5m").series.policyP99.slice(-10);
  const tens = history.view("1h").series.policyP99;
  assert(seconds[0] > 950 && Math.abs(seconds[1] - 10) <= 0.5, `${seconds}`);
  // Of a hundred one is slower than the other 99.
  assert(Math.abs(tens.at(-1)! - 10) <= 0.5, `${tens.at(-1)}`);
});

Deno.test("when the clock is put back, what lies ahead is forgotten and the rest is kept", () => {
  const { history, time } = begin();
  history.recordTransaction("accepted", 1);
  time.now += 5_000;
  history.recordTransaction("rejected", 1);
  history.recordUpstream(50);
  time.now -= 3_000;
  history.recordTransaction("deferred", 1);
  time.now += 1_000;
  const { series } = history.view("5m");
  assertEquals(series.transactions.accepted.slice(-3), [1, 0, 0]);
  assertEquals(series.transactions.deferred.slice(-3), [0, 0, 1]);
  assertEquals(sum(series.transactions.rejected), 0);
  assertEquals(sum(series.upstreamP99), 0);
  time.now += 10_000;
  assertEquals(sum(history.view("5m").series.transactions.rejected), 0);
  time.now -= 86_400_000 * 365;
  for (const [span] of spans) {
    for (const values of allSeries(history.view(span))) assertEquals(sum(values), 0);
  }
});

Deno.test("every span agrees with a plain list of what has happened", () => {
  const event = fc.record({
    pause: fc.oneof(fc.nat(1_500), fc.nat(30_000), fc.nat(2_000_000)),
    outcome: fc.constantFrom<Outcome>(...outcomes),
    octets: fc.nat(1_000),
    open: fc.nat(50),
  });
  const events = fc.array(event, { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(events, fc.nat(300_000), fc.nat(400_000), (events, offset, rest) => {
      const { history, time } = begin(start + offset);
      const happened: { at: number; outcome: Outcome; octets: number; open: number }[] = [];
      for (const { pause, outcome, octets, open } of events) {
        time.now += pause;
        history.recordSessions(open);
        history.recordTransaction(outcome, octets);
        happened.push({ at: time.now, outcome, octets, open });
      }
      time.now += rest;
      for (const [span, step, steps] of spans) {
        const { from, series } = history.view(span);
        const expected = Array.from({ length: steps }, (_, n) => {
          const end = from + (n + 1) * step;
          return {
            own: happened.filter(({ at }) => at >= end - step && at < end),
            open: happened.findLast(({ at }) => at < end)?.open ?? 0,
          };
        });
        for (const outcome of outcomes) {
          assertEquals(
            series.transactions[outcome],
            expected.map(({ own }) => own.filter((other) => other.outcome === outcome).length),
          );
        }
        assertEquals(
          series.octets,
          expected.map(({ own }) =>
            sum(own.filter(({ outcome }) => outcome === "accepted").map(({ octets }) => octets))
          ),
        );
        assertEquals(series.sessions, expected.map(({ open }) => open));
      }
    }),
    { numRuns: 40 },
  );
});
