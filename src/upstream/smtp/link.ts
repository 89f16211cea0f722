/**
 * A greeted connection to an SMTP server, as a session uses it.
 *
 * @module
 */

import type { TlsFacts } from "../../channel.ts";
import { within } from "../../clock.ts";
import type { Extensions } from "../../rfc5321/extension.ts";
import {
  type MailParameters,
  printMailParameters,
  printRcptParameters,
  type RcptParameters,
} from "../../rfc5321/parameter.ts";
import type { Path } from "../../rfc5321/path.ts";
import type { Reply } from "../../rfc5321/reply.ts";
import type { MailProtocol } from "../../session/facts.ts";
import {
  type DataForm,
  type Opened,
  type Origin,
  UpstreamFailure,
  type UpstreamLink,
} from "../../session/upstream.ts";
import type { Soon } from "../../soon.ts";
import { BdatBody, DataBody } from "./body.ts";
import type { Dialogue } from "./dialogue.ts";
import { settled } from "./ending.ts";
import { HeldBody, type HeldBodyLink } from "./held_body.ts";
import { xforwardLines } from "./identity.ts";
import { type UpstreamTimeouts, waitFor } from "./timeouts.ts";

/**
 * In which form mail data go to an upstream that has CHUNKING: as the client sends them; likewise, but
 * a message of up to 16 KiB (or `chunkSize`, if that is less) by BDAT, which takes a turn less; always
 * by BDAT; or by DATA.
 * BODY=BINARYMIME is always sent by BDAT (RFC 3030 §3).
 */
export type Chunking = "as-received" | "small" | "always" | "never";

/** How a link behaves. */
export interface LinkOptions {
  readonly protocol: MailProtocol;
  readonly timeouts: UpstreamTimeouts;
  readonly chunking: Chunking;
  /** Octets gathered for one BDAT chunk. */
  readonly chunkSize: number;
  /** Tell the origin of each message by XFORWARD. */
  readonly xforward: boolean;
  /** Paths keep their source routes (RFC 5321 appendix C). */
  readonly keepSourceRoutes: boolean;
}

/** See the module. */
export class SmtpLink implements UpstreamLink, HeldBodyLink {
  #transactions = 0;
  /** That there may be (RFC 9422 §4.1). */
  readonly #most: number;
  #refusals = 0;
  #answers = 0;
  /** A RSET that is under way. */
  #resetting: Promise<Reply> | undefined;
  /** MAIL has been said, and the server has not forgotten it. */
  #transactionOpen = false;
  /** Recipients accepted in the transaction. */
  #accepted = 0;

  constructor(
    readonly dialogue: Dialogue,
    readonly extensions: Extensions,
    readonly tls: TlsFacts | undefined,
    readonly options: LinkOptions,
  ) {
    dialogue.pipelining = extensions.has("PIPELINING");
    this.#most = extensions.limit("MAILMAX") ?? Infinity;
  }

  get open(): boolean {
    return this.dialogue.open && !this.dialogue.leaving;
  }

  /** Mail transactions begun. */
  get transactions(): number {
    return this.#transactions;
  }

  /** Commands and messages refused. */
  get refusals(): number {
    return this.#refusals;
  }

  /** Replies to commands so far, but for 421: somebody is there. */
  get answers(): number {
    return this.#answers;
  }

  /** Nothing of whoever has used it is left on it: no transaction, no reply that is still to come. */
  get idle(): boolean {
    return this.open && !this.#transactionOpen && this.dialogue.quiet;
  }

  /** The server has said that it closes. */
  get leaving(): boolean {
    return this.dialogue.leaving;
  }

  get timeouts(): UpstreamTimeouts {
    return this.options.timeouts;
  }

  get recipients(): number | undefined {
    return this.options.protocol === "lmtp" ? this.#accepted : undefined;
  }

  get usable(): boolean {
    return this.open && this.#transactions < this.#most;
  }

  mail(path: Path, parameters: MailParameters, origin: Origin): Promise<Reply> {
    this.#transactions++;
    this.#transactionOpen = true;
    // One that is said from here on is another.
    this.#resetting = undefined;
    this.#accepted = 0;
    if (this.options.xforward) {
      // Its replies change nothing: it is said for logs.
      for (const line of xforwardLines(this.extensions, origin)) {
        this.#command(line, "mail").catch(() => {});
      }
    }
    const line = `MAIL FROM:${this.#printed(path)}${printMailParameters(parameters)}`;
    return this.#command(line, "mail");
  }

  rcpt(path: Path, parameters: RcptParameters): Promise<Reply> {
    const line = `RCPT TO:${this.#printed(path)}${printRcptParameters(parameters)}`;
    return this.#command(line, "rcpt");
  }

