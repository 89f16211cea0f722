/**
 * Processes of `sluice serve` that differ in one thing and take turns between the same load and the
 * same sink, a few seconds each, so that whatever else the machine does befalls all of them; what counts
 * is the ratio between neighbours.
 *
 * @module
 */

import type { Load, Order, Workload } from "./_load.ts";
import { processor } from "./_proc.ts";
import { Process, script } from "./_process.ts";
import { header, median, row, spreadOf } from "./_rounds.ts";

/** What a turn has brought. */
export interface Turn {
  /** A second. */
  readonly messages: number;
  /** Microseconds of processor time a message. */
  readonly cpu: number;
}

/** Somebody who takes turns. */
export interface Variant {
  readonly process: Process;
  turn(load: Process, workload: Workload, milliseconds: number): Promise<Turn>;
}

/** A process of `sluice serve`. */
export class Sluice implements Variant, AsyncDisposable {
  /** @param args Behind those for listener and upstream. */
  static async start(upstream: string, args: readonly string[] = []): Promise<Sluice> {
    const process = new Process([
      // As the README starts it.
      "--v8-flags=--no-memory-reducer",
      ...["--allow-net", "--allow-read", "--allow-env", script("../src/cli/main.ts")],
      ...["serve", "--quiet", "--listen", "127.0.0.1:0", "--upstream", upstream, ...args],
    ]);
    return new Sluice(process, Number((await process.line()).split(":").at(-1)));
  }

  constructor(readonly process: Process, readonly port: number) {}

  async turn(load: Process, workload: Workload, milliseconds: number): Promise<Turn> {
    const before = this.process.cpu();
    const order: Order = { port: this.port, workload, milliseconds };
    const done = await load.ask(order) as Load;
    if (done.error !== undefined) throw new Error(done.error);
    const cpu = this.process.cpu() - before;
    return { messages: done.messages / done.milliseconds * 1e3, cpu: cpu / done.messages * 1e6 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

/** So many times as long as the others is the first turn: V8 compiles for some seconds of full load. */
const WARM_UP = 4;

/** What is compared, and how. */
export interface Comparison {
  /** By name; the first is what the others are compared with. */
  readonly variants: Readonly<Record<string, Variant>>;
  readonly workloads: readonly Workload[];
  readonly load: Process;
  /** Turns of each variant at each workload; there is one more before them, which does not count. */
  readonly rounds: number;
  /** Of a turn. */
  readonly milliseconds: number;
}

/** Lets all of them take turns, who is first changing each time, and prints tables. */
export async function compare(comparison: Comparison): Promise<void> {
  const { variants, workloads, load, rounds, milliseconds } = comparison;
  const names = Object.keys(variants);
  const turns = workloads.map(() => Object.fromEntries(names.map((name) => [name, [] as Turn[]])));
  const peaks: number[][] = [];
  for (let round = 0; round <= rounds; round++) {
    for (const [place, workload] of workloads.entries()) {
      for (let nth = 0; nth < names.length; nth++) {
        const name = names[(round + nth) % names.length];
        const length = round === 0 ? WARM_UP * milliseconds : milliseconds;
        const turn = await variants[name].turn(load, workload, length);
        if (round > 0) turns[place][name].push(turn);
      }
    }
    peaks.push(names.map((name) => variants[name].process.peakMemory()));
  }
  const day = new Date().toISOString().slice(0, 10);
  console.log(`${processor()}; Deno ${Deno.version.deno}; ${day}; ${rounds} rounds\n`);
  report(comparison, turns);
  console.log();
  header("peak memory, MB", ...names);
  for (const round of [0, Math.ceil(rounds / 2), rounds]) {
    row(`after round ${round}`, ...peaks[round].map((peak) => peak.toFixed(0)));
  }
}

function report(
  { variants, workloads }: Comparison,
  turns: readonly Readonly<Record<string, readonly Turn[]>>[],
): void {
  const [base, ...others] = Object.keys(variants);
  const ratios = `ratio to ${base}`;
  header("workload", "variant", "messages a second", ratios, "processor µs a message", ratios);
  for (const [place, { title }] of workloads.entries()) {
    const own = (name: string, key: keyof Turn): string =>
      median(turns[place][name].map((turn) => turn[key])).toFixed(0);
    const ratio = (name: string, key: keyof Turn): string =>
      spreadOf(turns[place][name].map((turn, nth) => turn[key] / turns[place][base][nth][key]), 3);
    row(title, base, own(base, "messages"), "", own(base, "cpu"), "");
    for (const name of others) {
      row(
        "",
        name,
        own(name, "messages"),
        ratio(name, "messages"),
        own(name, "cpu"),
        ratio(name, "cpu"),
      );
    }
  }
}
