/**
 * A link around another one: all goes on, and somebody hears of it.
 *
 * @module
 */

import type { TlsFacts } from "../channel.ts";
import type { Extensions } from "../rfc5321/extension.ts";
import type { MailParameters, RcptParameters } from "../rfc5321/parameter.ts";
import type { Path } from "../rfc5321/path.ts";
import { Reply } from "../rfc5321/reply.ts";
import { type Soon, when } from "../soon.ts";
import type { DataForm, Opened, Origin, UpstreamBody, UpstreamLink } from "./upstream.ts";

/** Who hears of it. */
export interface LinkListener {
  /**
   * Something has been said.
   *
   * @param answer What comes of it, as a promise where it is to come.
   * @returns What goes on in its place.
   */
  said<T>(verb: string, answer: T): T;
  /** Octets of mail data have been handed over; what goes on in place of `taken` is returned. */
  wrote(taken: Soon<void>): Soon<void>;
  /** The link is in use no more. Told once. */
  ended(): void;
}

/** See the module. */
export function wrapped(link: UpstreamLink, listener: LinkListener): UpstreamLink {
  return new (link.release === undefined ? WrappedLink : WrappedLoan)(link, listener);
}

// `release` is a method of some, and not a closure that a link may have: V8 puts a closure that is
// assigned to a member where what lives long is, and all that it has seen lives as long.

class WrappedLink implements UpstreamLink {
  #ended = false;

  constructor(readonly link: UpstreamLink, readonly listener: LinkListener) {}

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
    return this.listener.said("MAIL", this.link.mail(path, parameters, origin));
  }

  rcpt(path: Path, parameters: RcptParameters): Promise<Reply> {
    return this.listener.said("RCPT", this.link.rcpt(path, parameters));
  }

  data(wish: DataForm, parameters: MailParameters): Soon<Opened> {
    const opened = this.listener.said("DATA", this.link.data(wish, parameters));
    return when(opened, (opened) => {
      if (opened instanceof Reply) return opened;
      return { ...opened, body: new WrappedBody(opened.body, this.listener) };
    });
  }

  reset(): Promise<Reply> {
    return this.listener.said("RSET", this.link.reset());
  }

  authenticate(line: string): Promise<Reply> {
    return this.listener.said("AUTH", this.link.authenticate(line));
  }

  query(verb: "VRFY" | "EXPN" | "HELP", argument: string): Promise<Reply> {
    return this.listener.said(verb, this.link.query(verb, argument));
  }

  async quit(): Promise<void> {
    await this.link.quit();
    this.end();
  }

  abort(): void {
    this.link.abort();
    this.end();
  }

  protected end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.listener.ended();
  }
}

/** Around one that may be given back. */
class WrappedLoan extends WrappedLink {
  release(): boolean {
    const released = this.link.release!();
    if (released) this.end();
    return released;
  }
}

class WrappedBody implements UpstreamBody {
  constructor(readonly body: UpstreamBody, readonly listener: LinkListener) {}

  get form(): DataForm {
    return this.body.form;
  }

  get refusal(): Reply | undefined {
    return this.body.refusal;
  }

  write(octets: Uint8Array): Soon<void> {
    return this.listener.wrote(this.body.write(octets));
  }

  writeLast(octets: Uint8Array): Soon<void> {
    if (this.body.writeLast === undefined) return this.write(octets);
    return this.listener.wrote(this.body.writeLast(octets));
  }

  finish(heard?: (nth: number, reply: Reply) => void): Promise<Reply> {
    return this.listener.said("message", this.body.finish(heard));
  }

  keepAlive(): void {
    this.body.keepAlive?.();
  }

  cancel(): Promise<void> {
    return this.body.cancel();
  }
}
