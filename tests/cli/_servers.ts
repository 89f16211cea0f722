/**
 * Servers for the commands to talk to: Sluice itself, and one that does what a test tells it.
 *
 * @module
 */

import { listen } from "../../src/adapters/deno/mod.ts";
import type { Channel, Target, TlsServer } from "../../src/channel.ts";
import { createProxy, type Proxy } from "../../src/proxy.ts";
import type { ProxyOptions } from "../../src/options.ts";
import { type CapturedMessage, CaptureUpstream, MemoryStore } from "../../src/upstream/capture.ts";

/** A server at a port of 127.0.0.1. */
interface Server extends AsyncDisposable {
  readonly target: Target;
  readonly url: string;
}

/** Starts a proxy that captures what it gets. */
export async function startProxy(
  options: ProxyOptions = {},
): Promise<Server & { readonly messages: readonly CapturedMessage[] }> {
  const store = new MemoryStore();
  const proxy: Proxy = createProxy({
    upstream: new CaptureUpstream("capture:", store),
    trace: false,
    ...options,
  });
  const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 0 });
  const served = proxy.serve(listener);
  const target = listener.address as Target & { transport: "tcp" };
  return {
    target,
    url: `smtp://127.0.0.1:${target.port}`,
    messages: store.messages,
    async [Symbol.asyncDispose]() {
      await proxy.close(0);
      await served;
    },
  };
}

/** How a scripted server behaves; what is not said is as it should be. */
export interface Script {
  /** Lines of the EHLO reply after its first. */
  readonly offers?: readonly string[];
  /** Replies by the beginning of the command line; `drop` hangs up instead. */
  readonly replies?: Readonly<Record<string, string>>;
  /** What it takes for the end of mail data. */
  readonly ends?: readonly string[];
  /** Its reply to mail data, by the octets that ended them. */
  readonly verdict?: (end: string) => string;
  /** Takes the end of the connection for the end of mail data, and says so. */
  readonly acceptsHalf?: boolean;
  readonly tls?: TlsServer;
  /** Obeys under TLS what came before the handshake (CVE-2011-0411). */
  readonly keepsPlaintext?: boolean;
  /** Sends this together with the reply to STARTTLS (CVE-2021-38371). */
  readonly injects?: string;
  /** Told when mail data have come that hold no end of mail data. */
  readonly swallowed?: () => void;
}

/** A server that follows a script, and keeps what it was told. */
export interface ScriptedServer extends Server {
  /** Command lines, each connection's in their order. */
  readonly lines: readonly string[];
  /** Mail data that it has accepted, one character for each octet. */
  readonly messages: readonly string[];
}

const OK: Readonly<Record<string, string>> = {
  "MAIL": "250 Ok",
  "RCPT": "250 Ok",
  "DATA": "354 Go on",
  "RSET": "250 Ok",
  "NOOP": "250 Ok",
  "QUIT": "221 Bye",
};

/** Starts one. */
export async function startScripted(script: Script = {}): Promise<ScriptedServer> {
  const listener = await listen({ transport: "tcp", host: "127.0.0.1", port: 0 });
  const lines: string[] = [];
  const messages: string[] = [];
  const sessions: { readonly scripted: Scripted; readonly end: Promise<void> }[] = [];
  const accepting = (async () => {
    for await (const channel of listener) {
      const scripted = new Scripted(channel, script, lines, messages);
      // The client hangs up whenever it likes.
      sessions.push({ scripted, end: scripted.run().catch(() => {}) });
    }
  })();
  const target = listener.address as Target & { transport: "tcp" };
  return {
    target,
    url: `smtp://127.0.0.1:${target.port}`,
    lines,
    messages,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const { scripted } of sessions) scripted.channel.close();
      await Promise.all(sessions.map(({ end }) => end));
    },
  };
}

class Scripted {
  #input = "";
  #secure = false;

  constructor(
    public channel: Channel,
    readonly script: Script,
    readonly lines: string[],
    readonly messages: string[],
  ) {}

  async run(): Promise<void> {
    try {
      let open = await this.#say(this.#scripted("greeting") ?? "220 scripted.example ESMTP");
      while (open) open = await this.#command();
    } finally {
      this.channel.close();
    }
  }

  async #command(): Promise<boolean> {
    const line = await this.#until(["\r\n"]);
    if (line === undefined) return false;
    this.lines.push(line.text);
    const reply = this.#scripted(line.text) ?? this.#usual(line.text);
    if (line.text === "STARTTLS" && reply.startsWith("220")) {
      await this.#startTls(reply);
      return true;
    }
    const open = await this.#say(reply);
    return reply.startsWith("354") ? await this.#data() : open;
  }

  async #data(): Promise<boolean> {
    const { ends = ["\r\n.\r\n"], verdict = () => "250 Accepted", acceptsHalf } = this.script;
    // The first line of mail data is at the start of a line too.
    this.#input = `\r\n${this.#input}`;
    const data = await this.#until(ends, this.script.swallowed);
    if (data === undefined && !acceptsHalf) return false;
    const reply = verdict(data?.end ?? "");
    if (reply.startsWith("250")) this.messages.push((data?.text ?? this.#input).slice(2));
    return await this.#say(reply) && data !== undefined;
  }

  async #startTls(reply: string): Promise<void> {
    const { tls, keepsPlaintext, injects = "" } = this.script;
    await this.#write(`${reply}\r\n${injects}`);
    this.channel = await tls!.accept(this.channel, AbortSignal.timeout(5_000));
    this.#secure = true;
    if (!keepsPlaintext) this.#input = "";
  }

  #scripted(line: string): string | undefined {
    return Object.entries(this.script.replies ?? {})
      .find(([beginning]) => line.startsWith(beginning))?.[1];
  }

  #usual(line: string): string {
    if (line.startsWith("EHLO ")) {
      const offers = [...this.script.offers ?? []];
      if (this.script.tls !== undefined && !this.#secure) offers.push("STARTTLS");
      return ["scripted.example", ...offers].map((text, nth) =>
        `250${nth < offers.length ? "-" : " "}${text}`
      ).join("\r\n");
    }
    if (line === "STARTTLS") return "220 Go on";
    return OK[line.slice(0, 4)] ?? "500 Unknown";
  }

  /** What comes before the first of these; `undefined` if the connection ends before. */
  async #until(
    ends: readonly string[],
    swallowed?: () => void,
  ): Promise<{ readonly text: string; readonly end: string } | undefined> {
    while (true) {
      const found = ends.map((end) => ({ end, at: this.#input.indexOf(end) }))
        .filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at);
      if (found.length > 0) {
        const [{ end, at }] = found;
        const text = this.#input.slice(0, at);
        this.#input = this.#input.slice(at + end.length);
        return { text, end };
      }
      const octets = await this.channel.read();
      if (octets === undefined) return undefined;
      this.#input += new TextDecoder("latin1").decode(octets);
      if (!ends.some((end) => this.#input.includes(end))) swallowed?.();
    }
  }

  /** @returns Whether the session goes on. */
  async #say(reply: string): Promise<boolean> {
    if (reply === "drop") return false;
    await this.#write(`${reply}\r\n`);
    return !reply.startsWith("221") && !reply.startsWith("421");
  }

  #write(text: string): Promise<void> {
    return this.channel.write(new TextEncoder().encode(text));
  }
}
