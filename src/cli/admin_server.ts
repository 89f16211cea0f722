/**
 * The admin of `serve` over HTTP: where it listens and with which tokens follows the configuration.
 *
 * @module
 */

import type { Admin } from "../admin/admin.ts";
import { type AdminOptions, ReloadError } from "../admin/options.ts";
import type { AdminSource, Configuration } from "../config/configuration.ts";
import { ConfigurationError, printMistake, shown } from "../config/mistake.ts";
import { messageOf, OptionError } from "../errors.ts";
import { printAddress } from "./address.ts";
import { adminOptionsOf } from "./admin_options.ts";
import type { Announce } from "./announcement.ts";
import { HttpServer, type HttpServerOptions } from "./http_server.ts";

export { adminOf, adminOver } from "../admin/admin.ts";

/** What an admin is made of beside its configuration. */
export interface AdminParts {
  /** Makes one of what the configuration says of it. */
  readonly make: (options: AdminOptions) => Admin;
  /** Told where it listens, and no longer does. */
  readonly announce: Announce;
  /** Told that nobody can be let in for a while. */
  readonly trouble: (error: Error) => void;
}

/** An admin that is ready, and not yet the one that answers. */
export interface NextAdmin {
  /** Puts it in place of the present one. */
  commit(): void;
  /** Gives it up. */
  discard(): Promise<void>;
}

/** What is open. */
interface Open {
  /** All that it was made of, tokens too, as text. */
  readonly made: string;
  readonly address: string;
  readonly server: HttpServer;
  /** Answers; another one after a reload that changes no address. */
  readonly answering: { admin: Admin };
}

/** See the module. */
export class AdminServer {
  readonly #parts: AdminParts;
  readonly #closing = new Set<Promise<void>>();
  #open: Open | undefined;

  constructor(parts: AdminParts) {
    this.#parts = parts;
  }

  /**
   * Opens what the configuration asks for, beside what is open.
   *
   * @throws {ConfigurationError} Nothing is left open then.
   */
  async prepare(configuration: Configuration): Promise<NextAdmin> {
    const { admin: source } = configuration;
    if (source === undefined) {
      return { commit: () => this.#retire(), discard: () => Promise.resolve() };
    }
    const options = await adminOptionsOf(configuration, source);
    const made = JSON.stringify([source, options]);
    if (made === this.#open?.made) {
      return { commit: () => {}, discard: () => Promise.resolve() };
    }
    const admin = this.#parts.make(options);
    const address = printAddress(source.at);
    if (this.#open?.address === address) {
      const next = { ...this.#open, made };
      return {
        commit: () => {
          this.#open = next;
          next.answering.admin.close();
          next.answering.admin = admin;
        },
        discard: () => Promise.resolve(admin.close()),
      };
    }
    const answering = { admin };
    const server = listen(configuration, source, {
      answer: (request) => answering.admin.fetch(request),
      trouble: this.#parts.trouble,
    });
    return {
      commit: () => {
        this.#retire();
        this.#open = { made, address, server, answering };
        this.#parts.announce({ event: "listening", service: "admin", address: placeOf(server) });
      },
      discard: async () => {
        admin.close();
        await server.close();
      },
    };
  }

  /** Answers what has been asked and listens no longer. */
  async close(): Promise<void> {
    this.#end();
    await Promise.all(this.#closing);
  }

  #retire(): void {
    if (this.#open !== undefined) {
      const address = placeOf(this.#open.server);
      this.#parts.announce({ event: "listener-closed", service: "admin", address });
    }
    this.#end();
  }

  #end(): void {
    if (this.#open === undefined) return;
    const { answering, server } = this.#open;
    this.#open = undefined;
    answering.admin.close();
    const closed = server.close().finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}

/** Reloads as an admin wants it: what stands wrong in the configuration is told line by line. */
export async function reporting(reload: () => Promise<void>): Promise<void> {
  try {
    await reload();
  } catch (error) {
    if (error instanceof ConfigurationError) {
      throw new ReloadError(error.mistakes.map(printMistake));
    }
    throw error instanceof OptionError ? new ReloadError([error.message]) : error;
  }
}

function placeOf({ address }: HttpServer): string {
  return `http://${printAddress(address)}/`;
}

function listen(
  configuration: Configuration,
  { at, paths }: AdminSource,
  options: HttpServerOptions,
): HttpServer {
  try {
    return new HttpServer(at, options);
  } catch (error) {
    const why = messageOf(error);
    throw new ConfigurationError([
      configuration.mistake(
        paths.listen,
        shown(printAddress(at)),
        `an address that is free (${why})`,
      ),
    ]);
  }
}
