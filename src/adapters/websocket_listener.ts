/**
 * Listens for WebSockets on top of another listener, in any runtime that has one.
 *
 * @module
 */

import { CR, encode, LF } from "../bytes.ts";
import type { Address, Channel, ChannelListener, TlsServer } from "../channel.ts";
import { type Clock, systemClock } from "../clock.ts";
import { SUBPROTOCOL, webSocketChannel, WINDOW } from "./websocket.ts";
import {
  names,
  type UpgradeOptions,
  type UpgradeRefusal,
  UpgradeRules,
} from "./websocket_request.ts";
import { ServedSocket } from "./websocket_socket.ts";

/** What {@linkcode webSocketListener} can be told. */
export interface WebSocketListenerOptions extends UpgradeOptions {
  /**
   * Path of the one resource that there is.
   *
   * @default "/smtp"
   */
  readonly path?: string;
  /**
   * Makes the TLS handshake of each connection (`wss`): asked for each anew, so that certificates may
   * change.
   *
   * @default none: connections are in the clear
   */
  readonly tls?: () => TlsServer;
  /**
   * Times requests and farewells.
   *
   * @default systemClock
   */
  readonly clock?: Clock;
}

/** Octets of the longest request. */
const LONGEST_REQUEST = 8192;
/** Milliseconds for a handshake and a request. */
const PATIENCE = 10_000;
/** Connections that have not come to their end of the request. */
const MOST_OPENING = 512;
/** RFC 6455 §4.2.2 */
const ACCEPT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** A nonce of 16 octets (RFC 6455 §4.1). */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/**
 * Makes a listener for SMTP over WebSocket of one for connections, which belongs to it from then on.
 * Its channels have the addresses, and the facts of TLS, of the connections below.
 *
 * A request has 10 seconds and 8192 octets, and 512 may be under way; a connection that brings
 * anything else than a request that is granted is answered in HTTP and closed.
 *
 * @example At `ws://127.0.0.1/smtp`, on any free port
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { listen, webSocketDialer, webSocketListener } from "@sluice/sluice/deno";
 *
 * const listener = webSocketListener(
 *   await listen({ transport: "tcp", host: "127.0.0.1", port: 0 }),
 * );
 * const { address } = listener;
 * if (address.transport !== "websocket") throw new Error("not a WebSocket listener");
 * const dialled = webSocketDialer().connect(address, AbortSignal.timeout(5_000));
 *
 * for await (const server of listener) {
 *   const client = await dialled;
 *   await client.write(new TextEncoder().encode("QUIT\r\n"));
 *   assertEquals(new TextDecoder().decode(await server.read()), "QUIT\r\n");
 *   server.close();
 *   assertEquals(await client.read(), undefined);
 *   client.close();
 *   listener.close();
 * }
 * ```
 *
 * @throws {OptionError} For a token that cannot be used.
 */
export function webSocketListener(
  listener: ChannelListener,
  options: WebSocketListenerOptions = {},
): ChannelListener {
  return new WebSocketListener(listener, options);
}

class WebSocketListener implements ChannelListener {
  readonly address: Address;
  readonly #below: ChannelListener;
  readonly #rules: UpgradeRules;
  readonly #path: string;
  readonly #tls: (() => TlsServer) | undefined;
  readonly #clock: Clock;
  /** Connections on their way to be channels. */
  readonly #opening = new Map<Promise<void>, AbortController>();
  #ready: Channel[] = [];
  #wake: () => void = () => {};
  #closed = false;

