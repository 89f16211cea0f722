/**
 * The listening sockets that all workers share. They belong to the main thread, so that they are
 * there whatever becomes of a worker.
 *
 * @module
 */

import { SharedSocket } from "../../adapters/deno/shared_listener.ts";
import type { Configuration } from "../../config/configuration.ts";
import { listenerName } from "../../options.ts";
import { printAddress } from "../address.ts";
import type { Announce } from "../announcement.ts";
import { addressOn, socketBelow } from "../websockets.ts";
import { byAddress, opening } from "../service.ts";
import type { Copies, SocketShare } from "./messages.ts";

/** A socket, and where it listens as it is printed. */
interface Opened {
  readonly socket: SharedSocket;
  readonly printed: string;
}

/** Sockets by the id of their listener. */
type ById = Map<string, Opened>;

/** See the module. */
export class Sockets {
  readonly #announce: Announce;
  readonly #open: ById = new Map();
  /** Of a configuration that is not in effect yet. */
  #added: ById = new Map();

  /** @param announce Told where it listens, and no longer does. */
  constructor(announce: Announce) {
    this.#announce = announce;
  }

  /** Opens those that a configuration has and that are not open: all or none. @throws {ConfigurationError} */
  async add(configuration: Configuration): Promise<void> {
    try {
      for (const [id, source] of byAddress(configuration.listeners)) {
        if (this.#open.has(id)) continue;
        const { at } = source;
        const mode = at.transport === "unix" ? at.mode : undefined;
        const open = (): Promise<SharedSocket> => SharedSocket.open(socketBelow(at), mode);
        const socket = await opening(source, configuration, open);
        this.#added.set(id, { socket, printed: printAddress(addressOn(at, socket.address)) });
      }
    } catch (error) {
      await this.discard();
      throw error;
    }
  }

  /** The added ones are there to stay, and those that the configuration does not have are closed. */
  async commit(configuration: Configuration): Promise<void> {
    const wanted = byAddress(configuration.listeners);
    for (const [id, opened] of this.#added) {
      this.#open.set(id, opened);
      const service = listenerName(wanted.get(id)!.options);
      this.#announce({ event: "listening", service, address: opened.printed });
    }
    this.#added = new Map();
    for (const [id, { socket, printed }] of this.#open) {
      if (wanted.has(id)) continue;
      this.#open.delete(id);
      await socket.close();
      this.#announce({ event: "listener-closed", address: printed });
    }
  }

  /** Closes the added ones. */
  async discard(): Promise<void> {
    await closeAll(this.#added);
  }

  /** Listens no more, as far as this thread is concerned. */
  async close(): Promise<void> {
    await closeAll(this.#added);
    await closeAll(this.#open);
  }

  /** The share of one worker: of the added ones, or of all. */
  shares(which: "added" | "all"): Map<string, SocketShare> {
    const sockets = which === "added" ? this.#added : new Map([...this.#open, ...this.#added]);
    return new Map(
      [...sockets].map(([id, { socket }]) => [id, { fd: socket.take(), address: socket.address }]),
    );
  }

  /** Takes what a worker gives back. */
  giveBack(copies: Copies): void {
    for (const [id, copy] of copies) {
      (this.#added.get(id) ?? this.#open.get(id))?.socket.giveBack(copy);
    }
  }
}

async function closeAll(sockets: ById): Promise<void> {
  const all = [...sockets.values()];
  sockets.clear();
  await Promise.all(all.map(({ socket }) => socket.close()));
}
