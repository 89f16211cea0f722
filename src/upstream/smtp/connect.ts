/**
 * From a dialled channel to a greeted connection: PROXY header, greeting, EHLO or LHLO (RFC 2033
 * §4.1), STARTTLS, XCLIENT.
 *
 * @module
 */

import type {
  Channel,
  Dialer,
  SecureChannel,
  Target,
  TlsClient,
  TlsVerification,
} from "../../channel.ts";
import type { Clock } from "../../clock.ts";
import { Extensions } from "../../rfc5321/extension.ts";
import type { SessionFacts } from "../../session/facts.ts";
import { UpstreamFailure } from "../../session/upstream.ts";
import { encodeProxyHeader } from "../../stages/proxy_protocol.ts";
import { Dialogue, type DialogueObserver, failureOf } from "./dialogue.ts";
import { xclientLines } from "./identity.ts";
import { type LinkOptions, SmtpLink } from "./link.ts";
import { waitFor } from "./timeouts.ts";

/** Whether and how the upstream connection is encrypted. */
export type UpstreamTls =
  | { readonly mode: "none" }
  /** STARTTLS if it works, whoever answers; in the clear otherwise (RFC 7435). */
  | { readonly mode: "opportunistic" }
  /** STARTTLS or nothing. */
  | { readonly mode: "required"; readonly verify: TlsVerification }
  /** TLS from the first octet (RFC 8314 §3). */
  | { readonly mode: "implicit"; readonly verify: TlsVerification };

/** How the upstream learns who the client is. */
export type Identify = "none" | "xforward" | "xclient" | "proxy-v1" | "proxy-v2";

/** All that a connection needs. */
export interface ConnectOptions extends LinkOptions {
  readonly target: Target;
  readonly tls: UpstreamTls;
  readonly identify: Identify;
  /** Our name in EHLO; `""`: the address literal of our end. */
  readonly hostname: string;
  readonly dialer: Dialer;
  /** Needed for every TLS mode but `none`. */
  readonly tlsClient: TlsClient | undefined;
  readonly clock: Clock;
  /** Told of octets that stood behind the reply to STARTTLS and were dropped (CVE-2021-38371). */
  readonly dropped: (octets: number) => void;
  /** Sees all that is said on the connection. */
  readonly observer?: DialogueObserver;
}

/**
 * Connects.
 *
 * @param session On whose behalf; absent for a probe.
 * @throws {UpstreamFailure}
 */
export async function connect(
  options: ConnectOptions,
  session: SessionFacts | undefined,
  signal: AbortSignal,
): Promise<SmtpLink> {
  try {
    return await new Connecting(options, session, signal).run();
  } catch (error) {
    const failure = failureOf(error);
    if (options.tls.mode !== "opportunistic" || failure.kind !== "tls") throw failure;
    // RFC 3207 §4.1: the client decides; opportunistic means that the mail goes all the same.
    return await connect({ ...options, tls: { mode: "none" } }, session, signal);
  }
}

/** One attempt; what it has opened is closed if it fails. */
class Connecting {
  #dialogue: Dialogue | undefined;
  #channel: Channel | undefined;
  #secure: SecureChannel | undefined;
  readonly #attempt = new AbortController();

  constructor(
    readonly options: ConnectOptions,
    readonly session: SessionFacts | undefined,
    readonly signal: AbortSignal,
  ) {}

