/**
 * Several workers that serve as one: started, replaced, told of each configuration, and ended
 * together. No connection passes through here; the workers accept on sockets that they share.
 *
 * @module
 */

import type { AdminDeed } from "../../admin/deeds.ts";
import { systemClock, within } from "../../clock.ts";
import type { Configuration } from "../../config/configuration.ts";
import { sharedMemory } from "../../state/shared_counters.ts";
import type { AdminServer, NextAdmin } from "../admin_server.ts";
import type { Announce } from "../announcement.ts";
import { type Departed, withDeparted } from "./departed.ts";
import { Employee, SILENCE } from "./employee.ts";
import { mergedSource, type Staff } from "./merged_source.ts";
import type { CommonMemory, Obituary, Totals } from "./messages.ts";
import { located, shareOf } from "./share.ts";
import { Sockets } from "./sockets.ts";

/** Milliseconds before another attempt to replace a worker; each further one doubles. */
const FIRST_PAUSE = 1_000;
/** The longest pause. */
const LONGEST_PAUSE = 60_000;
/** Milliseconds to say how many sessions are open. */
const HASTE = 1_000;

/** What a supervisor is run with. */
export interface SupervisorOptions {
  /** How many. */
  readonly workers: number;
  /** Reads the configuration, at the start and at every reload. @throws {ConfigurationError} */
  readonly load: () => Promise<Configuration>;
  /** Told where it listens, and no longer does, and that it has been restarted. */
  readonly announce: Announce;
  /** Told of workers that have ended, and of those that could not be started. */
  readonly trouble: (error: unknown) => void;
  /** Told of what operators do. */
  readonly audit: (deed: AdminDeed) => void;
  /** Writes whole lines of the log. */
  readonly write: (text: string) => Promise<void>;
  /** Milliseconds for the sessions of a worker that is restarted to end, and again for transactions. */
  readonly drain: number;
}

