/**
 * A channel without a network: two ends in one process, joined by a bounded buffer each way.
 *
 * It keeps the contract of {@linkcode Channel} to the letter, so that a test in memory finds what
 * a socket would show: it holds a writer back, it uses the memory of a read again, and it refuses
 * a second read or write while one is under way.
 *
 * @module
 */

import type { Address, Channel } from "../channel.ts";
import { Pipe } from "./pipe.ts";

/** A channel that can also break. */
export interface MemoryChannel extends Channel {
  /** Breaks the connection: what is buffered is lost, reads and writes at both ends reject `broken`. */
  reset(): void;
}

/** What {@linkcode memoryPair} can be told. */
export interface MemoryOptions {
  /**
   * How many octets each direction holds before a writer has to wait.
   *
   * @default 65536
   */
  readonly buffer?: number;
  /**
   * What the two ends are called in their addresses.
   *
   * @default ["client", "server"]
   */
  readonly names?: readonly [string, string];
  /**
   * Addresses of the two ends, where each stands for somebody who is elsewhere.
   *
   * @default memory addresses with `names`
   */
  readonly addresses?: readonly [Address, Address];
}

/** Octets that one read returns, where it asks for no size. */
const READ_SIZE = 4096;

/**
 * Makes two channels that are each other's peer.
 *
 * @example Two ends
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { memoryPair } from "@sluice/sluice/testing";
 *
 * const [client, server] = memoryPair({ names: ["a", "b"] });
 * assertEquals(client.remoteAddress, { transport: "memory", name: "b" });
 * await client.write(new TextEncoder().encode("NOOP\r\n"));
 * await client.closeWrite();
 * assertEquals(new TextDecoder().decode(await server.read()), "NOOP\r\n");
 * assertEquals(await server.read(), undefined);
 * server.close();
 * ```
 *
 * @throws {RangeError} If `buffer` is not a positive integer.
 */
export function memoryPair(options: MemoryOptions = {}): [MemoryChannel, MemoryChannel] {
  const { buffer = 65536, names: [first, second] = ["client", "server"] } = options;
  if (!Number.isSafeInteger(buffer) || buffer < 1) {
    throw new RangeError(
      `Cannot make a memory pair: buffer is ${buffer}, must be 1 or more octets`,
    );
  }
  const forth = new Pipe(buffer);
  const back = new Pipe(buffer);
  const [one, other] = options.addresses ?? [named(first), named(second)];
  return [new End(one, other, back, forth), new End(other, one, forth, back)];
}

function named(name: string): Address {
  return { transport: "memory", name };
}

class End implements MemoryChannel {
  readonly #incoming: Pipe;
  readonly #outgoing: Pipe;

  constructor(
    readonly localAddress: Address,
    readonly remoteAddress: Address,
    incoming: Pipe,
    outgoing: Pipe,
  ) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  read(size: number = READ_SIZE): Promise<Uint8Array | undefined> {
    return this.#incoming.read(size);
  }

  write(octets: Uint8Array): Promise<void> {
    return this.#outgoing.write(octets);
  }

  closeWrite(): Promise<void> {
    this.#outgoing.end();
    return Promise.resolve();
  }

  close(): void {
    this.#incoming.leave();
    this.#outgoing.abandon();
  }

  reset(): void {
    this.#incoming.break();
    this.#outgoing.break();
  }
}
