/**
 * A connection of the pool in the hands of one session.
 *
 * One that has waited in the pool may have been closed by the server without our knowing. If it turns
 * out so at its first command, nothing has been handed over, and the commands are said once more on a
 * new connection (RFC 5321 §4.5.4.1 leaves it to the client when to try again).
 *
 * @module
 */

import type { TlsFacts } from "../../channel.ts";
import type { Extensions } from "../../rfc5321/extension.ts";
import type { MailParameters, RcptParameters } from "../../rfc5321/parameter.ts";
import type { Path } from "../../rfc5321/path.ts";
import type { Reply } from "../../rfc5321/reply.ts";
import type { SessionFacts } from "../../session/facts.ts";
import {
  type DataForm,
  type OpenedBody,
  type Origin,
  UpstreamFailure,
  type UpstreamLink,
} from "../../session/upstream.ts";
import type { SmtpLink } from "./link.ts";
import type { Pool, Pooled } from "./pool.ts";

/** See the module. */
export class Loan implements UpstreamLink {
  readonly #pool: Pool;
  readonly #session: SessionFacts;
  readonly #calledOff = new AbortController();
  #pooled: Pooled;
  /** The one in place of the first, while and after it is made. */
  #replacement: Promise<SmtpLink> | undefined;
  /** Something has been answered: from here on nothing is said twice. */
  #answered = false;
  /** It knows a login, so nobody else may have it. */
  #personal = false;
  #over = false;

  constructor(pool: Pool, pooled: Pooled, session: SessionFacts) {
    this.#pool = pool;
    this.#pooled = pooled;
    this.#session = session;
  }

  get extensions(): Extensions {
    return this.#link.extensions;
  }

  get tls(): TlsFacts | undefined {
    return this.#link.tls;
  }

  /** Whether others have used the connection before. */
  get reused(): boolean {
    return this.#pooled.used;
  }

  get open(): boolean {
    return !this.#over && (this.#link.open || this.#replaceable);
  }

  get usable(): boolean {
    return !this.#over && (this.#link.usable || this.#replaceable);
  }

  mail(path: Path, parameters: MailParameters, origin: Origin): Promise<Reply> {
    return this.#say((link) => link.mail(path, parameters, origin));
  }

  rcpt(path: Path, parameters: RcptParameters): Promise<Reply> {
    return this.#say((link) => link.rcpt(path, parameters));
  }

  data(wish: DataForm, parameters: MailParameters): Promise<OpenedBody | Reply> {
    return this.#link.data(wish, parameters);
  }

  reset(): Promise<Reply> {
    return this.#link.reset();
  }

  authenticate(line: string): Promise<Reply> {
    this.#personal = true;
    return this.#link.authenticate(line);
  }

  query(verb: "VRFY" | "EXPN" | "HELP", argument: string): Promise<Reply> {
    return this.#say((link) => link.query(verb, argument));
  }

  release(): boolean {
    if (this.#over || this.#personal || !this.#link.idle) return false;
    this.#over = true;
    this.#pool.giveBack(this.#pooled);
    return true;
  }

  quit(): Promise<void> {
    if (this.#over) return Promise.resolve();
    if (this.release()) return Promise.resolve();
    this.#over = true;
    this.#pool.retire(this.#pooled);
    return Promise.resolve();
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#calledOff.abort();
    this.#pool.abort(this.#pooled);
  }

  get #link(): SmtpLink {
    return this.#pooled.link;
  }

  get #replaceable(): boolean {
    return this.reused && !this.#answered && !this.#calledOff.signal.aborted;
  }

  async #say(command: (link: SmtpLink) => Promise<Reply>): Promise<Reply> {
    // What follows a command that is being said again waits behind it.
    const link = this.#replacement === undefined ? this.#link : await this.#replacement;
    try {
      const reply = await command(link);
      // A server says 421 as it closes what has been idle for too long (RFC 5321 §3.8).
      const stale = link.leaving && this.#replaceable && this.#replacement === undefined;
      if (!stale) {
        this.#answered = true;
        return reply;
      }
    } catch (error) {
      const lost = error instanceof UpstreamFailure && error.kind === "lost";
      if (!lost || (!this.#replaceable && this.#replacement === undefined) || this.#answered) {
        throw error;
      }
    }
    return await command(await this.#replace());
  }

  #replace(): Promise<SmtpLink> {
    this.#replacement ??= this.#fresh();
    return this.#replacement;
  }

  async #fresh(): Promise<SmtpLink> {
    const lost = this.#pooled;
    lost.link.abort();
    const pooled = await this.#pool.replace(lost, this.#session, this.#calledOff.signal);
    if (this.#over) {
      this.#pool.abort(pooled);
      throw new UpstreamFailure("aborted", "The session has ended");
    }
    this.#pooled = pooled;
    // Whatever comes of it is the last word.
    this.#answered = true;
    return this.#link;
  }
}