/** See the module. */
export class Supervisor implements Staff {
  readonly clock = systemClock;
  readonly #options: SupervisorOptions;
  readonly #sockets: Sockets;
  readonly #memory: CommonMemory = {
    counters: { live: sharedMemory(), shadow: sharedMemory() },
    lastNumber: new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT),
  };
  /** Those that take sessions. */
  readonly #serving: Employee[] = [];
  /** Those that take no more. */
  readonly #leaving = new Set<Employee>();
  readonly #drained = Promise.withResolvers<void>();
  #hired = 0;
  #departed: Departed = {};
  #configuration: Configuration;
  /** Reloads, restarts and replacements, one at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  /** Once there has been one. */
  #admin: AdminServer | undefined;
  readonly #restartAll = (): void => {
    const { announce, trouble } = this.#options;
    this.restart().then(() => announce({ event: "restarted" }), trouble);
  };

  private constructor(options: SupervisorOptions, configuration: Configuration) {
    this.#options = options;
    this.#configuration = configuration;
    this.#sockets = new Sockets(options.announce);
  }

  /**
   * Reads the configuration, listens, and starts the workers. On SIGUSR2 they are restarted.
   *
   * @throws {ConfigurationError | OptionError} Nothing is left open then.
   */
  static async start(options: SupervisorOptions): Promise<Supervisor> {
    const configuration = await options.load();
    const supervisor = new Supervisor(options, configuration);
    let admin: NextAdmin | undefined;
    try {
      await supervisor.#sockets.add(configuration);
      admin = await supervisor.#nextAdmin(configuration);
      for (let count = 0; count < options.workers; count++) await supervisor.#hire();
    } catch (error) {
      await admin?.discard();
      await supervisor.close(0);
      throw error;
    }
    // Whoever reads that it listens may signal at once, and what is not listened to ends the process.
    Deno.addSignalListener("SIGUSR2", supervisor.#restartAll);
    await supervisor.#sockets.commit(configuration);
    admin?.commit();
    return supervisor;
  }

  /** Sessions that have begun and not ended. */
  get sessions(): Promise<number> {
    const open = this.workers.map(({ line }) =>
      within(this.clock, HASTE, "open sessions", line.call("open")).catch(() => 0)
    );
    return Promise.all(open).then((all) => all.reduce((sum, one) => sum + one, 0));
  }

  /** Resolves when the admin's `drain` has been obeyed. */
  get drained(): Promise<void> {
    return this.#drained.promise;
  }

  get closing(): boolean {
    return this.#closing !== undefined;
  }

  get workers(): readonly Employee[] {
    return [...this.#serving, ...this.#leaving];
  }

  get departed(): Departed {
    return this.#departed;
  }

  get lastNumber(): number {
    return Number(Atomics.load(new BigInt64Array(this.#memory.lastNumber), 0));
  }

  /**
   * Reads the configuration again, has every worker make it ready, and then every worker put it in
   * place. One that cannot be made ready everywhere is put in place nowhere.
   *
   * @throws {ConfigurationError | OptionError} Nothing has changed then.
   */
  reload(): Promise<void> {
    return this.#inTurn(() => this.#reload());
  }

  /**
   * Puts another worker in the place of each, one after the other: the next one serves before the
   * present one takes no more sessions. Those that it has may end by themselves.
   */
  restart(): Promise<void> {
    return this.#inTurn(async () => {
      for (const worker of [...this.#serving]) {
        if (this.closing) return;
        await this.#hire();
        await this.#dismiss(worker, this.#options.drain);
      }
    });
  }

  /** Takes no new sessions, lets open transactions finish for `deadline` milliseconds. */
  async close(deadline: number): Promise<void> {
    Deno.removeSignalListener("SIGUSR2", this.#restartAll);
    await this.#drain(deadline);
    await this.#admin?.close();
    for (const worker of this.workers) worker.end();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #reload(): Promise<void> {
    const configuration = await this.#options.load();
    const workers = [...this.#serving];
    let admin: NextAdmin | undefined;
    try {
      await this.#sockets.add(configuration);
      admin = await this.#nextAdmin(configuration);
      await every(workers.map((worker) => this.#equip(worker, configuration, "prepare")));
    } catch (error) {
      await Promise.allSettled(workers.map(({ line }) => line.call("discard")));
      await admin?.discard();
      await this.#sockets.discard();
      throw error;
    }
    // From here on a worker that is lost is replaced by one that has it.
    this.#configuration = configuration;
    await Promise.allSettled(workers.map(({ line }) => line.call("commit")));
    admin?.commit();
    await this.#sockets.commit(configuration);
  }

  /** Starts one more. */
  async #hire(): Promise<void> {
    const { write } = this.#options;
    const worker = new Employee(++this.#hired, { clock: this.clock, write });
    try {
      await this.#equip(worker, this.#configuration, "begin");
    } catch (error) {
      worker.end();
      throw error;
    }
    if (this.closing) return worker.end();
    this.#serving.push(worker);
    void worker.lost.then((why) => this.#replace(worker, why));
  }

  /** Gives a worker a configuration, with the sockets that it lacks. */
  async #equip(
    worker: Employee,
    configuration: Configuration,
    call: "begin" | "prepare",
  ): Promise<void> {
    const { line } = worker;
    // To read large tables takes as long as it takes.
    worker.unwatch();
    const assignment = {
      configuration: shareOf(configuration, this.#options.workers),
      sockets: this.#sockets.shares(call === "begin" ? "all" : "added"),
    };
    try {
      if (call === "prepare") await line.call(call, assignment);
      else await line.call(call, { ...assignment, memory: this.#memory });
    } catch (error) {
      throw located(error, configuration);
    } finally {
      this.#sockets.giveBack(await line.call("giveBack").catch(() => new Map()));
      worker.watch();
    }
  }

  /** Lets one finish what it has under way: sessions, and then, if need be, open transactions only. */
  async #dismiss(worker: Employee, deadline: number): Promise<void> {
    const place = this.#serving.indexOf(worker);
    // It was lost meanwhile.
    if (place < 0) return;
    this.#serving.splice(place, 1);
    this.#leaving.add(worker);
    worker.unwatch();
    const last = await this.#waited("to leave", deadline, worker.line.call("leave", deadline))
      .then(() => this.#closed(worker, deadline)).catch(() => worker.totals);
    this.#leaving.delete(worker);
    this.#remember(last);
    // What it was asked before is answered by then.
    await worker.line.call("open").catch(() => {});
    worker.end();
  }

  #closed({ line }: Employee, deadline: number): Promise<Obituary | undefined> {
    return this.#waited("to close", deadline, line.call("close", deadline));
  }

  /** Waits for a worker that was given so much time, and not much longer. */
  #waited<T>(what: string, deadline: number, answer: Promise<T>): Promise<T> {
    return within(this.clock, deadline + SILENCE, what, answer);
  }

  /** Puts another one in the place of one that was lost, as soon as that can be done. */
  #replace(worker: Employee, why: Error): void {
    this.#options.trouble(why);
    const place = this.#serving.indexOf(worker);
    if (place < 0) return;
    this.#serving.splice(place, 1);
    this.#remember(worker.totals);
    this.#refill(FIRST_PAUSE);
  }

  #refill(pause: number): void {
    void this.#inTurn(async () => {
      if (this.closing || this.#serving.length >= this.#options.workers) return;
      try {
        await this.#hire();
      } catch (error) {
        this.#options.trouble(error);
        this.clock.after(pause, () => this.#refill(Math.min(pause * 2, LONGEST_PAUSE)));
      }
    });
  }

  #remember(totals: Totals | Obituary | undefined): void {
    if (totals !== undefined) this.#departed = withDeparted(this.#departed, totals);
  }

  #drain(deadline: number): Promise<void> {
    return this.#closing ??= (async () => {
      await this.#sockets.close();
      await Promise.allSettled(this.workers.map((worker) => {
        worker.unwatch();
        return this.#closed(worker, deadline);
      }));
    })();
  }

  async #nextAdmin(configuration: Configuration): Promise<NextAdmin | undefined> {
    if (this.#admin === undefined) {
      if (configuration.admin === undefined) return undefined;
      // Whoever has no admin need not load what it takes to have one.
      const { AdminServer, adminOver, reporting } = await import("../admin_server.ts");
      const source = mergedSource(this);
      const own = {
        audit: this.#options.audit,
        reload: () => reporting(() => this.reload()),
        drain: async (deadline: number) => {
          await this.#drain(deadline);
          this.#drained.resolve();
        },
      };
      this.#admin = new AdminServer({
        make: (options) => adminOver(source, { ...options, ...own }),
        announce: this.#options.announce,
        trouble: this.#options.trouble,
      });
    }
    return await this.#admin.prepare(configuration);
  }
}

/** Waits for all of them, whatever becomes of the first. @throws What the first has thrown. */
async function every(all: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(all);
  await Promise.all(all);
}
