/**
 * What does it cost mail to be read?
 *
 * Two processes of `sluice serve` stand between the same load and the same sink: without a policy, and
 * with a filter that reads every message to its end and thinks nothing of it. Linux only, as
 * `observers.ts`.
 *
 *     deno run --allow-all bench/filters.ts [rounds] [milliseconds]
 *
 * @module
 */

import type { Workload } from "./_load.ts";
import { Process, script } from "./_process.ts";
import { compare, Sluice } from "./_variants.ts";

const ROUNDS = 12;
/** Of a turn. */
const MILLISECONDS = 2_000;

const workloads: readonly Workload[] = [
  { title: "10 persistent sessions, 2 KB", sessions: 10, size: 2_048 },
  { title: "10 persistent sessions, 50 KB", sessions: 10, size: 51_200 },
  { title: "4 persistent sessions, 20 MB", sessions: 4, size: 20_971_520 },
];

if (import.meta.main) {
  const [rounds = ROUNDS, milliseconds = MILLISECONDS] = Deno.args.map(Number);
  await using sink = new Process(["--allow-net=127.0.0.1", script("_sink.ts")]);
  const upstream = `smtp://127.0.0.1:${await sink.line()}?tls=none`;
  await using unread = await Sluice.start(upstream);
  await using read = await Sluice.start(upstream, ["--policy", script("_reading_policy.ts")]);
  await using load = new Process(["--allow-net=127.0.0.1", script("_load.ts")]);
  await compare({ variants: { unread, read }, workloads, load, rounds, milliseconds });
}
