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
type Wanting = Pick<Session, "facts" | "settings" | "signal">;

/**
 * Gets a link that observers are told of.
 *
 * @param name Of the upstream.
 * @throws {UpstreamFailure}
 */
export function linkWatched(session: Wanting, name: string): Soon<UpstreamLink> {
  const lent = session.settings.upstreams.byName.get(name)?.lend?.(session.facts);
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
  const { clock, observer } = session.settings;
  const { tls, extensions, reused = false } = link;
  observer.upstreamOpened(session.facts, name, { took, reused, tls, extensions });
  return new WatchedLink(link, {
    monotonic: () => clock.monotonic(),
    answered: (answered) => observer.upstreamReply(session.facts, name, answered),
    closed: () => observer.upstreamClosed(session.facts, name),
  });
}

/** Who is told. */
export interface LinkWatcher {
  /** Milliseconds, for durations. */
  monotonic(): number;
  /** The upstream has answered, or has failed to. */
  answered(answered: UpstreamAnswered): void;
  /** The link has been given up. */
  closed(): void;
}

/** See the module. */
export class WatchedLink implements UpstreamLink {
  #closed = false;

  readonly release: (() => boolean) | undefined;

  constructor(readonly link: UpstreamLink, readonly watcher: LinkWatcher) {
    if (link.release !== undefined) this.release = () => this.#release();
  }

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
    return this.#answer("MAIL", this.link.mail(path, parameters, origin));
  }

  rcpt(path: Path, parameters: RcptParameters): Promise<Reply> {
    return this.#answer("RCPT", this.link.rcpt(path, parameters));
  }

  /** BDAT has no answer before its first chunk: then there is nothing to tell. */
  data(wish: DataForm, parameters: MailParameters): Opened | Promise<Opened> {
    const opened = this.link.data(wish, parameters);
    if (!(opened instanceof Promise)) return this.#opened(opened);
    const replyOf = (opened: Opened) => opened instanceof Reply ? opened : opened.reply;
    return this.#timed("DATA", opened, replyOf).then((opened) => this.#opened(opened));
  }

  reset(): Promise<Reply> {
    return this.#answer("RSET", this.link.reset());
  }

  authenticate(line: string): Promise<Reply> {
    return this.#answer("AUTH", this.link.authenticate(line));
  }

  query(verb: "VRFY" | "EXPN" | "HELP", argument: string): Promise<Reply> {
    return this.#answer(verb, this.link.query(verb, argument));
  }

  async quit(): Promise<void> {
    await this.link.quit();
    this.#close();
  }

  abort(): void {
    this.link.abort();
    this.#close();
  }

  #opened(opened: Opened): Opened {
    return opened instanceof Reply ? opened : { ...opened, body: this.#watched(opened.body) };
  }

  #watched(body: UpstreamBody): UpstreamBody {
    return {
      form: body.form,
      get refusal() {
        return body.refusal;
      },
      write: (octets) => body.write(octets),
      writeLast: (octets) => body.writeLast ? body.writeLast(octets) : body.write(octets),
      finish: (heard) => this.#answer("message", body.finish(heard)),
      keepAlive: () => body.keepAlive?.(),
      cancel: () => body.cancel(),
    };
  }

  #answer(verb: string, answer: Promise<Reply>): Promise<Reply> {
    return this.#timed(verb, answer, (reply) => reply);
  }

  #timed<T>(
    verb: string,
    answer: Promise<T>,
    replyOf: (answer: T) => Reply | undefined,
  ): Promise<T> {
    const began = this.watcher.monotonic();
    const took = (): number => this.watcher.monotonic() - began;
    return answer.then((answer) => {
      const reply = replyOf(answer);
      if (reply !== undefined) this.watcher.answered({ verb, took: took(), reply });
      return answer;
    }, (error) => {
      this.watcher.answered({ verb, took: took() });
      throw error;
    });
  }

  #release(): boolean {
    const released = this.link.release!();
    if (released) this.#close();
    return released;
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.watcher.closed();
  }
}
