/**
 * A connection of the pool in the hands of one session.
 *
 * One that has waited in the pool may have been closed by the server without our knowing. If it turns
 * out so before anything has been answered, nothing has been handed over, and what has been said is
 * said once more, in its order, on a new connection (RFC 5321 §4.5.4.1 leaves it to the client when to
 * try again).
 *
 * @module
 */

import type { TlsFacts } from "../../channel.ts";
import { deferred } from "../../deferred.ts";
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

/** A command that may have to be said again. */
interface Said {
  readonly command: (link: SmtpLink) => Promise<Reply>;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

/** See the module. */
export class Loan implements UpstreamLink {
  readonly #pool: Pool;
  readonly #session: SessionFacts;
  #pooled: Pooled;
  /** Replies that others have had on the connection. */
  readonly #before: number;
  /** What has been said so far, in its order; absent where nothing may be said twice. */
  #said: Said[] | undefined;
  /** Calls off the connection that is being made in place of the first. */
  #replacing: AbortController | undefined;
  /** It has been told of a login, so nobody else may have it. */
  #personal = false;
  #over = false;

  constructor(pool: Pool, pooled: Pooled, session: SessionFacts) {
    this.#pool = pool;
    this.#pooled = pooled;
    this.#session = session;
    this.#before = pooled.link.answers;
    this.#said = pooled.used ? [] : undefined;
  }

  get extensions(): Extensions {
    return this.#pooled.link.extensions;
  }

  get tls(): TlsFacts | undefined {
    return this.#pooled.link.tls;
  }

  /** Whether the connection has been in the pool before. */
  get reused(): boolean {
    return this.#pooled.used;
  }

  get open(): boolean {
    return !this.#over && this.#pooled.link.open;
  }

  get usable(): boolean {
    return !this.#over && this.#pooled.link.usable;
  }

  mail(path: Path, parameters: MailParameters, origin: Origin): Promise<Reply> {
    return this.#say((link) => link.mail(path, parameters, origin));
  }

  rcpt(path: Path, parameters: RcptParameters): Promise<Reply> {
    return this.#say((link) => link.rcpt(path, parameters));
  }

  async data(wish: DataForm, parameters: MailParameters): Promise<OpenedBody | Reply> {
    return await this.#own().data(wish, parameters);
  }

  async reset(): Promise<Reply> {
    return await this.#own().reset();
  }

  authenticate(line: string): Promise<Reply> {
    this.#personal = true;
    return this.#say((link) => link.authenticate(line));
  }

  query(verb: "VRFY" | "EXPN" | "HELP", argument: string): Promise<Reply> {
    return this.#say((link) => link.query(verb, argument));
  }

  release(): boolean {
    const { idle, open } = this.#pooled.link;
    // On one that is gone nothing is left.
    if (this.#over || (open && (this.#personal || !idle))) return false;
    void this.quit();
    return true;
  }

  quit(): Promise<void> {
    const clean = !this.#personal && this.#pooled.link.idle;
    const leave = (pooled: Pooled): void =>
      clean ? this.#pool.giveBack(pooled) : this.#pool.retire(pooled);
    if (!this.#over) this.#end(leave);
    return Promise.resolve();
  }

  abort(): void {
    if (!this.#over) this.#end((pooled) => this.#pool.abort(pooled));
  }

  #end(leave: (pooled: Pooled) => void): void {
    this.#over = true;
    if (this.#replacing === undefined) leave(this.#pooled);
    else this.#replacing.abort();
  }

  /** Once it has been given back it is somebody else's. @throws {UpstreamFailure} */
  #own(): SmtpLink {
    if (this.#over) throw new UpstreamFailure("aborted", "The connection has been given back");
    return this.#pooled.link;
  }

  async #say(command: Said["command"]): Promise<Reply> {
    const link = this.#own();
    if (this.#said === undefined) return await command(link);
    const { promise, resolve, reject } = deferred<Reply>();
    const said = { command, resolve, reject };
    this.#said.push(said);
    if (this.#replacing === undefined) void this.#attempt(said, link);
    return await promise;
  }

  async #attempt({ command, resolve, reject }: Said, link: SmtpLink): Promise<void> {
    let gone: boolean;
    let settle: () => void;
    try {
      const reply = await command(link);
      // A server says 421 as it closes what has been idle for too long (RFC 5321 §3.8).
      gone = link.leaving;
      settle = () => resolve(reply);
    } catch (error) {
      gone = error instanceof UpstreamFailure && error.kind === "lost";
      settle = () => reject(error);
    }
    // What stood behind it is being said again already.
    if (this.#replacing !== undefined || link !== this.#pooled.link) return;
    if (gone && link.answers === this.#before && !this.#over) return await this.#replace();
    this.#said = undefined;
    settle();
  }

  /** Makes another connection and says on it all that the lost one has not answered. */
  async #replace(): Promise<void> {
    const lost = this.#pooled;
    this.#replacing = new AbortController();
    lost.link.abort();
    try {
      const fresh = await this.#pool.replace(lost, this.#session, this.#replacing.signal);
      if (this.#over || !alike(fresh.link, lost.link)) {
        this.#pool.giveBack(fresh);
        throw new UpstreamFailure("lost", "The connection is gone, and a new one is not like it");
      }
      this.#pooled = fresh;
    } catch (error) {
      return this.#settle(({ reject }) => reject(error));
    }
    const { link } = this.#pooled;
    this.#settle(({ command, resolve, reject }) => void command(link).then(resolve, reject));
  }

  /** Whatever comes of it is the last word. */
  #settle(end: (said: Said) => void): void {
    const said = this.#said!;
    this.#said = undefined;
    this.#replacing = undefined;
    said.forEach(end);
  }
}

/** Whether what was made up for one can be said on the other: parameters, and RFC 8689 §4.2.1. */
function alike(one: SmtpLink, other: SmtpLink): boolean {
  return (one.tls === undefined) === (other.tls === undefined) &&
    one.tls?.peer?.verified === other.tls?.peer?.verified &&
    one.extensions.toLines().join() === other.extensions.toLines().join();
}
