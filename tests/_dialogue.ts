/**
 * A whole proxy between a client and an upstream that a test plays, octet by octet and without a
 * network.
 *
 * What peers receive are strings of the characters U+0000 to U+00FF, one for each octet.
 */

import { assertEquals } from "@std/assert";
import { type MemoryChannel, memoryPair } from "../src/adapters/memory.ts";
import {
  type Address,
  type Channel,
  ChannelError,
  type Dialer,
  type SecureChannel,
  type TlsClient,
  type TlsServer,
} from "../src/channel.ts";
import { type ListenerOptions, type ProxyOptions } from "../src/options.ts";
import { createProxy, type Proxy } from "../src/proxy.ts";
import type { ConnectOptions } from "../src/upstream/smtp/connect.ts";
import { defaultTimeouts } from "../src/upstream/smtp/timeouts.ts";
import { SmtpUpstream } from "../src/upstream/smtp/upstream.ts";
import { octets, text } from "./_chunking.ts";
import { FakeClock, settle } from "./_clock.ts";

/** A test that hangs fails after this many milliseconds of real time. */
const GUARD = 3_000;
/** Rounds of the event loop after which everything has come to rest. */
const ROUNDS = 12;

/** Rejects, naming what was awaited, where `promise` does not settle. */
export function guarded<T>(promise: Promise<T>, awaited: () => string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`Still waiting for ${awaited()}`)), GUARD);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Lets everything happen that needs no more octets and no more time. */
export async function rest(): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) await settle();
}

/** One end of a channel in a test's hands. Reads all the time, unless told to pause. */
export class Peer {
  #received = "";
  #reading = true;
  #wake: () => void = () => {};
  /** Set once nothing more will come. */
  ended = false;
  /** We have closed it ourselves. */
  closed = false;

  constructor(readonly name: string, readonly channel: MemoryChannel) {
    void this.#read();
  }

  /** What has come and was not asked for yet. */
  get unread(): string {
    return this.#received;
  }

  /** Takes what has come and was not asked for yet. */
  take(): string {
    const taken = this.#received;
    this.#received = "";
    return taken;
  }

  /** Reads no more until `resume`. */
  pause(): void {
    this.#reading = false;
  }

  resume(): void {
    this.#reading = true;
    void this.#read();
  }

  /** Writes octets, or a string of octets. */
  async send(data: string | Uint8Array): Promise<void> {
    const written = this.channel.write(typeof data === "string" ? octets(data) : data);
    await guarded(written, () => `the proxy to read from the ${this.name}`);
  }

  /** The next line, without its CRLF. */
  async line(expected = "a line"): Promise<string> {
    await this.#until(() => this.#received.includes("\r\n"), `${JSON.stringify(expected)}`);
    const end = this.#received.indexOf("\r\n");
    const line = this.#received.slice(0, end);
    this.#received = this.#received.slice(end + 2);
    return line;
  }

  /** The next lines must be these; `*` at the end stands for any rest. */
  async expect(...expected: string[]): Promise<void> {
    for (const one of expected) {
      const line = await this.line(one);
      const prefix = one.slice(0, -1);
      if (one.endsWith("*") && line.startsWith(prefix)) continue;
      assertEquals(line, one, `what the ${this.name} receives`);
    }
  }

  /** The next reply with all its lines. */
  async reply(): Promise<string[]> {
    const lines: string[] = [];
    do lines.push(await this.line("a reply")); while (lines.at(-1)![3] === "-");
    return lines;
  }

  /** Exactly so many octets. */
  async octets(count: number): Promise<string> {
    await this.#until(() => this.#received.length >= count, `${count} octets`);
    const taken = this.#received.slice(0, count);
    this.#received = this.#received.slice(count);
    return taken;
  }

