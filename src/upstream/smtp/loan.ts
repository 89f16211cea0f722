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
import type { Extensions } from "../../rfc5321/extension.ts";
import type { MailParameters, RcptParameters } from "../../rfc5321/parameter.ts";
import type { Path } from "../../rfc5321/path.ts";
import type { Reply } from "../../rfc5321/reply.ts";
import type { SessionFacts } from "../../session/facts.ts";
import {
  type DataForm,
  type Opened,
  type Origin,
  UpstreamFailure,
  type UpstreamLink,
} from "../../session/upstream.ts";
import type { Soon } from "../../soon.ts";
import type { SmtpLink } from "./link.ts";
import type { Pool, Pooled } from "./pool.ts";

/** A command that may have to be said again. */
interface Said {
  readonly command: (link: SmtpLink) => Promise<Reply>;
  /** What comes of it on the other connection. */
  again?: Promise<Reply>;
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
  /** Settles when another connection is there in place of the first, and all has been said on it. */
  #replaced: Promise<void> | undefined;
  /** Calls it off, as long as it is being made. */
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

  data(wish: DataForm, parameters: MailParameters): Soon<Opened> {
    return this.#over ? givenBack() : this.#pooled.link.data(wish, parameters);
  }

  reset(): Promise<Reply> {
    return this.#over ? givenBack() : this.#pooled.link.reset();
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
    this.#end(!this.#personal && idle ? "giveBack" : "retire");
    return true;
  }

  quit(): Promise<void> {
    this.#end(!this.#personal && this.#pooled.link.idle ? "giveBack" : "retire");
    return Promise.resolve();
  }

  abort(): void {
    this.#end("abort");
  }

  #end(way: "giveBack" | "retire" | "abort"): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#replacing === undefined) this.#pool[way](this.#pooled);
    else this.#replacing.abort();
  }

  #say(command: Said["command"]): Promise<Reply> {
    if (this.#over) return givenBack();
    const { link } = this.#pooled;
    if (this.#said === undefined) return command(link);
    const said: Said = { command };
    this.#said.push(said);
    if (this.#replaced !== undefined) return this.#again(said);
    return command(link).then((reply) => {
      // A server says 421 as it closes what has been idle for too long (RFC 5321 §3.8).
      return this.#stale(link, link.leaving) ? this.#again(said) : reply;
    }, (error) => {
      const lost = error instanceof UpstreamFailure && error.kind === "lost";
      if (this.#stale(link, lost)) return this.#again(said);
      throw error;
    });
  }

  /** Whether what has been said on the first connection is said again. */
  #stale(link: SmtpLink, gone: boolean): boolean {
    if (this.#replaced !== undefined) return true;
    if (gone && link.answers === this.#before && this.#said !== undefined && !this.#over) {
      this.#replaced = this.#replace(this.#said);
      return true;
    }
    this.#said = undefined;
    return false;
  }

  #again(said: Said): Promise<Reply> {
    return this.#replaced!.then(() => said.again!);
  }

  /** Makes another connection and says on it all that the lost one has not answered. */
  async #replace(said: readonly Said[]): Promise<void> {
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
      // Whatever comes of it is the last word.
      for (const one of said) one.again = one.command(fresh.link);
    } finally {
      this.#said = undefined;
      this.#replacing = undefined;
    }
  }
}

/** Then it is somebody else's. */
function givenBack(): Promise<never> {
  return Promise.reject(new UpstreamFailure("aborted", "The connection has been given back"));
}

/** Whether what was made up for one can be said on the other: parameters, and RFC 8689 §4.2.1. */
function alike(one: SmtpLink, other: SmtpLink): boolean {
  return (one.tls === undefined) === (other.tls === undefined) &&
    one.tls?.peer?.verified === other.tls?.peer?.verified &&
    one.extensions.toLines().join() === other.extensions.toLines().join();
}
