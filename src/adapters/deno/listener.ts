/**
 * Accepts TCP and Unix connections on Deno.
 *
 * @module
 */

import type { Address, Channel, ChannelListener, SocketTarget } from "../../channel.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { addressOf, channelOfConn } from "./conn.ts";

/** What {@linkcode listen} can be told. */
export interface ListenOptions {
  /** Permission bits of a Unix socket's file, such as `0o660`; the process's umask otherwise. */
  readonly mode?: number;
  /** Learns of a connection that could not be accepted; the listener goes on. */
  readonly onError?: (error: unknown) => void;
  /**
   * Times the pause after such a failure.
   *
   * @default systemClock
   */
  readonly clock?: Clock;
}

/** The part of a `Deno.Listener` that is used. */
export type Acceptor = Pick<Deno.Listener, "accept" | "close" | "addr">;

/** Milliseconds of the first pause after a failed accept; each further one doubles. */
const FIRST_PAUSE = 5;
/** The longest pause. */
const LONGEST_PAUSE = 1000;

/**
 * Listens at an address.
 *
 * The file of a Unix socket that nobody listens on any more, left behind by a process that was
 * killed, is replaced.
 *
 * @example Any free port
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { denoDialer, listen } from "@sluice/sluice/deno";
 *
 * const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 0 });
 * const { address } = listener;
 * if (address.transport !== "tcp") throw new Error("not a TCP listener");
 * const client = await denoDialer.connect(address, AbortSignal.timeout(5_000));
 *
 * for await (const channel of listener) {
 *   assertEquals(channel.remoteAddress, client.localAddress);
 *   channel.close();
 *   listener.close();
 * }
 * client.close();
 * ```
 *
 * @param address For TCP a host and a port, 0 for any free one; for Unix a path.
 * @throws {Deno.errors.AddrInUse} If another process listens there, or the path is another file.
 */
export async function listen(
  address: SocketTarget,
  options: ListenOptions = {},
): Promise<ChannelListener> {
  if (address.transport === "tcp") {
    return listenerOf(Deno.listen({ hostname: address.host, port: address.port }), options);
  }
  const listener = await bind(address.path);
  if (options.mode !== undefined) await Deno.chmod(address.path, options.mode);
  return listenerOf(listener, options);
}

/**
 * Makes a channel listener of something that accepts connections, which belongs to it from then on.
 *
 * A failure to accept does not end it: a process that has run out of descriptors gets some back
 * when connections end. It pauses and tries again: 5 ms first, then twice as long each time, up
 * to 1000 ms.
 *
 * @example A listener with options that `listen` does not know
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { listenerOf } from "@sluice/sluice/deno";
 *
 * const acceptor = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1024 });
 * const listener = listenerOf(acceptor, { onError: console.error });
 * assertEquals(listener.address.transport, "tcp");
 * listener.close();
 * ```
 */
export function listenerOf(acceptor: Acceptor, options: ListenOptions = {}): ChannelListener {
  return new DenoListener(acceptor, options);
}

class DenoListener implements ChannelListener {
  readonly address: Address;
  readonly #acceptor: Acceptor;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  #closed = false;
  /** Ends the pause that is under way, if one is. */
  #wake: () => void = () => {};

  constructor(acceptor: Acceptor, { clock = systemClock, onError = () => {} }: ListenOptions) {
    this.#acceptor = acceptor;
    this.#clock = clock;
    this.#onError = onError;
    this.address = addressOf(acceptor.addr);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Channel, void> {
    let pause = FIRST_PAUSE;
    while (!this.#closed) {
      const conn = await this.#accept();
      if (conn !== undefined) {
        pause = FIRST_PAUSE;
        yield channelOfConn(conn);
      } else if (!this.#closed) {
        await this.#rest(pause);
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      }
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#acceptor.close();
    this.#wake();
  }

  async #accept(): Promise<Deno.Conn | undefined> {
    try {
      return await this.#acceptor.accept();
    } catch (error) {
      if (!this.#closed) this.#onError(error);
      return undefined;
    }
  }

  #rest(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.after(milliseconds, resolve);
    this.#wake = () => {
      timer.cancel();
      resolve();
    };
    return promise;
  }
}

async function bind(path: string): Promise<Deno.Listener> {
  try {
    return Deno.listen({ transport: "unix", path });
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    const { isSocket } = await Deno.lstat(path);
    if (!isSocket) throw new Deno.errors.AddrInUse(`${path} is a file, and no socket`);
    if (!await isStale(path)) throw new Deno.errors.AddrInUse(`somebody listens at ${path}`);
    await Deno.remove(path);
    return Deno.listen({ transport: "unix", path });
  }
}

/** Whether a path is a socket that nobody answers at. @throws {Deno.errors.NotFound} */
export async function isStale(path: string): Promise<boolean> {
  if (!(await Deno.lstat(path)).isSocket) return false;
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return false;
  } catch (error) {
    return error instanceof Deno.errors.ConnectionRefused;
  }
}