  /** Everything up to and with `mark`. */
  async through(mark: string): Promise<string> {
    await this.#until(() => this.#received.includes(mark), JSON.stringify(mark));
    return await this.octets(this.#received.indexOf(mark) + mark.length);
  }

  /** The other side must end without another octet. */
  async expectClose(): Promise<void> {
    await this.#until(() => this.ended || this.#received !== "", "the end of the connection");
    assertEquals(this.#received, "", `what the ${this.name} receives before the end`);
  }

  /** Nothing may have come. */
  async expectNothing(): Promise<void> {
    await rest();
    assertEquals(this.#received, "", `what the ${this.name} receives`);
    assertEquals(this.ended, false, `the ${this.name}'s connection has ended`);
  }

  close(): void {
    this.closed = true;
    this.channel.close();
  }

  reset(): void {
    this.closed = true;
    this.channel.reset();
  }

  async halfClose(): Promise<void> {
    await this.channel.closeWrite();
  }

  async #read(): Promise<void> {
    try {
      while (this.#reading) {
        const chunk = await this.channel.read(65_536);
        if (chunk === undefined) break;
        this.#received += text(chunk);
        this.#wake();
      }
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
    }
    if (this.#reading) this.ended = true;
    this.#wake();
  }

  #until(done: () => boolean, awaited: string): Promise<void> {
    const wait = new Promise<void>((resolve, reject) => {
      this.#wake = () => {
        if (done()) resolve();
        else if (this.ended) {
          const rest = JSON.stringify(this.#received);
          reject(new Error(`The ${this.name} awaited ${awaited}; found the end after ${rest}`));
        }
      };
      this.#wake();
    });
    return guarded(
      wait,
      () => `${awaited} at the ${this.name}, which has ${JSON.stringify(this.#received)}`,
    );
  }
}

/** What answers the proxy's connections: a queue of peers for the test. */
export class UpstreamStage implements Dialer {
  /** Every connection ever made. */
  readonly all: Peer[] = [];
  /** Dials to be refused. */
  refusals = 0;
  /** Dials that never come about until their signal. */
  stalls = 0;
  readonly #waiting: Peer[] = [];
  #wake: () => void = () => {};
  /** Wraps the proxy's end, to make it behave like another channel. */
  wrap: (channel: Channel) => Channel = (channel) => channel;

  /**
   * @param offers EHLO keywords; then greeting, EHLO and the QUIT of a mere probe are played
   * without the test, and `accept` hands out a connection at its first other command.
   */
  constructor(public offers: readonly string[] | undefined) {}

  connect(_target: unknown, signal: AbortSignal): Promise<Channel> {
    if (this.refusals > 0) {
      this.refusals--;
      return Promise.reject(new ChannelError("refused", "Connection refused"));
    }
    if (this.stalls > 0) {
      this.stalls--;
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new ChannelError("aborted", "Called off")));
      });
    }
    const [near, far] = memoryPair({ names: ["proxy", "upstream"] });
    const peer = new Peer(`upstream #${this.all.length + 1}`, far);
    this.all.push(peer);
    if (this.offers === undefined) this.#queue(peer);
    else void this.#handshake(peer, this.offers);
    return Promise.resolve(this.wrap(near));
  }

  /** The next connection. */
  async accept(): Promise<Peer> {
    const come = new Promise<void>((resolve) => {
      this.#wake = () => this.#waiting.length > 0 ? resolve() : undefined;
      this.#wake();
    });
    await guarded(come, () => "a connection to the upstream");
    return this.#waiting.shift()!;
  }

  /** Whether `accept` would return at once. */
  get called(): boolean {
    return this.#waiting.length > 0;
  }

  #queue(peer: Peer): void {
    this.#waiting.push(peer);
    this.#wake();
  }

  async #handshake(peer: Peer, offers: readonly string[]): Promise<void> {
    try {
      await greet(peer, offers);
      while (!peer.unread.includes("\r\n") && !peer.ended) await settle();
    } catch {
      return;
    }
    if (peer.unread === "QUIT\r\n") await leave(peer);
    else if (peer.unread !== "") this.#queue(peer);
  }
}

/** Plays the greeting and EHLO. */
export async function greet(peer: Peer, offers: readonly string[]): Promise<void> {
  await peer.send("220 upstream.example ESMTP\r\n");
  await peer.expect("EHLO proxy.example");
  await peer.send(ehloReply(["upstream.example", ...offers]));
}

/** Answers QUIT. */
export async function leave(peer: Peer): Promise<void> {
  await peer.expect("QUIT");
  await peer.send("221 2.0.0 Bye\r\n");
  peer.close();
}

function ehloReply(lines: readonly string[]): string {
  return lines.map((line, at) => `250${at < lines.length - 1 ? "-" : " "}${line}\r\n`).join("");
}

/** TLS without cryptography: what was not dropped before it would be seen after it. */
export const plainTls: TlsServer & TlsClient = {
  accept: (channel) => Promise.resolve(secured(channel, false)),
  connect: (channel) => Promise.resolve(secured(channel, true)),
};

function secured(channel: Channel, peer: boolean): SecureChannel {
  const certificate = { subject: "upstream.example", fingerprint: "00", verified: true };
  return {
    ...addressed(channel, channel.localAddress, channel.remoteAddress),
    tls: {
      version: "TLSv1.3",
      cipher: "TLS_AES_128_GCM_SHA256",
      serverName: "",
      ...peer ? { peer: certificate } : {},
    },
  };
}

/** The channel under other addresses. */
export function addressed(channel: Channel, localAddress: Address, remoteAddress: Address): Channel {
  return {
    localAddress,
    remoteAddress,
    read: (size) => channel.read(size),
    write: (data) => channel.write(data),
    closeWrite: () => channel.closeWrite(),
    close: () => channel.close(),
  };
}

/** What a stage can be told. */
export interface StageOptions {
  /** What the upstream offers; see {@linkcode UpstreamStage}. Default: played by the test. */
  readonly offers?: readonly string[];
  readonly proxy?: ProxyOptions;
  readonly listener?: ListenerOptions;
  readonly upstream?: Partial<ConnectOptions>;
  /** Address of the client. Default 192.0.2.1. */
  readonly client?: string;
  /** Give the proxy {@linkcode plainTls}. */
  readonly tls?: boolean;
}

