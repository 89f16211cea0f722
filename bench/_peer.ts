/**
 * One of those that are compared, running.
 *
 * @module
 */

import type { Load } from "./_load.ts";
import { locate, type PeerKind, type Places } from "./_peer_kinds.ts";
import { cpuOf, memoryOf, peakMemoryOf, treeOf } from "./_proc.ts";
import { type Process, script } from "./_process.ts";
import type { Sunk } from "./_sink.ts";
import type { PeerWorkload } from "./_workloads.ts";

/** What a turn has brought. */
export interface Turn {
  /** Messages a second. */
  readonly rate: number;
  /** Milliseconds of processor time a message; undefined where there is nothing in between. */
  readonly cpu: number | undefined;
  /** Milliseconds that 99 of 100 messages took at the most. */
  readonly p99: number;
  /** The most memory, in MB; undefined where it was not looked at. */
  readonly memory: number | undefined;
}

/** Load and sink, with which everybody works. */
export interface Ends {
  readonly load: Process;
  readonly sink: Process;
  readonly sinkPort: number;
}

/** Milliseconds within which one has to greet. */
const START = 20_000;
/** Milliseconds between two attempts. */
const AGAIN = 50;
/** Milliseconds that one has to end by itself. */
const END = 3_000;
/** Milliseconds between two looks at the memory of several processes. */
const LOOK = 250;
const FREE = { delay: 0, work: 0 };

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A port that nobody listens at. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function greets(port: number): Promise<boolean> {
  try {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const octets = new Uint8Array(3);
    const timer = setTimeout(() => conn.close(), START);
    const count = await conn.read(octets).finally(() => clearTimeout(timer));
    return count === octets.length && new TextDecoder().decode(octets) === "220";
  } catch {
    return false;
  }
}

async function run([command, ...args]: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr).trim()}`);
}

/** Copies files, with the places filled in. */
async function copy(from: string, to: string, names: Readonly<Record<string, string>>) {
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) {
      await Deno.mkdir(`${to}/${name}`);
      await copy(`${from}/${name}`, `${to}/${name}`, names);
      continue;
    }
    const text = await Deno.readTextFile(`${from}/${name}`);
    const filled = Object.entries(names)
      .reduce((text, [name, value]) => text.replaceAll(`@${name}@`, value), text);
    await Deno.writeTextFile(`${to}/${name}`, filled);
  }
}

async function makeDirectory(kind: PeerKind, places: Places): Promise<void> {
  const { port, otherPort, upstreamPort, directory } = places;
  const names = {
    "listen": `127.0.0.1:${port}`,
    "other": `127.0.0.1:${otherPort}`,
    "upstream": `127.0.0.1:${upstreamPort}`,
    "upstream-port": `${upstreamPort}`,
    directory,
  };
  if (kind.files !== undefined) await copy(script(`_relays/${kind.files}`), directory, names);
  for (const command of kind.prepare?.(directory) ?? []) await run(command);
}

/** Why one cannot take part; undefined where it can. */
export async function hindrance(kind: PeerKind): Promise<string | undefined> {
  if (kind.program !== undefined && await locate(kind.program) === undefined) {
    return "not installed";
  }
  return kind.root && Deno.uid() !== 0 ? "runs only as root" : undefined;
}

/** See the module. */
export class Peer implements AsyncDisposable {
  static readonly #running = new Set<Peer>();

  private constructor(
    readonly kind: PeerKind,
    readonly port: number,
    readonly directory: string,
    readonly child: Deno.ChildProcess | undefined,
  ) {}

  /**
   * Starts one and waits for its greeting.
   *
   * @throws {Error} If it does not come.
   */
  static async start(kind: PeerKind, { sinkPort }: Ends): Promise<Peer> {
    if (kind.program === undefined) return new Peer(kind, sinkPort, "", undefined);
    const directory = await Deno.makeTempDir({ prefix: "sluice-bench-" });
    const places = {
      port: freePort(),
      otherPort: freePort(),
      upstreamPort: sinkPort,
      directory,
    };
    await makeDirectory(kind, places);
    const child = new Deno.Command(await locate(kind.program) ?? kind.program, {
      args: [...kind.args(places)],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
      // Some end their whole process group with themselves.
      detached: true,
    }).spawn();
    const peer = new Peer(kind, places.port, directory, child);
    Peer.#running.add(peer);
    const end = performance.now() + START;
    let ended = false;
    void child.status.then(() => ended = true);
    while (!await greets(peer.port)) {
      if (ended || performance.now() > end) {
        await peer[Symbol.asyncDispose]();
        throw new Error(ended ? "found its end" : `found no greeting within ${START / 1_000} s`);
      }
      await pause(AGAIN);
    }
    return peer;
  }

  /** Ends all there are: none of them ends with this process. */
  static async endAll(): Promise<void> {
    for (const peer of Peer.#running) await peer[Symbol.asyncDispose]();
  }

  /**
   * Has it relay for a while.
   *
   * @throws {Error} If it has not relayed all, or not as it should.
   */
  async turn(ends: Ends, workload: PeerWorkload, milliseconds: number): Promise<Turn> {
    const { load, sink } = ends;
    const { setUp = FREE, fresh = false, bulk: _, ...asked } = workload;
    const before = await sink.ask(setUp) as Sunk;
    const cpu = this.#cpu();
    let most = 0;
    const look = fresh ? setInterval(() => most = Math.max(most, this.#memory()), LOOK) : undefined;
    const order = { port: this.port, workload: asked, milliseconds };
    const done = await load.ask(order) as Load;
    clearInterval(look);
    const spent = this.#cpu() - cpu;
    const memory = fresh ? Math.max(most, this.#memory()) : undefined;
    const after = await sink.ask(FREE) as Sunk;
    if (done.error !== undefined) throw new Error(done.error);
    const sunk = after.messages - before.messages;
    if (sunk !== done.messages) {
      throw new Error(`found ${sunk} messages at the sink of ${done.messages} accepted`);
    }
    return {
      rate: done.messages / done.milliseconds * 1e3,
      cpu: this.child === undefined ? undefined : spent / done.messages * 1e3,
      p99: done.p99,
      memory: this.child === undefined ? undefined : memory,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { child } = this;
    if (child === undefined || !Peer.#running.delete(this)) return;
    const pids = [...treeOf(child.pid).keys()];
    kill(child.pid, "SIGTERM");
    await Promise.race([child.status, pause(END)]);
    for (const pid of pids) kill(pid, "SIGKILL");
    await child.status;
    await Deno.remove(this.directory, { recursive: true });
  }

  #cpu(): number {
    return this.child === undefined ? 0 : cpuOf(this.child.pid);
  }

  #memory(): number {
    if (this.child === undefined) return 0;
    const pids = [...treeOf(this.child.pid).keys()];
    return pids.length === 1 ? peakMemoryOf(this.child.pid) : memoryOf(pids);
  }
}

function kill(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch {
    // It has ended.
  }
}
