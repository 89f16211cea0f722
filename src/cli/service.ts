/**
 * A proxy with its listeners, whose configuration can be replaced while it runs: as a whole, or not
 * at all.
 *
 * @module
 */

import { listen } from "../adapters/deno/mod.ts";
import type { ChannelListener, Target } from "../channel.ts";
import type { Configuration, ListenerSource } from "../config/configuration.ts";
import { ConfigurationError, printMistake, shown } from "../config/mistake.ts";
import { OptionError } from "../errors.ts";
import type { ListenerOptions } from "../options.ts";
import { type Described, explain, type Explanation } from "../policy/explain.ts";
import type { Policy } from "../policy/policy.ts";
import { createProxy, type Proxy } from "../proxy.ts";
import { Reply } from "../rfc5321/reply.ts";
import { printAddress } from "./address.ts";
import type { AdminServer, NextAdmin } from "./admin_server.ts";
import { assemble, type Assembly } from "./assemble.ts";
import type { Surroundings } from "./work.ts";

/** What a service is run with. */
export interface ServiceOptions {
  readonly surroundings: Surroundings;
  /** Reads the configuration, at the start and at every reload. @throws {ConfigurationError} */
  readonly load: () => Promise<Configuration>;
  /** Told where it listens, and no longer does. */
  readonly say: (line: string) => void;
}

/** A listener that is open. */
interface Open {
  readonly listener: ChannelListener;
  readonly served: Promise<void>;
}

/** Listeners that are open and not served yet. */
type Added = ReadonlyMap<string, ChannelListener>;

/** See the module. */
export class Service {
  readonly #options: ServiceOptions;
  readonly #proxy: Proxy;
  /** By what tells one from another across configurations: its address as it was written. */
  readonly #open = new Map<string, Open>();
  /** What earlier configurations still have under way. */
  readonly #retiring = new Set<Promise<void>>();
  readonly #drained = Promise.withResolvers<void>();
  #reloading: Promise<void> = Promise.resolve();
  #current: Assembly;
  #surroundings: Surroundings;
  /** Once there has been one. */
  #admin: AdminServer | undefined;
  /** The policy for `explain`, which counts nothing; made when it is asked for. */
  #rehearsal: Promise<Policy> | undefined;

  private constructor(options: ServiceOptions, assembly: Assembly, surroundings: Surroundings) {
    this.#options = options;
    this.#current = assembly;
    this.#surroundings = surroundings;
    this.#proxy = createProxy(assembly.options);
    const { stats } = surroundings;
    if (stats !== undefined) this.#proxy.observe(stats.observer);
  }

  /**
   * Reads the configuration and listens.
   *
   * @throws {ConfigurationError | OptionError} Nothing is left open then.
   */
  static async start(options: ServiceOptions): Promise<Service> {
    const configuration = await options.load();
    const surroundings = await counting(configuration, options.surroundings);
    const assembly = await assemble(configuration, surroundings);
    let service: Service;
    try {
      service = new Service(options, assembly, surroundings);
    } catch (error) {
      await assembly.discard();
      throw error;
    }
    const wanted = byAddress(configuration.listeners);
    let added: Added = new Map();
    try {
      added = await service.#listen(wanted, configuration);
      const admin = await service.#nextAdmin(configuration);
      service.#serve(added, wanted);
      admin?.commit();
    } catch (error) {
      for (const listener of added.values()) listener.close();
      await service.close(0);
      throw error;
    }
    return service;
  }

  /** Sessions that have begun and not ended. */
  get sessions(): number {
    return this.#proxy.sessions;
  }

