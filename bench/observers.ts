/**
 * What does it cost mail to be watched?
 *
 * Three processes of `sluice serve` stand between the same load and the same sink: without an admin,
 * with one that nobody looks at, with one that 100 viewers look at, 10 of whom never read. They take
 * turns, a few seconds each, so that whatever else the machine does befalls all three; what counts is
 * the ratio between neighbours. Linux only: processor time and memory are from `/proc`, for which Deno
 * wants all permissions.
 *
 *     deno run --allow-all bench/observers.ts [rounds] [milliseconds]
 *
 * @module
 */

import type { Load, Order } from "./_load.ts";
import { processor } from "./_proc.ts";
import { Process, script } from "./_process.ts";
import { header, median, row, spreadOf } from "./_rounds.ts";
import { Viewers } from "./_viewers.ts";

/** Turns of each variant at each workload; there is one more before them, which does not count. */
const ROUNDS = 12;
/** Of a turn. */
const MILLISECONDS = 2_000;
const READERS = 90;
const SLEEPERS = 10;

const variants = ["quiet", "admin", "viewers"] as const;
type Variant = typeof variants[number];

const workloads = {
  persistent: { title: "10 persistent sessions, 2 KB", sessions: 10, size: 2_048 },
  once: { title: "a connection for each message, 2 KB", sessions: 20, size: 2_048, once: true },
  large: { title: "10 persistent sessions, 50 KB", sessions: 10, size: 51_200 },
} as const;
type Workload = keyof typeof workloads;

/** What a turn has brought. */
interface Turn {
  /** A second. */
  readonly messages: number;
  /** Microseconds of processor time a message. */
  readonly cpu: number;
}

/** A process of `sluice serve` and where it listens. */
class Sluice implements AsyncDisposable {
  private constructor(
    readonly process: Process,
    readonly port: number,
    readonly viewers: Viewers | undefined,
  ) {}

  static async start(upstream: string, variant: Variant): Promise<Sluice> {
    const process = new Process([
      ...["--allow-net", "--allow-read", "--allow-env", script("../src/cli/main.ts")],
      ...["serve", "--quiet", "--listen", "127.0.0.1:0", "--upstream", upstream],
      ...variant === "quiet" ? [] : ["--admin", "127.0.0.1:0"],
    ]);
    const smtp = await process.line();
    const admin = variant === "viewers" ? (await process.line()).split(" ").at(-1)! : undefined;
    return new Sluice(
      process,
      Number(smtp.split(":").at(-1)),
      admin === undefined ? undefined : new Viewers(new URL(admin)),
    );
  }

  async turn(load: Process, workload: Workload, milliseconds: number): Promise<Turn> {
    await this.viewers?.come(READERS, SLEEPERS);
    const before = this.process.cpu();
    const order: Order = { port: this.port, workload: workloads[workload], milliseconds };
    const done = await load.ask(order) as Load;
    if (done.error !== undefined) throw new Error(done.error);
    const cpu = this.process.cpu() - before;
    await this.viewers?.leave();
    return { messages: done.messages / done.milliseconds * 1e3, cpu: cpu / done.messages * 1e6 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.viewers?.[Symbol.asyncDispose]();
    await this.process[Symbol.asyncDispose]();
  }
}

/** The median of ratios, and between which of them half lie. */
function ratio(turns: readonly Turn[], base: readonly Turn[], key: keyof Turn): string {
  const ratios = turns.map((turn, nth) => turn[key] / base[nth][key]);
  return spreadOf(ratios, 3);
}

/** Asks one after the other, round after round; who is first changes. */
async function measure(
  sluices: Readonly<Record<Variant, Sluice>>,
  load: Process,
  [rounds, milliseconds]: readonly [number, number],
): Promise<void> {
  const turns = Object.fromEntries(
    Object.keys(workloads).map((workload) => [
      workload,
      Object.fromEntries(variants.map((variant) => [variant, [] as Turn[]])),
    ]),
  ) as Record<Workload, Record<Variant, Turn[]>>;
  const peaks: number[][] = [];
  for (let round = 0; round <= rounds; round++) {
    for (const workload of Object.keys(workloads) as Workload[]) {
      for (let nth = 0; nth < variants.length; nth++) {
        const variant = variants[(round + nth) % variants.length];
        const turn = await sluices[variant].turn(load, workload, milliseconds);
        if (round > 0) turns[workload][variant].push(turn);
      }
    }
    peaks.push(variants.map((variant) => sluices[variant].process.peakMemory()));
  }
  report(turns);
  console.log();
  header("peak memory, MB", ...variants);
  for (const round of [0, Math.ceil(rounds / 2), rounds]) {
    row(`after round ${round}`, ...peaks[round].map((peak) => peak.toFixed(0)));
  }
  console.log(`\nViewers dropped: ${await sluices.viewers.viewers!.dropped()}`);
}

function report(turns: Readonly<Record<Workload, Readonly<Record<Variant, readonly Turn[]>>>>) {
  const ratios = "ratio to quiet";
  header("workload", "variant", "messages a second", ratios, "processor µs a message", ratios);
  for (const workload of Object.keys(workloads) as Workload[]) {
    for (const variant of variants) {
      const { [variant]: own, quiet } = turns[workload];
      row(
        variant === "quiet" ? workloads[workload].title : "",
        variant,
        median(own.map(({ messages }) => messages)).toFixed(0),
        variant === "quiet" ? "" : ratio(own, quiet, "messages"),
        median(own.map(({ cpu }) => cpu)).toFixed(0),
        variant === "quiet" ? "" : ratio(own, quiet, "cpu"),
      );
    }
  }
}

if (import.meta.main) {
  const [rounds = ROUNDS, milliseconds = MILLISECONDS] = Deno.args.map(Number);
  await using sink = new Process(["--allow-net=127.0.0.1", script("_sink.ts")]);
  const upstream = `smtp://127.0.0.1:${await sink.line()}?tls=none`;
  await using quiet = await Sluice.start(upstream, "quiet");
  await using admin = await Sluice.start(upstream, "admin");
  await using viewers = await Sluice.start(upstream, "viewers");
  await using load = new Process(["--allow-net=127.0.0.1", script("_load.ts")]);
  const day = new Date().toISOString().slice(0, 10);
  console.log(`${processor()}; Deno ${Deno.version.deno}; ${day}; ${rounds} rounds\n`);
  await measure({ quiet, admin, viewers }, load, [rounds, milliseconds]);
}
