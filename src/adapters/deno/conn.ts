/**
 * A channel over a Deno connection, by its own `read` and `write`.
 *
 * Not over `conn.readable`: that closes the whole connection once the peer has ended its side, so
 * that no reply could follow a half-close, and costs an idle connection several times the memory.
 *
 * @module
 */

import { EMPTY } from "../../bytes.ts";
import { type Address, type Channel, ChannelError } from "../../channel.ts";
import { LEASE_OCTETS, type ScanLease, scanMemory } from "../../stages/scanner/scan_memory.ts";
import { messageOf } from "../../errors.ts";
import { unmapped } from "../ip_text.ts";

/** Octets of the read buffer of a connection that waits: most connections do nothing else. */
const IDLE_READ = 1024;
/** Of one that has had more to say, from then on. */
const SMALL_READ = 4096;
/** While mail data flows. Beyond this a larger read buffer moves no more. */
const LARGE_READ = LEASE_OCTETS;

/**
 * Makes a channel of a TCP or Unix connection, which belongs to it from then on.
 *
 * The read buffer is made at the first read and used again by the next ones. It has 1024 octets, and
 * 4096 once that was too little; a read may ask for up to 262144. Nagle's algorithm is switched off.
 *
 * @example A channel of a connection of one's own
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { channelOfConn } from "@sluice/sluice/deno";
 *
 * using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const [accepted, dialled] = await Promise.all([
 *   listener.accept(),
 *   Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
 * ]);
 * const server = channelOfConn(accepted);
 * const client = channelOfConn(dialled);
 * assertEquals(client.localAddress, server.remoteAddress);
 *
 * await client.write(new TextEncoder().encode("QUIT\r\n"));
 * assertEquals(new TextDecoder().decode(await server.read()), "QUIT\r\n");
 * client.close();
 * server.close();
 * ```
 *
 * @throws {TypeError} If the connection is of another transport.
 */
export function channelOfConn(conn: Deno.Conn): Channel {
  const channel = new ConnChannel(conn);
  if ("setNoDelay" in conn) sendAtOnce(conn as Deno.TcpConn);
  return channel;
}

/**
 * An address as the core has it. An IPv4 address that a dual-stack socket shows mapped into IPv6
 * (RFC 4291 §2.5.5.2) becomes IPv4 again, so that every comparison sees one form.
 *
 * @throws {TypeError} If the address is of another transport than TCP or Unix.
 */
export function addressOf(addr: Deno.Addr): Address {
  switch (addr.transport) {
    case "tcp":
      return { transport: "tcp", host: unmapped(addr.hostname), port: addr.port };
    case "unix":
      // The connecting side of a Unix socket has no name.
      return { transport: "unix", path: addr.path ?? "" };
    default:
      throw new TypeError(`Cannot use a ${addr.transport} connection: only tcp and unix are known`);
  }
}

class ConnChannel implements Channel {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  readonly #conn: Deno.Conn;
  /** Kept from the first read to the end. */
  #small = EMPTY;
  /** Of the last read. */
  #buffer = EMPTY;
  /** The last read has filled it. */
  #full = false;
  /** What a larger buffer is leased by, while there is one. */
  #lease: ScanLease | undefined;
  #closed = false;
  #writeEnd: Promise<void> | undefined;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
    this.localAddress = addressOf(conn.localAddr);
    this.remoteAddress = addressOf(conn.remoteAddr);
  }

  read(size: number = IDLE_READ): Promise<Uint8Array | undefined> {
    this.#buffer = this.#bufferOf(size);
    return this.#conn.read(this.#buffer).then(this.#received, this.#unread);
  }

  readonly #received = (count: number | null): Uint8Array | undefined => {
    this.#full = count === this.#buffer.length;
    if (count !== null) return this.#buffer.subarray(0, count);
    this.#giveBack();
  };

  readonly #unread = (cause: unknown): never => {
    throw this.#fault("read", cause);
  };

  #bufferOf(size: number): Uint8Array {
    if (size > SMALL_READ) return this.#large(size);
    this.#giveBack();
    const wanted = this.#full ? SMALL_READ : Math.max(size, IDLE_READ);
    if (this.#small.length < wanted) this.#small = new Uint8Array(wanted);
    return this.#small;
  }

  #large(size: number): Uint8Array {
    if (size >= LARGE_READ && !this.#closed) this.#lease ??= scanMemory.lease();
    return this.#lease?.octets ?? new Uint8Array(Math.min(size, LARGE_READ));
  }

  /** What the last read returned is valid no more. */
  #giveBack(): void {
    this.#lease?.giveBack();
    this.#lease = undefined;
  }

  write(octets: Uint8Array): Promise<void> {
    if (this.#writeEnd !== undefined) {
      const error = new ChannelError("closed", "Cannot write: this side has been ended");
      return Promise.reject(error);
    }
    return octets.length === 0 ? Promise.resolve() : this.#write(octets);
  }

  #write(octets: Uint8Array): Promise<void> {
    const sent = (count: number): Promise<void> | void => {
      if (count < octets.length) return this.#write(octets.subarray(count));
    };
    return this.#conn.write(octets).then(sent, this.#unsent);
  }

  readonly #unsent = (cause: unknown): never => {
    throw this.#fault("write", cause);
  };

  closeWrite(): Promise<void> {
    this.#writeEnd ??= this.#conn.closeWrite().catch(() => {});
    return this.#writeEnd;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#small = EMPTY;
    // What the last read returned may be on its way to an upstream.
    this.#lease?.[Symbol.dispose]();
    this.#lease = undefined;
    this.#conn.close();
  }

  #fault(attempt: string, cause: unknown): ChannelError {
    return this.#closed
      ? new ChannelError("closed", `Cannot ${attempt}: the channel has been closed`)
      : new ChannelError("broken", `Cannot ${attempt}: ${messageOf(cause)}`, { cause });
  }
}

/** Replies are short and the peer waits for them: no delay to gather more (Nagle). */
function sendAtOnce(conn: Deno.TcpConn): void {
  try {
    conn.setNoDelay(true);
  } catch {
    // The peer has already reset the connection; the first read will tell.
  }
}