/** The proxy, its clock and its surroundings. */
export class Stage {
  readonly clock = new FakeClock();
  readonly upstream: UpstreamStage;
  readonly proxy: Proxy;
  /** Octets dropped at TLS handshakes: the client's and the upstream's. */
  readonly dropped = { client: 0, upstream: 0 };
  /** What sessions complained of, in words. */
  readonly troubles: string[] = [];
  readonly #sessions: { readonly peer: Peer; readonly ended: Promise<void> }[] = [];

  constructor(readonly options: StageOptions = {}) {
    this.upstream = new UpstreamStage(options.offers);
    this.proxy = createProxy({
      hostname: "proxy.example",
      trace: false,
      clock: this.clock,
      tls: options.tls ? plainTls : undefined,
      observers: [{
        dropped: (_, count) => void (this.dropped.client += count),
        trouble: (_, error) => void this.troubles.push(String(error)),
      }],
      upstream: new SmtpUpstream("smtp://upstream.example", {
        target: { transport: "tcp", host: "upstream.example", port: 25 },
        tls: { mode: "none" },
        identify: "none",
        hostname: "proxy.example",
        dialer: this.upstream,
        tlsClient: plainTls,
        clock: this.clock,
        dropped: (count) => void (this.dropped.upstream += count),
        timeouts: defaultTimeouts,
        chunking: "as-received",
        chunkSize: 65_536,
        xforward: false,
        keepSourceRoutes: false,
        ...options.upstream,
      }),
      ...options.proxy,
    });
  }

  /** A new connection to the proxy. */
  connect(): Peer {
    const [far, near] = memoryPair();
    const host = this.options.client ?? "192.0.2.1";
    const channel = addressed(
      near,
      { transport: "tcp", host: "192.0.2.25", port: 25 },
      { transport: "tcp", host, port: 50_000 },
    );
    const peer = new Peer("client", far);
    const ended = this.proxy.handle(channel, this.options.listener);
    this.#sessions.push({ peer, ended });
    return peer;
  }

  /** A connection that has been greeted and has said EHLO; needs `offers`. */
  async ready(): Promise<Peer> {
    const client = this.connect();
    await client.expect("220 proxy.example ESMTP");
    await client.send("EHLO client.example\r\n");
    await client.reply();
    return client;
  }

  /** A client in a transaction with one recipient, and its upstream. */
  async recipients(parameters = ""): Promise<{ client: Peer; upstream: Peer }> {
    const client = await this.ready();
    await client.send(`MAIL FROM:<a@client.example>${parameters}\r\n`);
    const upstream = await this.upstream.accept();
    await upstream.expect("MAIL FROM:<a@client.example>*");
    await upstream.send("250 2.1.0 Ok\r\n");
    await client.expect("250 2.1.0 Ok");
    await client.send("RCPT TO:<b@upstream.example>\r\n");
    await upstream.expect("RCPT TO:<b@upstream.example>");
    await upstream.send("250 2.1.5 Ok\r\n");
    await client.expect("250 2.1.5 Ok");
    return { client, upstream };
  }

  /** The same, up to the 354. */
  async data(): Promise<{ client: Peer; upstream: Peer }> {
    const peers = await this.recipients();
    await peers.client.send("DATA\r\n");
    await peers.upstream.expect("DATA");
    await peers.upstream.send("354 Go on\r\n");
    await peers.client.expect("354 Go on");
    return peers;
  }

  /**
   * Ends whatever is open and asserts that nothing is left: no session, no timer, no octet that a
   * test has not looked at.
   */
  async end(): Promise<void> {
    for (const { peer } of this.#sessions) if (!peer.closed) peer.close();
    const ended = Promise.all(this.#sessions.map((session) => session.ended));
    let over = false;
    void ended.then(() => over = true);
    for (let round = 0; !over && round < 100; round++) {
      await settle();
      for (const peer of this.upstream.all) {
        if (peer.unread === "QUIT\r\n" && !peer.closed) await leave(peer);
      }
    }
    await guarded(ended, () => "the sessions to end");
    await guarded(this.proxy.close(), () => "the proxy to close");
    await rest();
    const unread = [...this.#sessions.map((session) => session.peer), ...this.upstream.all]
      .filter((peer) => peer.unread !== "" && peer.unread !== "QUIT\r\n")
      .map((peer) => `${peer.name}: ${JSON.stringify(peer.unread)}`);
    for (const peer of this.upstream.all) if (!peer.closed) peer.close();
    assertEquals(unread, [], "octets that nobody expected");
    assertEquals(this.clock.timers, 0, "timers left behind");
    assertEquals(this.proxy.sessions, 0, "sessions left behind");
  }
}

/** Runs a test on a stage and makes sure that nothing is left of it. */
export async function onStage(
  options: StageOptions,
  play: (stage: Stage) => Promise<void>,
): Promise<void> {
  const stage = new Stage(options);
  await play(stage);
  await stage.end();
}