  constructor(listener: ChannelListener, options: WebSocketListenerOptions) {
    const { path = "/smtp", tls, clock = systemClock } = options;
    this.#below = listener;
    this.#rules = new UpgradeRules(options);
    this.#path = path;
    this.#tls = tls;
    this.#clock = clock;
    this.address = {
      transport: "websocket",
      url: urlOf(listener.address, tls !== undefined, path),
    };
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Channel, void> {
    const accepting = this.#accept();
    for (;;) {
      const ready = this.#ready;
      this.#ready = [];
      yield* ready;
      if (this.#ready.length > 0) continue;
      if (this.#closed) break;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    await accepting;
    await Promise.all(this.#opening.keys());
  }

  close(): void {
    this.#below.close();
    for (const controller of this.#opening.values()) controller.abort();
    this.#end();
  }

  #end(): void {
    this.#closed = true;
    this.#wake();
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#below) {
      if (this.#opening.size >= MOST_OPENING) connection.close();
      else this.#begin(connection);
    }
    this.#end();
  }

  #begin(connection: Channel): void {
    const controller = new AbortController();
    const timer = this.#clock.after(PATIENCE, () => controller.abort());
    const opening = this.#open(connection, controller.signal).finally(() => {
      timer.cancel();
      this.#opening.delete(opening);
    });
    this.#opening.set(opening, controller);
  }

  /** Makes a connection a channel, or closes it. Never rejects. */
  async #open(connection: Channel, signal: AbortSignal): Promise<void> {
    let below = connection;
    const close = (): void => below.close();
    signal.addEventListener("abort", close);
    try {
      if (this.#tls !== undefined) below = await this.#tls().accept(connection, signal);
      const channel = await this.#upgrade(below);
      if (channel === undefined || signal.aborted) return close();
      this.#ready.push(channel);
      this.#wake();
    } catch {
      // It was no client of ours, or is gone.
      close();
    } finally {
      signal.removeEventListener("abort", close);
    }
  }

  async #upgrade(below: Channel): Promise<Channel | undefined> {
    const request = await readRequest(below);
    const refusal = typeof request === "number"
      ? { status: request, text: "This is no request", headers: {} }
      : await this.#refusal(request);
    if (refusal !== undefined) {
      await below.write(encode(refuse(refusal)));
      await below.closeWrite();
      return undefined;
    }
    const { headers, early } = request as UpgradeRequest;
    const accept = await acceptOf(headers.get("sec-websocket-key") ?? "");
    await below.write(encode(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n\r\n`,
    ));
    const socket = new ServedSocket(below, { early, longest: 1 + WINDOW, clock: this.#clock });
    const channel = await webSocketChannel(socket, below);
    // Its owner is the channel: whatever ends that ends this, and it never rejects.
    void socket.run();
    return channel;
  }

  async #refusal({ target, headers }: UpgradeRequest): Promise<UpgradeRefusal | undefined> {
    if (target.split("?", 1)[0] !== this.#path) {
      return { status: 404, text: "Nothing is here", headers: {} };
    }
    const refusal = await this.#rules.refusal(headers);
    if (refusal !== undefined) return refusal;
    // RFC 6455 §4.2.1
    if (headers.get("sec-websocket-version") !== "13") {
      const version = { "sec-websocket-version": "13" };
      return { status: 426, text: "Version 13 is spoken here", headers: version };
    }
    const sound = names(headers.get("connection"), "upgrade") &&
      KEY.test(headers.get("sec-websocket-key") ?? "");
    return sound ? undefined : { status: 400, text: "This is no handshake", headers: {} };
  }
}

/** A request, as far as it matters. */
interface UpgradeRequest {
  readonly target: string;
  readonly headers: Headers;
  /** What stood behind it. */
  readonly early: Uint8Array;
}

/** Reads a request without a body. @returns The status that refuses it, where it is none. */
async function readRequest(channel: Channel): Promise<UpgradeRequest | number> {
  const octets = new Uint8Array(LONGEST_REQUEST);
  let length = 0;
  for (;;) {
    const more = await channel.read(LONGEST_REQUEST - length);
    if (more === undefined) return 400;
    if (length + more.length > LONGEST_REQUEST) return 431;
    octets.set(more, length);
    // Only what is new can complete the end: a request of many small pieces is looked through once.
    const end = endOfHead(octets.subarray(0, length + more.length), Math.max(0, length - 3));
    length += more.length;
    if (end !== undefined) {
      const head = latin1(octets.subarray(0, end));
      return parseRequest(head, octets.slice(end + 4, length)) ?? 400;
    }
    if (length === LONGEST_REQUEST) return 431;
  }
}

/** Where the empty line begins. */
function endOfHead(octets: Uint8Array, from: number): number | undefined {
  for (let at = from; at + 4 <= octets.length; at++) {
    const here = octets[at] === CR && octets[at + 1] === LF;
    if (here && octets[at + 2] === CR && octets[at + 3] === LF) return at;
  }
  return undefined;
}

function parseRequest(head: string, early: Uint8Array): UpgradeRequest | undefined {
  const [first, ...lines] = head.split("\r\n");
  const target = /^GET (\/[!-~]*) HTTP\/1\.1$/.exec(first)?.[1];
  if (target === undefined) return undefined;
  const headers = new Headers();
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)$/.exec(line) ??
      [];
    if (name === undefined) return undefined;
    // It trims the value: a pattern that did could try each place anew.
    headers.append(name, value);
  }
  return headers.has("host") ? { target, headers, early } : undefined;
}

/** One character for each octet. */
function latin1(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return text;
}

async function acceptOf(key: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(key + ACCEPT));
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}

function refuse({ status, text, headers }: UpgradeRefusal): string {
  const body = `${text}\n`;
  const lines = Object.entries({
    "content-type": "text/plain",
    "content-length": String(body.length),
    connection: "close",
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${text}\r\n${lines.join("")}\r\n${body}`;
}

function urlOf(address: Address, tls: boolean, path: string): string {
  const { host, port } = address.transport === "tcp" ? address : { host: "localhost", port: 0 };
  const name = host.includes(":") ? `[${host}]` : host;
  return `${tls ? "wss" : "ws"}://${name}:${port}${path}`;
}
