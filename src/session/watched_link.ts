/**
 * A link to the upstream whose answers observers are told of. It changes nothing.
 *
 * @module
 */

import type { TlsFacts } from "../channel.ts";
import type { Extensions } from "../rfc5321/extension.ts";
import type { MailParameters, RcptParameters } from "../rfc5321/parameter.ts";
import type { Path } from "../rfc5321/path.ts";
import { Reply } from "../rfc5321/reply.ts";
import type { Soon } from "../soon.ts";
import type { UpstreamAnswered } from "./observer.ts";
import type { Session } from "./session.ts";
import type { DataForm, Opened, Origin, UpstreamBody, UpstreamLink } from "./upstream.ts";

/** For whom a link is opened. */
type Wanting = Pick<Session, "aborted" | "facts" | "settings" | "signal">;

/**
 * Gets a link that observers are told of.
 *
 * @param name Of the upstream.
 * @throws {UpstreamFailure}
 */
export function linkWatched(session: Wanting, name: string): Soon<UpstreamLink> {
  // `connect` finds out by itself that the session has been cut off: nothing is lent to it then.
  const upstream = session.aborted ? undefined : session.settings.upstreams.byName.get(name);
  const lent = upstream?.lend?.(session.facts);
  return lent === undefined ? connectWatched(session, name) : watched(session, name, lent, 0);
}

async function connectWatched(session: Wanting, name: string): Promise<UpstreamLink> {
  const { clock, observer, upstreams } = session.settings;
  const began = clock.monotonic();
  try {
    const link = await upstreams.get(name).connect(session.facts, session.signal);
    return watched(session, name, link, clock.monotonic() - began);
  } catch (error) {
    observer.upstreamFailed(session.facts, name, error, clock.monotonic() - began);
    throw error;
  }
}

function watched(session: Wanting, name: string, link: UpstreamLink, took: number): UpstreamLink {
  const { tls, extensions, reused = false, release } = link;
  session.settings.observer.upstreamOpened(session.facts, name, { took, reused, tls, extensions });
  const Watched = release === undefined ? WatchedLink : WatchedLoan;
  return new Watched(link, session, name);
}

// `release` is a method of some, and not a closure that a link may have: V8 puts a closure that is
// assigned to a member where what lives long is, and all that it has seen lives as long.

/** See the module. */
class WatchedLink implements UpstreamLink {
  #closed = false;

  constructor(readonly link: UpstreamLink, readonly session: Wanting, readonly name: string) {}

  get extensions(): Extensions {
    return this.link.extensions;
  }

  get tls(): TlsFacts | undefined {
    return this.link.tls;
  }

  get open(): boolean {
    return this.link.open;
  }

  get usable(): boolean {
    return this.link.usable;
  }

  get reused(): boolean {
    return this.link.reused ?? false;
  }

  mail(path: Path, parameters: MailParameters, origin: Origin): Promise<Reply> {
    return this.answer("MAIL", this.link.mail(path, parameters, origin));
  }

  rcpt(path: Path, parameters: RcptParameters): Promise<Reply> {
    return this.answer("RCPT", this.link.rcpt(path, parameters));
  }

  /** BDAT has no answer before its first chunk: then there is nothing to tell. */
  data(wish: DataForm, parameters: MailParameters): Opened | Promise<Opened> {
    const opened = this.link.data(wish, parameters);
    if (!(opened instanceof Promise)) return this.#opened(opened);
    const replyOf = (opened: Opened) => opened instanceof Reply ? opened : opened.reply;
    return this.#timed("DATA", opened, replyOf).then((opened) => this.#opened(opened));
  }

  reset(): Promise<Reply> {
    return this.answer("RSET", this.link.reset());
  }

  authenticate(line: string): Promise<Reply> {
    return this.answer("AUTH", this.link.authenticate(line));
  }

  query(verb: "VRFY" | "EXPN" | "HELP", argument: string): Promise<Reply> {
    return this.answer(verb, this.link.query(verb, argument));
  }

  async quit(): Promise<void> {
    await this.link.quit();
    this.close();
  }

  abort(): void {
    this.link.abort();
    this.close();
  }

  #opened(opened: Opened): Opened {
    return opened instanceof Reply
      ? opened
      : { ...opened, body: new WatchedBody(opened.body, this) };
  }

  /** Tells of an answer that is on its way. */
  answer(verb: string, answer: Promise<Reply>): Promise<Reply> {
    return this.#timed(verb, answer, (reply) => reply);
  }

  #timed<T>(
    verb: string,
    answer: Promise<T>,
    replyOf: (answer: T) => Reply | undefined,
  ): Promise<T> {
    const { clock } = this.session.settings;
    const began = clock.monotonic();
    return answer.then((answer) => {
      const reply = replyOf(answer);
      if (reply !== undefined) this.#tell({ verb, took: clock.monotonic() - began, reply });
      return answer;
    }, (error) => {
      this.#tell({ verb, took: clock.monotonic() - began });
      throw error;
    });
  }

  #tell(answered: UpstreamAnswered): void {
    this.session.settings.observer.upstreamReply(this.session.facts, this.name, answered);
  }

  /** It has been given up. */
  protected close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.session.settings.observer.upstreamClosed(this.session.facts, this.name);
  }
}

/** One that may be given back. */
class WatchedLoan extends WatchedLink {
  release(): boolean {
    const released = this.link.release!();
    if (released) this.close();
    return released;
  }
}

/** Mail data on their way over one. */
class WatchedBody implements UpstreamBody {
  constructor(readonly body: UpstreamBody, readonly link: WatchedLink) {}

  get form(): DataForm {
    return this.body.form;
  }

  get refusal(): Reply | undefined {
    return this.body.refusal;
  }

  write(octets: Uint8Array): Soon<void> {
    return this.body.write(octets);
  }

  writeLast(octets: Uint8Array): Soon<void> {
    return this.body.writeLast ? this.body.writeLast(octets) : this.body.write(octets);
  }

  finish(heard?: (nth: number, reply: Reply) => void): Promise<Reply> {
    return this.link.answer("message", this.body.finish(heard));
  }

  keepAlive(): void {
    this.body.keepAlive?.();
  }

  cancel(): Promise<void> {
    return this.body.cancel();
  }
}
