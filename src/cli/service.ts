/**
 * A proxy with its listeners, whose configuration can be replaced while it runs: as a whole, or not
 * at all.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { listen } from "../adapters/deno/mod.ts";
import type { ChannelListener, Target } from "../channel.ts";
import type { Configuration, ListenerSource } from "../config/configuration.ts";
import { ConfigurationError, shown } from "../config/mistake.ts";
import { listenerName, type ListenerOptions, resolveListener, resolveOptions } from "../options.ts";
import { type Described, explain, type Explanation } from "../policy/explain.ts";
import type { Policy } from "../policy/policy.ts";
import { createProxy, type Proxy } from "../proxy.ts";
import { Reply } from "../rfc5321/reply.ts";
import type { Stats } from "../stats/stats.ts";
import type { ListenTarget } from "../config/units.ts";
import { printAddress } from "./address.ts";
import type { AdminOptions } from "../admin/options.ts";
import type { AdminServer, NextAdmin } from "./admin_server.ts";
import type { Announce } from "./announcement.ts";
import { assemble, type Assembly } from "./assemble.ts";
import { listenAt, socketBelow } from "./websockets.ts";
import type { Surroundings } from "./work.ts";

/** Milliseconds between two looks at whether all sessions have ended. */
const LOOK = 100;

/** What a service is run with. */
export interface ServiceOptions {
  readonly surroundings: Surroundings;
  /** Reads the configuration, at the start and at every reload. @throws {ConfigurationError} */
  readonly load: () => Promise<Configuration>;
  /** Told where it listens, and no longer does. */
  readonly announce: Announce;
  /**
   * Opens a listener. Default: the runtime's.
   *
   * @param id Tells listeners apart, also those at any free port of the same host.
   */
  readonly listen?: (at: ListenTarget, id: string) => Promise<ChannelListener>;
  /** Whether the admin is served here. Default true; what it would show is counted in any case. */
  readonly servesAdmin?: boolean;
}

/** A configuration that is ready, and not yet the one that is in effect. */
export interface NextConfiguration {
  /** Puts it in the place of the present one. */
  commit(): void;
  /** Gives it up. */
  discard(): Promise<void>;
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

  /** What is being served. */
  get proxy(): Proxy {
    return this.#proxy;
  }

  /** What is counted, once somebody wants to know. */
  get stats(): Stats | undefined {
    return this.#surroundings.stats;
  }

  /** The one that is in effect. */
  get configuration(): Configuration {
    return this.#current.configuration;
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
    const reload = this.#reloading.then(async () => (await this.prepare()).commit());
    this.#reloading = reload.catch(() => {});
    return reload;
  }

