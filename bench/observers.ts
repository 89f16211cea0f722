/**
 * What does it cost mail to be watched?
 *
 * Three processes of `sluice serve` stand between the same load and the same sink: without an admin,
 * with one that nobody looks at, with one that 100 viewers look at, 10 of whom never read. Linux only:
 * processor time and memory are from `/proc`, for which Deno wants all permissions.
 *
 *     deno run --allow-all bench/observers.ts [rounds] [milliseconds]
 *
 * @module
 */

import type { Workload } from "./_load.ts";
import { Process, script } from "./_process.ts";
import { compare, Sluice, type Turn, type Variant } from "./_variants.ts";
import { Viewers } from "./_viewers.ts";

const ROUNDS = 12;
/** Of a turn. */
const MILLISECONDS = 2_000;
const READERS = 90;
const SLEEPERS = 10;

const workloads: readonly Workload[] = [
  { title: "10 persistent sessions, 2 KB", sessions: 10, size: 2_048 },
  { title: "a connection for each message, 2 KB", sessions: 20, size: 2_048, once: true },
  { title: "10 persistent sessions, 50 KB", sessions: 10, size: 51_200 },
];

/** One that is looked at while it works. */
class Watched implements Variant, AsyncDisposable {
  static async start(upstream: string): Promise<Watched> {
    const sluice = await Sluice.start(upstream, ["--admin", "127.0.0.1:0"]);
    const admin = (await sluice.process.line()).split(" ").at(-1)!;
    return new Watched(sluice, new Viewers(new URL(admin)));
  }

  private constructor(readonly sluice: Sluice, readonly viewers: Viewers) {}

  get process(): Process {
    return this.sluice.process;
  }

  async turn(load: Process, workload: Workload, milliseconds: number): Promise<Turn> {
    await this.viewers.come(READERS, SLEEPERS);
    const turn = await this.sluice.turn(load, workload, milliseconds);
    await this.viewers.leave();
    return turn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.viewers[Symbol.asyncDispose]();
    await this.sluice[Symbol.asyncDispose]();
  }
}

if (import.meta.main) {
  const [rounds = ROUNDS, milliseconds = MILLISECONDS] = Deno.args.map(Number);
  await using sink = new Process(["--allow-net=127.0.0.1", script("_sink.ts")]);
  const upstream = `smtp://127.0.0.1:${await sink.line()}?tls=none`;
  await using quiet = await Sluice.start(upstream);
  await using admin = await Sluice.start(upstream, ["--admin", "127.0.0.1:0"]);
  await using viewers = await Watched.start(upstream);
  await using load = new Process(["--allow-net=127.0.0.1", script("_load.ts")]);
  const variants = { quiet, admin, viewers };
  await compare({ variants, workloads, load, rounds, milliseconds });
  console.log(`\nViewers dropped: ${await viewers.viewers.dropped()}`);
}
