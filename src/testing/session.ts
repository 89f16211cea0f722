/**
 * One SMTP session between a test and a proxy, in memory.
 *
 * @module
 */

import { memoryPair } from "../adapters/memory.ts";
import { encode } from "../bytes.ts";
import type { Channel, SecureChannel, TlsFacts, TlsServer } from "../channel.ts";
import { systemClock, within } from "../clock.ts";
import type { ListenerOptions, ProxyOptions } from "../options.ts";
import { createProxy, type Proxy } from "../proxy.ts";
import { isIpv6 } from "../rfc5321/address_literal.ts";
import type { Reply } from "../rfc5321/reply.ts";
import { encodeXtext } from "../rfc5321/xtext.ts";
import { DotStuffer } from "../stages/dot_stuffer.ts";
import { fuse } from "../stages/fuse.ts";
import { LineSplitter } from "../stages/line_splitter.ts";
import { ReplyParser } from "../stages/reply_parser.ts";
import { type CapturedMessage, CaptureUpstream, MemoryStore } from "../upstream/capture.ts";

/** A test that waits for a reply fails after this many milliseconds. */
const PATIENCE = 5_000;

const REPLY_LINE = 1000;

/** Who the client is to be. */
export interface TestClient {
  /** IP address. @default "192.0.2.1" */
  readonly address?: string;
  /**
   * Host name. It and `login` are told by XCLIENT, so that the phase `connect` comes a second time.
   *
   * @default unknown
   */
  readonly name?: string;
  /** Login. @default none */
  readonly login?: string;
  /** TLS from the first octet, with these facts. @default in the clear; STARTTLS is offered */
  readonly tls?: Partial<TlsFacts>;
}

/** What a session in memory can be told: the proxy's options, with other defaults, and the client. */
export interface TestSessionOptions extends ProxyOptions {
  /** Who connects. @default {} */
  readonly client?: TestClient;
  /**
   * What the client says in EHLO; `null`: the greeting is left to be read, and nothing is said.
   *
   * @default "client.example"
   */
  readonly hello?: string | null;
  /** The listener's options. @default {} */
  readonly listener?: ListenerOptions;
}

const DEFAULT_TLS: TlsFacts = {
  version: "TLSv1.3",
  cipher: "TLS_AES_128_GCM_SHA256",
  serverName: "",
};

/** TLS without cryptography: the channel as it is, with the facts of a handshake. */
function pretendedTls(facts: Partial<TlsFacts> = {}): TlsServer {
  return {
    accept(channel): Promise<SecureChannel> {
      return Promise.resolve({ ...facade(channel), tls: { ...DEFAULT_TLS, ...facts } });
    },
  };
}

/** The channel's methods, to be given other facts. */
function facade(channel: Channel): Channel {
  return {
    localAddress: channel.localAddress,
    remoteAddress: channel.remoteAddress,
    read: (size) => channel.read(size),
    write: (octets) => channel.write(octets),
    closeWrite: () => channel.closeWrite(),
    close: () => channel.close(),
  };
}

/** A client's side of a session. Made by {@linkcode openSession}. */
export class TestSession implements AsyncDisposable {
  /** The proxy, of which this is the only session. */
  readonly proxy: Proxy;
  readonly #channel: Channel;
  readonly #store: MemoryStore;
  readonly #ended: Promise<void>;
  readonly #parser = fuse(new LineSplitter({ limit: REPLY_LINE }), new ReplyParser());
  readonly #replies: Reply[] = [];
  /** What was said last, for messages. */
  #said = "nothing";

  /** For {@linkcode openSession}. */
  constructor(proxy: Proxy, channel: Channel, store: MemoryStore, ended: Promise<void>) {
    this.proxy = proxy;
    this.#channel = channel;
    this.#store = store;
    this.#ended = ended;
  }

  /**
   * The messages that have been taken, oldest first: at the default upstream. With an `upstream` of
   * your own there are none.
   */
  get captured(): readonly CapturedMessage[] {
    return this.#store.messages;
  }

  /**
   * Says a command and waits for its whole reply.
   *
   * @param line Without CRLF.
   * @param expected How the reply's first line must begin: `250`, `550 5.7.1`. Default: anything.
   * @throws {Error} If it begins otherwise, or if none comes within five seconds.
   */
  async cmd(line: string, expected?: string): Promise<Reply> {
    await this.send(`${line}\r\n`);
    return await this.expect(expected);
  }

  /** Sends octets, or text in UTF-8, as they are: a pipelined group, half a line. */
  async send(octets: string | Uint8Array): Promise<void> {
    this.#said = typeof octets === "string" ? JSON.stringify(octets) : `${octets.length} octets`;
    await this.#channel.write(typeof octets === "string" ? encode(octets) : octets);
  }