  /**
   * Reads the configuration again and makes it ready, and changes nothing. One at a time: the next is
   * made ready when this one has been put in place or given up.
   *
   * @throws {ConfigurationError | OptionError} Nothing is left open then.
   */
  async prepare(): Promise<NextConfiguration> {
    const configuration = await this.#options.load();
    const surroundings = await counting(configuration, this.#surroundings);
    const assembly = await assemble(configuration, surroundings, this.#current);
    const wanted = byAddress(configuration.listeners);
    let added: Added = new Map();
    let admin: NextAdmin | undefined;
    const discard = async (): Promise<void> => {
      for (const listener of added.values()) listener.close();
      await admin?.discard();
      await assembly.discard();
    };
    try {
      added = await this.#listen(wanted, configuration);
      if (this.#surroundings.stats === undefined && surroundings.stats !== undefined) {
        this.#proxy.observe(surroundings.stats.observer);
      }
      this.#surroundings = surroundings;
      admin = await this.#nextAdmin(configuration);
      // What the proxy would throw at is found out here, while nothing has changed.
      const { settings } = resolveOptions(assembly.options);
      for (const { at, options } of wanted.values()) resolveListener(options, settings, at);
    } catch (error) {
      await discard();
      throw error;
    }
    return { commit: () => this.#commit(assembly, wanted, added, admin), discard };
  }

  #commit(
    assembly: Assembly,
    wanted: ReadonlyMap<string, ListenerSource>,
    added: Added,
    admin: NextAdmin | undefined,
  ): void {
    const listeners = new Map<ChannelListener, ListenerOptions>();
    for (const [id, { options }] of wanted) {
      listeners.set(added.get(id) ?? this.#open.get(id)!.listener, options);
    }
    const ended = this.#proxy.reload(assembly.options, listeners);
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
      const address = printAddress(listener.address as Target);
      this.#options.announce({ event: "listener-closed", address });
    }
  }

  /** Listens no more. Settles when the last session has ended by itself, or after `deadline` milliseconds. */
  async leave(deadline: number): Promise<void> {
    const { clock } = this.#surroundings;
    for (const { listener } of this.#open.values()) listener.close();
    await Promise.all([...this.#open.values()].map(({ served }) => served));
    const until = clock.monotonic() + deadline;
    while (this.sessions > 0 && clock.monotonic() < until) {
      await new Promise<void>((resolve) => clock.after(LOOK, resolve));
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
    if (stats === undefined || this.#options.servesAdmin === false) return undefined;
    if (this.#admin === undefined) {
      if (configuration.admin === undefined) return undefined;
      // Whoever has no admin need not load what it takes to have one.
      const { AdminServer, adminOf, reporting } = await import("./admin_server.ts");
      stats.metrics.meters.gauge(MEMORY).read(() => Deno.memoryUsage().rss);
      const own = {
        audit: this.#surroundings.audit,
        reload: () => reporting(() => this.reload()),
        explain: (described: Described) => this.explain(described),
        drain: async (deadline: number) => {
          await this.#proxy.close(deadline);
          this.#drained.resolve();
        },
      };
      const make = (options: AdminOptions) => adminOf(this.#proxy, stats, { ...options, ...own });
      const { announce } = this.#options;
      this.#admin = new AdminServer({ make, announce, trouble: this.#surroundings.trouble });
    }
    return await this.#admin.prepare(configuration);
  }

  /** What the policy would do with a message; nothing is counted. */
  async explain(described: Described): Promise<Explanation> {
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
    const { listen: open = openSocket } = this.#options;
    const added = new Map<string, ChannelListener>();
    try {
      for (const [id, source] of wanted) {
        if (this.#open.has(id)) continue;
        const { at } = source;
        const opened = opening(
          source,
          configuration,
          () => listenAt(at, () => open(at, id), () => this.#current.options.tls!),
        );
        added.set(id, await opened);
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
      const address = printAddress(listener.address as Target);
      this.#options.announce({ event: "listening", service: listenerName(options), address });
    }
  }

  #retire(ended: Promise<void>): void {
    const retired = ended.finally(() => this.#retiring.delete(retired));
    this.#retiring.add(retired);
  }
}

function openSocket(at: ListenTarget): Promise<ChannelListener> {
  return listen(socketBelow(at), at.transport === "unix" ? { mode: at.mode } : {});
}

/** The gauge of what the process takes. */
export const MEMORY = {
  name: "process_resident_memory_bytes",
  help: "Memory of the process.",
};

/** Somebody counts, where there is somebody to show it to. */
async function counting(
  { admin }: Configuration,
  surroundings: Surroundings,
): Promise<Surroundings> {
  if (admin === undefined || surroundings.stats !== undefined) return surroundings;
  const { Stats } = await import("../stats/stats.ts");
  const { clock, nextNumber } = surroundings;
  return { ...surroundings, stats: new Stats({ clock, nextNumber }) };
}

/** Several listeners may ask for any free port of the same host. */
export function byAddress(sources: readonly ListenerSource[]): Map<string, ListenerSource> {
  const wanted = new Map<string, ListenerSource>();
  for (const source of sources) {
    const address = printAddress(source.at);
    let id = address;
    for (let nth = 2; wanted.has(id); nth++) id = `${address} ${nth}`;
    wanted.set(id, source);
  }
  return wanted;
}

/** Opens something at an address. @throws {ConfigurationError} If that cannot be done. */
export async function opening<T>(
  { at, path }: ListenerSource,
  configuration: Configuration,
  open: () => Promise<T>,
): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const why = messageOf(error);
    throw new ConfigurationError([
      configuration.mistake(path, shown(printAddress(at)), `an address that is free (${why})`),
    ]);
  }
}
