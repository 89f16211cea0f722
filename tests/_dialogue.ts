/**
 * A whole proxy between a client and an upstream that a test plays, octet by octet and without a
 * network.
 */

import { assertEquals } from "@std/assert";
import { memoryPair } from "../src/adapters/memory.ts";
import {
  type Address,
  type Channel,
  ChannelError,
  type Dialer,
  type SecureChannel,
  type TlsClient,
  type TlsServer,
} from "../src/channel.ts";
import type { Clock } from "../src/clock.ts";
import type { MailProtocol } from "../src/session/facts.ts";
import type { ListenerOptions, ProxyOptions } from "../src/options.ts";
import { createProxy, type Proxy } from "../src/proxy.ts";
import type { ConnectOptions } from "../src/upstream/smtp/connect.ts";
import { defaultPool, type PoolOptions } from "../src/upstream/smtp/pool.ts";
import { defaultTimeouts } from "../src/upstream/smtp/timeouts.ts";
import { SmtpUpstream } from "../src/upstream/smtp/upstream.ts";
import { FakeClock, settle } from "./_clock.ts";
import { guarded, Peer, rest } from "./_peer.ts";

export { type Peer, rest } from "./_peer.ts";

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
  constructor(
    public offers: readonly string[] | undefined,
    readonly protocol: MailProtocol = "smtp",
  ) {}

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
      await greet(peer, offers, this.protocol);
      while (!peer.unread.includes("\r\n") && !peer.ended) await settle();
    } catch {
      return;
    }
    if (peer.unread === "QUIT\r\n") await leave(peer);
    else if (peer.unread !== "") this.#queue(peer);
  }
}

/** Plays the greeting and EHLO, or LHLO. */
export async function greet(
  peer: Peer,
  offers: readonly string[],
  protocol: MailProtocol = "smtp",
): Promise<void> {
  await peer.send("220 upstream.example ESMTP\r\n");
  await peer.expect(`${helloOf(protocol)} proxy.example`);
  await peer.send(ehloReply(["upstream.example", ...offers]));
}

/** The verb that asks for what is offered (RFC 2033 §4.1). */
export function helloOf(protocol: MailProtocol = "smtp"): "EHLO" | "LHLO" {
  return protocol === "lmtp" ? "LHLO" : "EHLO";
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

/** An upstream in the clear that is told of nobody. */
export function upstreamOptions(dialer: Dialer, clock: Clock): ConnectOptions {
  return {
    protocol: "smtp",
    target: { transport: "tcp", host: "upstream.example", port: 25 },
    tls: { mode: "none" },
    identify: "none",
    hostname: "proxy.example",
    dialer,
    tlsClient: plainTls,
    clock,
    dropped: () => {},
    timeouts: defaultTimeouts,
    chunking: "as-received",
    chunkSize: 65_536,
    xforward: false,
    keepSourceRoutes: false,
  };
}

/** TLS without cryptography: what was not dropped before it would be seen after it. */
export const plainTls: TlsServer & TlsClient = {
  accept: (channel) => Promise.resolve(secured(channel, false)),
  connect: (channel) => Promise.resolve(secured(channel, true)),
};

function secured(channel: Channel, peer: boolean): SecureChannel {
  const certificate = {
    subject: "upstream.example",
    issuer: "Authority",
    validTo: 0,
    fingerprint: "00",
    verified: true,
  };
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
export function addressed(
  channel: Channel,
  localAddress: Address,
  remoteAddress: Address,
): Channel {
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
  /** Other upstreams by name, with what each offers. */
  readonly others?: Readonly<Record<string, readonly string[]>>;
  readonly proxy?: ProxyOptions;
  readonly listener?: ListenerOptions;
  readonly upstream?: Partial<ConnectOptions>;
  /** Keep upstream connections between transactions. Default: each session has its own. */
  readonly pool?: Partial<PoolOptions>;
  /** Address of the client. Default 192.0.2.1. */
  readonly client?: string;
  /** Give the proxy {@linkcode plainTls}. */
  readonly tls?: boolean;
}

/** The proxy, its clock and its surroundings. */
export class Stage {
  readonly clock = new FakeClock();
  readonly upstream: UpstreamStage;
  readonly others: Readonly<Record<string, UpstreamStage>>;
  readonly proxy: Proxy;
  /** Octets dropped at TLS handshakes: the client's and the upstream's. */
  readonly dropped = { client: 0, upstream: 0 };
  /** What sessions complained of, in words. */
  readonly troubles: string[] = [];
  readonly #sessions: { readonly peer: Peer; readonly ended: Promise<void> }[] = [];

  constructor(readonly options: StageOptions = {}) {
    this.upstream = new UpstreamStage(options.offers, options.upstream?.protocol);
    this.others = Object.fromEntries(
      Object.entries(options.others ?? {})
        .map(([name, offers]) => [name, new UpstreamStage(offers)]),
    );
    this.proxy = createProxy({
      hostname: "proxy.example",
      trace: false,
      // A test that plays the upstream sees each command when the client has said it.
      eagerMail: true,
      clock: this.clock,
      tls: options.tls ? plainTls : undefined,
      observers: [{
        dropped: (_, count) => void (this.dropped.client += count),
        trouble: (_, error) => void this.troubles.push(String(error)),
      }],
      upstream: this.#smtp(this.upstream),
      upstreams: Object.fromEntries(
        Object.entries(this.others).map(([name, stage]) => [name, this.#smtp(stage)]),
      ),
      ...options.proxy,
    });
  }

  #smtp(dialer: UpstreamStage): SmtpUpstream {
    const { pool, upstream } = this.options;
    const options: ConnectOptions = {
      ...upstreamOptions(dialer, this.clock),
      dropped: (count) => void (this.dropped.upstream += count),
      ...upstream,
    };
    const resolved = pool && { ...defaultPool, ...pool };
    return new SmtpUpstream("smtp://upstream.example", options, resolved);
  }

  /** The upstreams' ends of all connections. */
  #peers(): Peer[] {
    return [this.upstream, ...Object.values(this.others)].flatMap((upstream) => upstream.all);
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

  /** A connection that has been greeted and has said EHLO or LHLO; needs `offers`. */
  async ready(client: Peer = this.connect()): Promise<Peer> {
    const protocol = this.options.listener?.protocol;
    await client.expect(`220 proxy.example ${protocol === "lmtp" ? "LMTP" : "ESMTP"}`);
    await client.send(`${helloOf(protocol)} client.example\r\n`);
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
    await this.#farewell(ended, "the sessions to end");
    await this.#farewell(this.proxy.close(), "the proxy to close");
    await rest();
    const unread = [...this.#sessions.map((session) => session.peer), ...this.#peers()]
      .filter((peer) => peer.unread !== "" && peer.unread !== "QUIT\r\n")
      .map((peer) => `${peer.name}: ${JSON.stringify(peer.unread)}`);
    for (const peer of this.#peers()) if (!peer.closed) peer.close();
    assertEquals(unread, [], "octets that nobody expected");
    assertEquals(this.clock.timers, 0, "timers left behind");
    assertEquals(this.proxy.sessions, 0, "sessions left behind");
  }

  /** Waits for an end, and answers QUIT upstream meanwhile. */
  async #farewell(end: Promise<unknown>, awaited: string): Promise<void> {
    let over = false;
    void end.then(() => over = true);
    for (let round = 0; !over && round < 100; round++) {
      await settle();
      for (const peer of this.#peers()) {
        if (peer.unread === "QUIT\r\n" && !peer.closed) await leave(peer);
      }
    }
    await guarded(end, () => awaited);
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
