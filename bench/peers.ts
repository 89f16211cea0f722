/**
 * How does Sluice compare with what one would put in its place?
 *
 * The whole proxy, with its admin, a policy of five rules and all checks, beside relays that look at
 * nothing, proxies in C, a relay of smtp-server and nodemailer, Haraka and Postfix. All of them stand
 * between the same load and the same sink and take turns, in another order each round; what counts
 * is the ratio within a round. Those that are not installed are left out and named. Linux only:
 * processor time and memory are from `/proc`, for which Deno wants all permissions.
 *
 *     deno run --allow-all bench/peers.ts --rounds 12 --workloads W1,W2 --peers haproxy,nginx
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type Ends, hindrance, Peer, type Turn } from "./_peer.ts";
import { type PeerKind, peerKinds } from "./_peer_kinds.ts";
import { loadAverage, processor } from "./_proc.ts";
import { Process, script } from "./_process.ts";
import { header, median, row, spreadOf } from "./_rounds.ts";
import { isWorkload, type PeerWorkload, type WorkloadName, workloads } from "./_workloads.ts";

const [SLUICE, ...OTHERS] = peerKinds;

/** What the command line asks for. */
interface Plan {
  /** One more goes before them, which does not count. */
  readonly rounds: number;
  /** Of a turn. */
  readonly milliseconds: number;
  readonly names: readonly WorkloadName[];
  readonly kinds: readonly PeerKind[];
}

function planOf(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "12" },
      milliseconds: { type: "string", default: "1500" },
      workloads: { type: "string", default: Object.keys(workloads).join(",") },
      peers: { type: "string", default: OTHERS.map(({ name }) => name).join(",") },
    },
  });
  const others = values.peers.split(",").map((peer) =>
    OTHERS.find(({ name }) => name === peer) ?? refuse("peer", peer, OTHERS.map((o) => o.name))
  );
  const names = values.workloads.split(",").map((name) =>
    isWorkload(name) ? name : refuse("workload", name, Object.keys(workloads))
  );
  return {
    rounds: count("rounds", values.rounds),
    milliseconds: count("milliseconds", values.milliseconds),
    names,
    kinds: [SLUICE, ...others],
  };
}

function refuse(what: string, found: string, allowed: readonly string[]): never {
  console.error(`Cannot compare: found the ${what} "${found}", allowed are ${allowed.join(", ")}`);
  Deno.exit(2);
}

function count(what: string, text: string): number {
  const number = Number(text);
  return Number.isSafeInteger(number) && number > 0 ? number : refuse(what, text, ["1 and more"]);
}

/** Turns by workload, peer and round, and what went wrong. */
class Results {
  readonly #turns = new Map<string, Map<number, Turn>>();
  readonly #notes = new Map<string, number>();