  async run(): Promise<SmtpLink> {
    const abort = (): void => this.#giveUp();
    this.signal.addEventListener("abort", abort);
    try {
      if (this.signal.aborted) throw new UpstreamFailure("aborted", "The session has ended");
      const channel = this.#channel = await this.#timed(
        (signal) => this.options.dialer.connect(this.options.target, signal),
      );
      await this.#introduce(channel);
      if (this.options.tls.mode === "implicit") await this.#handshake();
      const extensions = await this.#negotiate();
      return new SmtpLink(this.#dialogue!, extensions, this.#secure?.tls, {
        ...this.options,
        xforward: this.options.identify === "xforward",
      });
    } catch (error) {
      this.#giveUp();
      throw error;
    } finally {
      this.signal.removeEventListener("abort", abort);
    }
  }

  #giveUp(): void {
    this.#attempt.abort();
    this.#dialogue?.fail(new UpstreamFailure("aborted", "Connecting to the upstream called off"));
    (this.#secure ?? this.#channel)?.close();
  }

  async #negotiate(): Promise<Extensions> {
    this.#converse();
    await this.#greeted();
    const plain = await this.#hello();
    const extensions = await this.#startTls(plain);
    return this.options.identify === "xclient" && this.session !== undefined
      ? await this.#becomeClient(extensions, this.session)
      : extensions;
  }

  #converse(): Dialogue {
    const { clock, timeouts, observer } = this.options;
    return this.#dialogue = new Dialogue(
      this.#secure ?? this.#channel!,
      clock,
      timeouts.dataBlock,
      observer,
    );
  }

  /** RFC 5321 §3.1; RFC 7504 §3 for 521. */
  async #greeted(): Promise<void> {
    const reply = await this.#dialogue!.expect(this.#wait());
    if (reply.code === 220) return;
    throw new UpstreamFailure(
      reply.code === 521 ? "no-mail" : "refusing",
      `Upstream greeted with ${reply.code} ${reply.text}`,
      { reply },
    );
  }

  async #hello(): Promise<Extensions> {
    const name = this.#name();
    const lmtp = this.options.protocol === "lmtp";
    const verb = lmtp ? "LHLO" : "EHLO";
    const reply = await this.#dialogue!.send(`${verb} ${name}`, this.#wait());
    if (reply.code === 250) return Extensions.parse(reply);
    // RFC 5321 §3.2: a server that knows no EHLO may still know HELO.
    if (reply.permanent && !lmtp) {
      const old = await this.#dialogue!.send(`HELO ${name}`, this.#wait());
      if (old.positive) return Extensions.none;
    }
    const text = `Upstream refused ${verb} with ${reply.code} ${reply.text}`;
    throw new UpstreamFailure("refusing", text, { reply });
  }

  async #startTls(plain: Extensions): Promise<Extensions> {
    const { tls } = this.options;
    if (tls.mode === "none" || tls.mode === "implicit") return plain;
    if (!plain.has("STARTTLS")) {
      if (tls.mode === "opportunistic") return plain;
      throw new UpstreamFailure("tls", "Upstream does not offer STARTTLS");
    }
    const dialogue = this.#dialogue!;
    const reply = await dialogue.send("STARTTLS", { ...this.#wait(), last: true });
    await dialogue.done;
    if (reply.code !== 220) {
      const text = `Upstream refused STARTTLS with ${reply.code} ${reply.text}`;
      throw new UpstreamFailure("tls", text, { reply });
    }
    if (dialogue.dropped > 0) this.options.dropped(dialogue.dropped);
    await this.#handshake();
    this.#converse();
    // RFC 3207 §4.2: what was said before counts for nothing.
    return await this.#hello();
  }

  async #handshake(): Promise<void> {
    const { tls, tlsClient, target } = this.options;
    if (tlsClient === undefined) {
      throw new UpstreamFailure("tls", "This runtime brings no TLS for upstream connections");
    }
    const verify: TlsVerification = "verify" in tls ? tls.verify : { kind: "none" };
    const serverName = verify.kind === "name"
      ? verify.name
      : target.transport === "tcp"
      ? target.host
      : "";
    this.#secure = await this.#timed(
      (signal) => tlsClient.connect(this.#channel!, { serverName, verify }, signal),
    );
  }

  /** XCLIENT_README: the upstream greets again, and everything begins anew. */
  async #becomeClient(extensions: Extensions, session: SessionFacts): Promise<Extensions> {
    const lines = xclientLines(extensions, session.client);
    if (lines.length === 0) throw new UpstreamFailure("unfit", "Upstream does not offer XCLIENT");
    for (const line of lines) {
      const reply = await this.#dialogue!.send(line, this.#wait());
      if (reply.code !== 220) {
        const text = `Upstream refused XCLIENT with ${reply.code} ${reply.text}`;
        throw new UpstreamFailure(reply.transient ? "refusing" : "unfit", text, { reply });
      }
    }
    return await this.#hello();
  }

  /** The PROXY header goes before everything else, in one write. */
  async #introduce(channel: Channel): Promise<void> {
    const { identify } = this.options;
    if (identify !== "proxy-v1" && identify !== "proxy-v2") return;
    const { client, server } = this.session ?? {};
    const known = client !== undefined && client.address !== "" && server?.transport === "tcp";
    const header = encodeProxyHeader(
      identify === "proxy-v1" ? 1 : 2,
      known ? { host: client.address, port: client.port } : undefined,
      known ? { host: server.host, port: server.port } : undefined,
    );
    await this.#timed(() => channel.write(header));
  }

  #name(): string {
    if (this.options.hostname !== "") return this.options.hostname;
    const { localAddress } = this.#channel!;
    if (localAddress.transport !== "tcp") return "localhost";
    const { host } = localAddress;
    return host.includes(":") ? `[IPv6:${host}]` : `[${host}]`;
  }

  #wait(): { milliseconds: number; waitedFor: string } {
    return waitFor(this.options.timeouts, "greeting");
  }

  async #timed<T>(start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, timeouts } = this.options;
    let late = false;
    const timer = clock.after(timeouts.connect, () => {
      late = true;
      this.#giveUp();
    });
    try {
      return await start(this.#attempt.signal);
    } catch (error) {
      if (!late) throw error;
      throw new UpstreamFailure("timeout", `No connection within ${timeouts.connect} ms`);
    } finally {
      timer.cancel();
    }
  }
}