  /**
   * Waits for the next reply.
   *
   * @param expected How its first line must begin. Default: anything.
   * @throws {Error} If it begins otherwise, or if none comes within five seconds.
   */
  async expect(expected?: string): Promise<Reply> {
    const wanted = `a reply${expected === undefined ? "" : ` "${expected}"`} to ${this.#said}`;
    const reply = await within(systemClock, PATIENCE, wanted, this.#next());
    const found = reply === undefined ? "the end" : `"${reply.code} ${reply.lines[0]}"`;
    if (reply === undefined || !found.startsWith(`"${expected ?? ""}`)) {
      throw new Error(`Waited for ${wanted}: found ${found}`);
    }
    return reply;
  }

  /**
   * Waits for the end of the session.
   *
   * @throws {Error} If another reply comes before it, or if it does not come within five seconds.
   */
  async expectEnd(): Promise<void> {
    const reply = await within(systemClock, PATIENCE, "the end of the session", this.#next());
    if (reply !== undefined) {
      throw new Error(`Waited for the end of the session: found "${reply.code} ${reply.lines[0]}"`);
    }
  }

  /**
   * Sends a message by DATA to the recipients that have been accepted.
   *
   * @param content The message, header and body; lines end with CRLF.
   * @param expected How the reply must begin: the one to the message, or to DATA where that is
   * refused. Default: anything.
   * @throws {Error} If it begins otherwise.
   */
  async message(content: string | Uint8Array, expected?: string): Promise<Reply> {
    await this.send("DATA\r\n");
    const opened = await this.expect();
    if (!opened.intermediate) {
      this.#replies.unshift(opened);
      return await this.expect(expected);
    }
    const stuffer = new DotStuffer();
    const pieces: Uint8Array[] = [];
    const out = { enqueue: (piece: Uint8Array): void => void pieces.push(piece) };
    stuffer.transform(typeof content === "string" ? encode(content) : content, out);
    stuffer.flush(out);
    for (const piece of pieces) await this.#channel.write(piece);
    this.#said = "the message";
    return await this.expect(expected);
  }

  /** Ends the session and the proxy. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#channel.close();
    await this.#ended;
    await this.proxy.close();
  }

  async #next(): Promise<Reply | undefined> {
    const out = { enqueue: (reply: Reply): void => void this.#replies.push(reply) };
    while (this.#replies.length === 0) {
      const octets = await this.#channel.read();
      if (octets === undefined) return undefined;
      this.#parser.transform(octets, out);
    }
    return this.#replies.shift();
  }
}

/**
 * Opens a session with a proxy in memory, greeted and introduced. The proxy's name is
 * `proxy.example`, it puts no trace header on top, and its upstream keeps messages in
 * {@linkcode TestSession.captured}, unless the options say otherwise.
 *
 * @example A client, and a session that ends before it begins
 * ```ts
 * import { definePolicy, reject } from "@sluice/sluice/policy";
 * import { openSession } from "@sluice/sluice/testing";
 *
 * const policy = definePolicy({
 *   connect: ({ client }) =>
 *     client.address.startsWith("203.0.113.") ? reject("554 5.7.1 Not welcome") : undefined,
 *   mail: ({ client }) => client.login === undefined ? reject("530 5.7.0 Log in first") : undefined,
 * });
 *
 * await using stranger = await openSession({ policy });
 * await stranger.cmd("MAIL FROM:<a@client.example>", "530");
 *
 * await using known = await openSession({ policy, client: { login: "alice" } });
 * await known.cmd("MAIL FROM:<a@client.example>", "250");
 *
 * await using blocked = await openSession({
 *   policy,
 *   client: { address: "203.0.113.9" },
 *   hello: null,
 * });
 * await blocked.expect("554 5.7.1 Not welcome");
 * await blocked.expectEnd();
 * ```
 *
 * @throws {OptionError} If an option cannot be used.
 * @throws {Error} If the proxy does not greet, where `hello` is not `null`.
 */
export async function openSession(options: TestSessionOptions = {}): Promise<TestSession> {
  const { client = {}, hello = "client.example", listener, ...proxyOptions } = options;
  const { address = "192.0.2.1" } = client;
  const store = new MemoryStore();
  const proxy = createProxy({
    hostname: "proxy.example",
    trace: false,
    upstream: new CaptureUpstream("capture:", store),
    tls: pretendedTls(client.tls),
    ...proxyOptions,
  });
  const [far, near] = memoryPair();
  const channel: Channel = {
    ...facade(near),
    localAddress: { transport: "tcp", host: "192.0.2.25", port: 25 },
    remoteAddress: { transport: "tcp", host: address, port: 50_000 },
  };
  const told = xclient(client);
  const ended = proxy.handle(channel, {
    implicitTls: client.tls !== undefined,
    ...told !== undefined && { xclientFrom: [address] },
    ...listener,
  });
  const session = new TestSession(proxy, far, store, ended);
  try {
    if (told !== undefined) {
      await session.expect("220");
      await session.send(`${told}\r\n`);
    }
    if (hello !== null) {
      await session.expect("220");
      await session.cmd(`EHLO ${hello}`, "250");
    }
    return session;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** The command that tells what a connection cannot show (XCLIENT_README). */
function xclient({ address = "192.0.2.1", name, login }: TestClient): string | undefined {
  if (name === undefined && login === undefined) return undefined;
  const attributes = {
    ADDR: isIpv6(address) ? `IPV6:${address}` : address,
    NAME: name,
    LOGIN: login,
  };
  const words = Object.entries(attributes)
    .flatMap(([key, value]) => value === undefined ? [] : [`${key}=${encodeXtext(value)}`]);
  return `XCLIENT ${words.join(" ")}`;
}