  add(name: WorkloadName, kind: PeerKind, round: number, turn: Turn): void {
    const key = `${name} ${kind.name}`;
    if (!this.#turns.has(key)) this.#turns.set(key, new Map());
    this.#turns.get(key)!.set(round, turn);
  }

  turns(name: WorkloadName, kind: PeerKind): ReadonlyMap<number, Turn> {
    return this.#turns.get(`${name} ${kind.name}`) ?? new Map();
  }

  note(text: string): void {
    this.#notes.set(text, (this.#notes.get(text) ?? 0) + 1);
  }

  get notes(): readonly string[] {
    return [...this.#notes].map(([text, times]) => times === 1 ? text : `${text} (${times} times)`);
  }
}

/** Starts those that can be started. */
async function startAll(
  { kinds, names }: Plan,
  ends: Ends,
  results: Results,
): Promise<readonly Peer[]> {
  const all: Peer[] = [];
  for (const kind of kinds) {
    const why = await hindrance(kind);
    if (why !== undefined) {
      results.note(`${kind.name} is left out: ${why}`);
      continue;
    }
    try {
      all.push(await Peer.start(kind, ends));
      for (const name of names) {
        const unfit = kind.unfit?.[name];
        if (unfit !== undefined) results.note(`${kind.name} has no part in ${name}: ${unfit}`);
      }
    } catch (error) {
      results.note(`${kind.name} is left out: ${(error as Error).message}`);
    }
  }
  return all;
}

/** The next to take turns: another first in each round, and every other round backwards. */
function order<T>(all: readonly T[], round: number): readonly T[] {
  const from = round % all.length;
  const turned = [...all.slice(from), ...all.slice(0, from)];
  return round % 2 === 0 ? turned : turned.reverse();
}

async function take(
  peer: Peer,
  name: WorkloadName,
  ends: Ends,
  milliseconds: number,
): Promise<Turn> {
  const workload: PeerWorkload = workloads[name];
  if (!workload.fresh) return await peer.turn(ends, workload, milliseconds);
  await using fresh = await Peer.start(peer.kind, ends);
  return await fresh.turn(ends, workload, milliseconds);
}

async function measure(plan: Plan, ends: Ends, peers: readonly Peer[], results: Results) {
  for (let round = 0; round <= plan.rounds; round++) {
    for (const [nth, name] of plan.names.entries()) {
      const { fresh = false }: PeerWorkload = workloads[name];
      // There is nothing to warm in a process that is new each time.
      if (round === 0 && fresh) continue;
      for (const peer of order(peers, round + nth)) {
        if (peer.kind.unfit?.[name] !== undefined) continue;
        try {
          const turn = await take(peer, name, ends, plan.milliseconds);
          if (round > 0) results.add(name, peer.kind, round, turn);
        } catch (error) {
          results.note(`${peer.kind.name} at ${name}: ${(error as Error).message}`);
        }
      }
    }
  }
}

/** The ratio of Sluice's figures to another's, of the rounds in which both have one. */
function compare(
  own: ReadonlyMap<number, Turn>,
  other: ReadonlyMap<number, Turn>,
  figure: (turn: Turn) => number | undefined,
): string {
  const ratios = [...own].flatMap(([round, turn]) => {
    const theirs = other.get(round);
    const [a, b] = [figure(turn), theirs && figure(theirs)];
    return a === undefined || b === undefined || b === 0 ? [] : [a / b];
  });
  return own === other || ratios.length === 0 ? "" : spreadOf(ratios, 2);
}

function medianOf(
  turns: ReadonlyMap<number, Turn>,
  figure: (turn: Turn) => number | undefined,
  digits: number,
): string {
  const values = [...turns.values()].map(figure).filter((value) => value !== undefined);
  return values.length === 0 ? "" : median(values).toFixed(digits);
}

function report(name: WorkloadName, kinds: readonly PeerKind[], results: Results): void {
  const { title, size, bulk = false, fresh = false }: PeerWorkload = workloads[name];
  console.log(`\n### ${name}: ${title}\n`);
  const [rate, cpu] = bulk
    ? [({ rate }: Turn) => rate * size / 1e6, ({ cpu }: Turn) => cpu && cpu / size * 1e6]
    : [({ rate }: Turn) => rate, ({ cpu }: Turn) => cpu && cpu * 1e3];
  header(
    ...["", bulk ? "MB/s" : "messages/s", "Sluice's to it"],
    ...[bulk ? "processor ms a MB" : "processor µs a message", "Sluice's to it", "99 % in ms"],
    ...fresh ? ["peak MB"] : [],
  );
  const own = results.turns(name, SLUICE);
  for (const kind of kinds) {
    const turns = results.turns(name, kind);
    if (turns.size === 0) continue;
    row(
      ...[kind.name, medianOf(turns, rate, 0), compare(own, turns, rate)],
      ...[medianOf(turns, cpu, bulk ? 2 : 0), compare(own, turns, cpu)],
      medianOf(turns, ({ p99 }) => p99, 1),
      ...fresh ? [medianOf(turns, ({ memory }) => memory, 0)] : [],
    );
  }
}

async function main(plan: Plan): Promise<void> {
  await using sink = new Process(["--allow-net=127.0.0.1", script("_sink.ts")]);
  const sinkPort = Number(await sink.line());
  await using load = new Process(["--allow-net=127.0.0.1", script("_load.ts")]);
  const ends = { load, sink, sinkPort };
  const results = new Results();
  await using _ = { [Symbol.asyncDispose]: () => Peer.endAll() };
  Deno.addSignalListener("SIGINT", () => void Peer.endAll().then(() => Deno.exit(130)));
  const day = new Date().toISOString().slice(0, 10);
  const before = loadAverage();
  const peers = await startAll(plan, ends, results);
  await measure(plan, ends, peers, results);
  console.log(
    `${processor()}; Deno ${Deno.version.deno}; ${day}; ${plan.rounds} rounds of ` +
      `${plan.milliseconds} ms; load average ${before} before, ${loadAverage()} after`,
  );
  for (const name of plan.names) report(name, plan.kinds, results);
  console.log();
  for (const note of results.notes) console.log(`- ${note}`);
}

if (import.meta.main) await main(planOf(Deno.args));
