/**
 * One of several threads that serve, each a whole service with the same configuration. Run as a
 * worker; the main thread says what to do.
 *
 * @module
 */

import { listenShared } from "../../adapters/deno/shared_listener.ts";
import { localSource } from "../../admin/local_source.ts";
import type { AdminSource } from "../../admin/source.ts";
import type { DialogueView } from "../../admin/views.ts";
import type { ChannelListener } from "../../channel.ts";
import { systemClock } from "../../clock.ts";
import type { Configuration } from "../../config/configuration.ts";
import { SharedCounters } from "../../state/shared_counters.ts";
import type { StatsPart } from "../../stats/merge.ts";
import { type Pen, pens } from "../../stats/pen.ts";
import type { Stats } from "../../stats/stats.ts";
import type { DialogueLine } from "../../stats/views.ts";
import { type Log, openLog } from "../log.ts";
import { outliveFaults } from "../outlive_faults.ts";
import { type NextConfiguration, Service } from "../service.ts";
import { type Common, surroundingsOf } from "../surroundings.ts";
import { Line, type Port } from "./line.ts";
import {
  type Asked,
  asked,
  type Assignment,
  type Beginning,
  type CommonMemory,
  type Copies,
  HITTERS,
  type MainCalls,
  type Obituary,
  type SaidSince,
  type SocketShare,
  SPANS,
  type Totals,
  type WorkerCalls,
} from "./messages.ts";
import { received } from "./share.ts";

/** Milliseconds for which a dialogue is followed that nobody asks for. */
const FORGOTTEN = 10_000;

/** A dialogue that somebody follows. */
interface Followed {
  readonly linesAfter: (number: number, pen: Pen) => DialogueLine[];
  askedAt: number;
}

/** What the calls of the main thread come to. */
class ServingWorker {
  readonly #main: Line<MainCalls>;
  readonly #followed = new Map<string, Followed>();
  #service: Service | undefined;
  #log: Log | undefined;
  /** The configuration that is to be made ready, and its new sockets. */
  #wanted: Configuration | undefined;
  #sockets: ReadonlyMap<string, SocketShare> = new Map();
  #copies = new Map<string, number>();
  #next: NextConfiguration | undefined;

  constructor(port: Port) {
    this.#main = new Line<MainCalls>(port, this.#calls());
    addEventListener("unload", () => void this.#main.call("ending"));
  }

  #calls(): WorkerCalls {
    const answer = (name: Asked) => (argument: never) => this.#source[name](argument);
    return {
      begin: (beginning) => this.#begin(beginning),
      prepare: (assignment) => this.#prepare(assignment),
      giveBack: () => this.#giveBack(),
      commit: () => {
        this.#next?.commit();
        this.#next = undefined;
      },
      discard: async () => {
        await this.#next?.discard();
        this.#next = undefined;
      },
      leave: (deadline) => this.#serving.leave(deadline),
      close: (deadline) => this.#close(deadline),
      open: () => this.#serving.sessions,
      totals: () => this.#totals(),
      stats: () => this.#stats(),
      said: (since) => this.#said(since),
      ...Object.fromEntries(asked.map((name) => [name, answer(name)])) as Pick<AdminSource, Asked>,
    };
  }

  async #begin({ memory, ...assignment }: Beginning): Promise<void> {
    this.#take(assignment);
    const configuration = this.#wanted!;
    const write = (text: string): Promise<void> => this.#main.call("write", text);
    this.#log = openLog({ ...configuration.log, clock: systemClock, write });
    this.#service = await Service.start({
      surroundings: await surroundingsOf(configuration, this.#log, commonOf(memory)),
      load: () => Promise.resolve(this.#wanted!),
      announce: () => {},
      listen: (_, id) => this.#listen(id),
      servesAdmin: false,
    });
  }

  async #prepare(assignment: Assignment): Promise<void> {
    this.#take(assignment);
    this.#next = await this.#serving.prepare();
  }

  #giveBack(): Copies {
    const kept = [...this.#sockets].map(([id, { fd }]) =>
      [id, this.#copies.get(id) ?? fd] as const
    );
    this.#sockets = new Map();
    return new Map(kept);
  }

  #take({ configuration, sockets }: Assignment): void {
    this.#wanted = received(configuration);
    this.#sockets = sockets;
    this.#copies = new Map();
  }

  async #listen(id: string): Promise<ChannelListener> {
    const { fd, address } = this.#sockets.get(id)!;
    const { listener, copy } = await listenShared(fd, address);
    this.#copies.set(id, copy);
    return listener;
  }

  async #close(deadline: number): Promise<Obituary | undefined> {
    await this.#serving.close(deadline);
    await this.#log?.close();
    const totals = this.#totals();
    if (totals === undefined) return undefined;
    const { history } = this.#counted;
    return { ...totals, histories: new Map(SPANS.map((span) => [span, history.view(span)])) };
  }

  get #serving(): Service {
    if (this.#service === undefined) throw new Error("Cannot do this: nothing is served yet");
    return this.#service;
  }

  get #counted(): Stats {
    const { stats } = this.#serving;
    if (stats === undefined) throw new Error("Cannot tell: nobody counts");
    return stats;
  }

  get #source(): AdminSource {
    const { proxy } = this.#serving;
    const explain: Service["explain"] = (described) => this.#serving.explain(described);
    return localSource({ proxy, stats: this.#counted, pen: this.#pen, explain });
  }

  get #pen(): Pen {
    return pens[this.#serving.configuration.admin?.addresses ?? "plain"];
  }

  #stats(): StatsPart {
    return this.#counted.view({ draining: this.#serving.proxy.closing }, HITTERS);
  }

  #totals(): Totals | undefined {
    const { stats, proxy: { policy, upstreams } } = this.#serving;
    if (stats === undefined) return undefined;
    return {
      stats: this.#stats(),
      metrics: stats.metrics.meters.collect(),
      rules: stats.rules.of(policy),
      upstreams: stats.upstreams.of(upstreams, new Map()),
    };
  }

  #said({ id, number }: SaidSince): DialogueView | undefined {
    const now = systemClock.monotonic();
    for (const [id, { askedAt }] of this.#followed) {
      if (now - askedAt > FORGOTTEN) this.#followed.delete(id);
    }
    const { sessions } = this.#counted;
    const linesAfter = this.#followed.get(id)?.linesAfter ?? sessions.follow(id);
    if (linesAfter === undefined) return undefined;
    const ended = !sessions.has(id);
    if (ended) this.#followed.delete(id);
    else this.#followed.set(id, { linesAfter, askedAt: now });
    return { lines: linesAfter(number, this.#pen), ended };
  }
}

function commonOf({ counters, lastNumber }: CommonMemory): Common {
  const last = new BigInt64Array(lastNumber);
  return {
    counters: {
      live: new SharedCounters(systemClock, counters.live),
      shadow: new SharedCounters(systemClock, counters.shadow),
    },
    nextNumber: () => Number(Atomics.add(last, 0, 1n)) + 1,
  };
}

outliveFaults();
new ServingWorker(self as unknown as Port);
