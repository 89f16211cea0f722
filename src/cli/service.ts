/**
 * A proxy with its listeners, whose configuration can be replaced while it runs: as a whole, or not
 * at all.
 *
 * @module
 */

import { listen } from "../adapters/deno/mod.ts";
import type { ChannelListener, Target } from "../channel.ts";
import type { Configuration, ListenerSource } from "../config/configuration.ts";
import { ConfigurationError, shown } from "../config/mistake.ts";
import type { ListenerOptions } from "../options.ts";
import { createProxy, type Proxy } from "../proxy.ts";
import { printAddress } from "./address.ts";
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
  #current: Assembly;

  private constructor(options: ServiceOptions, assembly: Assembly) {
    this.#options = options;
    this.#current = assembly;
    this.#proxy = createProxy(assembly.options);
  }

  /**
   * Reads the configuration and listens.
   *
   * @throws {ConfigurationError | OptionError} Nothing is left open then.
   */
  static async start(options: ServiceOptions): Promise<Service> {
    const configuration = await options.load();
    const assembly = await assemble(configuration, options.surroundings);
    let service: Service;
    try {
      service = new Service(options, assembly);
    } catch (error) {
      await assembly.discard();
      throw error;
    }
    const wanted = byAddress(configuration.listeners);
    let added: Added = new Map();
    try {
      added = await service.#listen(wanted, configuration);
      service.#serve(added, wanted);
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

  /**
   * Reads the configuration again and puts it in the place of the present one. Sessions that have
   * begun keep the old one. A listener whose address is no longer there is closed, its sessions go
   * on; a new one is opened before anything changes.
   *
   * @throws {ConfigurationError | OptionError} Nothing has changed then.
   */
  async reload(): Promise<void> {
    const configuration = await this.#options.load();
    const assembly = await assemble(configuration, this.#options.surroundings, this.#current);
    const wanted = byAddress(configuration.listeners);
    let added: Added = new Map();
    let ended: Promise<void>;
    try {
      added = await this.#listen(wanted, configuration);
      const listeners = new Map<ChannelListener, ListenerOptions>();
      for (const [id, { options }] of wanted) {
        listeners.set(added.get(id) ?? this.#open.get(id)!.listener, options);
      }
      ended = this.#proxy.reload(assembly.options, listeners);
    } catch (error) {
      for (const listener of added.values()) listener.close();
      await assembly.discard();
      throw error;
    }
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
    await this.#current.close();
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