  /** Where it listens, in the order of the configuration. */
  get addresses(): readonly Target[] {
    return [...this.#open.values()].map(({ listener }) => listener.address as Target);
  }

  /** Resolves when the admin's `drain` has been obeyed. */
  get drained(): Promise<void> {
    return this.#drained.promise;
  }

  /**
   * Reads the configuration again and puts it in the place of the present one. Sessions that have
   * begun keep the old one. A listener whose address is no longer there is closed, its sessions go
   * on; a new one is opened before anything changes.
   *
   * One reload at a time; the next begins when it has ended.
   *
   * @throws {ConfigurationError | OptionError} Nothing has changed then.
   */
  reload(): Promise<void> {
    const reload = this.#reloading.then(() => this.#reload());
    this.#reloading = reload.catch(() => {});
    return reload;
  }

  async #reload(): Promise<void> {
    const configuration = await this.#options.load();
    const surroundings = await counting(configuration, this.#surroundings);
    const assembly = await assemble(configuration, surroundings, this.#current);
    const wanted = byAddress(configuration.listeners);
    let added: Added = new Map();
    let admin: NextAdmin | undefined;
    let ended: Promise<void>;
    try {
      added = await this.#listen(wanted, configuration);
      if (this.#surroundings.stats === undefined && surroundings.stats !== undefined) {
        this.#proxy.observe(surroundings.stats.observer);
      }
      this.#surroundings = surroundings;
      admin = await this.#nextAdmin(configuration);
      const listeners = new Map<ChannelListener, ListenerOptions>();
      for (const [id, { options }] of wanted) {
        listeners.set(added.get(id) ?? this.#open.get(id)!.listener, options);
      }
      ended = this.#proxy.reload(assembly.options, listeners);
    } catch (error) {
      for (const listener of added.values()) listener.close();
      await admin?.discard();
      await assembly.discard();
      throw error;
    }
    admin?.commit();
    this.#rehearsal = undefined;
    const { close } = this.#current;
    this.#retire(ended.then(close));
    this.#current = assembly;
    this.#serve(added, wanted);
    for (const [id, { listener, served }] of this.#open) {
      if (wanted.has(id)) continue;
      this.#open.delete(id);
      listener.close();
      this.#retire(served);
      this.#options.say(`closed ${printAddress(listener.address as Target)}`);
    }
  }

  /** Takes no new sessions, lets open transactions finish for `deadline` milliseconds. */
  async close(deadline: number): Promise<void> {
    await this.#proxy.close(deadline);
    await Promise.all([...this.#open.values()].map(({ served }) => served));
    await Promise.all(this.#retiring);
    await this.#admin?.close();
    await this.#current.close();
  }

  async #nextAdmin(configuration: Configuration): Promise<NextAdmin | undefined> {
    const { stats } = this.#surroundings;
    if (stats === undefined) return undefined;
    if (this.#admin === undefined) {
      if (configuration.admin === undefined) return undefined;
      // Whoever has no admin need not load what it takes to have one.
      const { AdminServer } = await import("./admin_server.ts");
      this.#admin = new AdminServer({
        proxy: this.#proxy,
        stats,
        reload: () => this.#reloadForAdmin(),
        explain: (described) => this.#explain(described),
        drain: async (deadline) => {
          await this.#proxy.close(deadline);
          this.#drained.resolve();
        },
        say: this.#options.say,
      });
    }
    return await this.#admin.prepare(configuration);
  }

  async #reloadForAdmin(): Promise<void> {
    try {
      await this.reload();
    } catch (error) {
      const mistakes = error instanceof ConfigurationError
        ? error.mistakes.map(printMistake)
        : error instanceof OptionError
        ? [error.message]
        : undefined;
      if (mistakes === undefined) throw error;
      const { ReloadError } = await import("../admin/options.ts");
      throw new ReloadError(mistakes);
    }
  }

  async #explain(described: Described): Promise<Explanation> {
    const { configuration, options: { policyTimeLimit: timeLimit, policyFailure } } = this.#current;
    const { clock } = this.#surroundings;
    const rehearse = async (): Promise<Policy> => {
      const { assemblePolicy } = await import("./assemble_policy.ts");
      return await assemblePolicy(configuration, this.#surroundings);
    };
    this.#rehearsal ??= rehearse();
    const onFailure = policyFailure === undefined ? undefined : Reply.parse(policyFailure);
    return await explain(await this.#rehearsal, described, { clock, timeLimit, onFailure });
  }

  /** Opens those that are not open yet: all of them or none. */
  async #listen(
    wanted: ReadonlyMap<string, ListenerSource>,
    configuration: Configuration,
  ): Promise<Added> {
    const added = new Map<string, ChannelListener>();
    try {
      for (const [id, { at, path }] of wanted) {
        if (!this.#open.has(id)) added.set(id, await open(at, path, configuration));
      }
    } catch (error) {
      for (const listener of added.values()) listener.close();
      throw error;
    }
    return added;
  }

  #serve(added: Added, wanted: ReadonlyMap<string, ListenerSource>): void {
    for (const [id, listener] of added) {
      const { options } = wanted.get(id)!;
      const served = this.#proxy.serve(listener, options);
      this.#open.set(id, { listener, served });
      const name = options.implicitTls ? "smtps" : "smtp";
      this.#options.say(`listening ${name} ${printAddress(listener.address as Target)}`);
    }
  }

  #retire(ended: Promise<void>): void {
    const retired = ended.finally(() => this.#retiring.delete(retired));
    this.#retiring.add(retired);
  }
}

/** Somebody counts, where there is somebody to show it to. */
async function counting(
  { admin }: Configuration,
  surroundings: Surroundings,
): Promise<Surroundings> {
  if (admin === undefined || surroundings.stats !== undefined) return surroundings;
  const { Stats } = await import("../stats/stats.ts");
  return { ...surroundings, stats: new Stats({ clock: surroundings.clock }) };
}

/** Several listeners may ask for any free port of the same host. */
function byAddress(sources: readonly ListenerSource[]): Map<string, ListenerSource> {
  const wanted = new Map<string, ListenerSource>();
  for (const source of sources) {
    const address = printAddress(source.at);
    let id = address;
    for (let nth = 2; wanted.has(id); nth++) id = `${address} ${nth}`;
    wanted.set(id, source);
  }
  return wanted;
}

async function open(
  at: Target,
  path: ListenerSource["path"],
  configuration: Configuration,
): Promise<ChannelListener> {
  try {
    return await listen(at);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError([
      configuration.mistake(path, shown(printAddress(at)), `an address that is free (${why})`),
    ]);
  }
}