  data(wish: DataForm, parameters: MailParameters): Soon<Opened> {
    const { chunking, chunkSize } = this.options;
    if (this.#inChunks(wish, parameters)) return { body: new BdatBody(this, chunkSize) };
    // On a connection that is gone DATA fails before the client has sent anything.
    const held = chunking === "small" && this.extensions.has("CHUNKING") && this.open;
    return held ? { body: new HeldBody(this, chunkSize) } : this.openData(wish);
  }

  /** Says DATA. */
  openData(form: DataForm): Promise<Opened> {
    const wait = waitFor(this.options.timeouts, "dataInitiation");
    return this.dialogue.send("DATA", wait, (reply): Opened => {
      if (reply.code === 354) return { body: new DataBody(this, form), reply };
      if (reply.positive || reply.intermediate) throw this.#outOfStep("DATA", reply);
      this.#refusals++;
      return settled(reply);
    });
  }

  reset(): Promise<Reply> {
    if (this.#resetting !== undefined) return this.#resetting;
    const resetting = this.#resetting = this.#reset().finally(() => {
      if (this.#resetting === resetting) this.#resetting = undefined;
    });
    return resetting;
  }

  /**
   * A server that refuses to forget a transaction (RFC 5321 §4.1.1.5 knows no refusal) loses the
   * connection: the old recipients must not get the next message.
   */
  #reset(): Promise<Reply> {
    // From here on: MAIL may be said before it is answered, and nobody else has the link before that.
    this.#transactionOpen = false;
    return this.dialogue.send("RSET", waitFor(this.options.timeouts, "reset"), (reply) => {
      if (!reply.positive) this.#outOfStep("RSET", reply);
      return settled(reply);
    });
  }

  authenticate(line: string): Promise<Reply> {
    const shown = /^AUTH [^ ]+/.exec(line)?.[0] ?? "(response)";
    const wait = { ...waitFor(this.options.timeouts, "auth"), shown };
    return this.dialogue.send(line, wait, (reply) => settled(this.#heard(reply)));
  }

  query(verb: "VRFY" | "EXPN" | "HELP", argument: string): Promise<Reply> {
    return this.#command(argument === "" ? verb : `${verb} ${argument}`, "query");
  }

  async quit(): Promise<void> {
    if (this.dialogue.open) {
      const wait = waitFor(this.options.timeouts, "quit");
      const reply = this.dialogue.send("QUIT", wait);
      // Replies that are still to come before it have longer times of their own.
      await within(this.dialogue.clock, wait.milliseconds, wait.waitedFor, reply).catch(() => {});
    }
    this.abort();
    await this.dialogue.done;
  }

  abort(): void {
    this.dialogue.fail(new UpstreamFailure("aborted", "Connection to the upstream closed by us"));
  }

  ended(reply: Reply): void {
    this.#transactionOpen = false;
    if (!reply.positive) this.#refusals++;
  }

  #printed(path: Path): string {
    return this.options.keepSourceRoutes ? path.toStringWithRoute() : path.toString();
  }

  /** RFC 3030: BINARYMIME needs BDAT; anything else may take either way. */
  #inChunks(wish: DataForm, parameters: MailParameters): boolean {
    if (!this.extensions.has("CHUNKING")) return false;
    if (parameters.body === "BINARYMIME") return true;
    const { chunking } = this.options;
    return chunking === "always" || (chunking !== "never" && wish === "content");
  }

  #command(line: string, wait: keyof UpstreamTimeouts): Promise<Reply> {
    const expectation = waitFor(this.options.timeouts, wait);
    return this.dialogue.send(line, expectation, (reply) => this.#answered(line, reply));
  }

  #answered(line: string, reply: Reply): Reply {
    this.#heard(reply);
    if (reply.intermediate) throw this.#outOfStep(line.slice(0, 4), reply);
    if (reply.positive) {
      if (line.startsWith("RCPT ")) this.#accepted++;
    } else {
      this.#refusals++;
      if (line.startsWith("MAIL ")) this.#transactionOpen = false;
    }
    return settled(reply);
  }

  #heard(reply: Reply): Reply {
    if (reply.code !== 421) this.#answers++;
    return reply;
  }

  /** An answer that cannot be one: whatever comes next cannot be matched to its command. */
  #outOfStep(verb: string, reply: Reply): UpstreamFailure {
    const failure = new UpstreamFailure("protocol", `Unfit reply to ${verb}: ${reply.text}`);
    this.dialogue.fail(failure);
    return failure;
  }
}
