/**
 * What does it cost mail to be measured?
 *
 * Each measured iteration does a thousand of them, so that the timer's own cost does not show, with
 * values from a list made before: codes of replies, durations over seven powers of ten, keys of which
 * few are frequent. The list is the same each time, so a processor may learn some of its branches.
 *
 *     deno bench bench/stats_bench.ts
 *
 * @module
 */

import { systemClock } from "../src/clock.ts";
import { expose } from "../src/stats/exposition.ts";
import { HeavyHitters } from "../src/stats/heavy_hitters.ts";
import { History } from "../src/stats/history.ts";
import { Meters } from "../src/stats/meters.ts";
import { WindowedHistogram } from "../src/stats/windowed_histogram.ts";

const times = 1000;

/** Spreads numbers over 0 to 1. */
function spread(n: number): number {
  return (Math.imul(n + 1, 0x9e3779b1) >>> 0) / 2 ** 32;
}

const several = <T>(make: (n: number) => T): T[] =>
  Array.from({ length: times }, (_, n) => make(n));

const meters = new Meters();

const plain = meters.counter({ name: "plain_total", help: "No labels." });
Deno.bench(`${times} × counter.add`, { group: "counter", baseline: true }, () => {
  for (let n = 0; n < times; n++) plain.add();
});

const replies = meters.counter({ name: "replies_total", help: "Two.", labels: ["phase", "code"] });
const phases = ["connect", "ehlo", "mail", "rcpt", "data", "message"];
const codes = ["220", "250", "354", "421", "451", "503", "550", "554"];
const answers = several((n) => ({
  phase: phases[Math.floor(spread(n) * phases.length)],
  code: codes[Math.floor(spread(n + times) * codes.length)],
}));
Deno.bench(`${times} × counter.with(phase, code).add`, { group: "counter" }, () => {
  for (const { phase, code } of answers) replies.with(phase, code).add();
});

const full = meters.counter({ name: "full_total", help: "Full.", labels: ["key"], maxChildren: 1 });
const strangers = several((n) => `stranger ${n}`);
Deno.bench(`${times} × counter.with(no room).add`, { group: "counter" }, () => {
  for (const stranger of strangers) full.with(stranger).add();
});

const seconds = several((n) => 10 ** (spread(n) * 7 - 5));
const durations = meters.histogram({ name: "duration_seconds", help: "Fifteen bounds." });
Deno.bench(`${times} × histogram.observe`, { group: "duration" }, () => {
  for (const duration of seconds) durations.observe(duration);
});

const latencies = new WindowedHistogram(systemClock);
Deno.bench(`${times} × windowedHistogram.record`, { group: "duration" }, () => {
  for (const duration of seconds) latencies.record(duration * 1000);
});

const history = new History(systemClock);
Deno.bench(`${times} × history.recordUpstream`, { group: "duration" }, () => {
  for (const duration of seconds) history.recordUpstream(duration * 1000);
});
Deno.bench(`${times} × history.recordTransaction`, { group: "duration" }, () => {
  for (let n = 0; n < times; n++) history.recordTransaction("accepted", n);
});

for (
  const [name, most] of [["100 keys", 100], [
    "100,000 keys, few of them frequent",
    100_000,
  ]] as const
) {
  const hitters = new HeavyHitters(systemClock);
  const keys = several((n) => `domain${Math.floor(most ** spread(n))}.example`);
  Deno.bench(`${times} × heavyHitters.add, ${name}`, { group: "hitters" }, () => {
    for (const key of keys) hitters.add(key);
  });
}
const crowd = new HeavyHitters(systemClock);
Deno.bench(`${times} × heavyHitters.add, each takes another's place`, { group: "hitters" }, () => {
  for (const stranger of strangers) crowd.add(stranger);
});

Deno.bench("latencies.view", { group: "reading" }, () => {
  latencies.view();
});
Deno.bench("history.view of a day", { group: "reading" }, () => {
  history.view("1d");
});
Deno.bench("hitters.top(10)", { group: "reading" }, () => {
  crowd.top(10);
});
Deno.bench("expose(meters.collect())", { group: "reading" }, () => {
  expose(meters.collect(), "openmetrics");
});
