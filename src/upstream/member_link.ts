/**
 * A link whose end and whose loss are told to somebody. It changes nothing.
 *
 * @module
 */

import type { TlsFacts } from "../channel.ts";
import type { Extensions } from "../rfc5321/extension.ts";
import type { MailParameters, RcptParameters } from "../rfc5321/parameter.ts";
import type { Path } from "../rfc5321/path.ts";
import { Reply } from "../rfc5321/reply.ts";
import {
  type DataForm,
  type Opened,
  type Origin,
  type UpstreamBody,
  UpstreamFailure,
  type UpstreamLink,
} from "../session/upstream.ts";
import type { Soon } from "../soon.ts";

/** Who is told. */
export interface LinkOwner {
  /** No reply came, and that was not our doing. */
  lost(): void;
  /** The link is in use no more. Told once. */
  ended(): void;
}

/** See the module. */
export function memberLink(link: UpstreamLink, owner: LinkOwner): UpstreamLink {
  return new (link.release === undefined ? MemberLink : MemberLoan)(link, owner);
}

class MemberLink implements UpstreamLink {
  readonly #owner: LinkOwner;
  #ended = false;

  constructor(readonly link: UpstreamLink, owner: LinkOwner) {
    this.#owner = owner;
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
    return this.watch(this.link.mail(path, parameters, origin));
  }

  rcpt(path: Path, parameters: RcptParameters): Promise<Reply> {
    return this.watch(this.link.rcpt(path, parameters));
  }

  data(wish: DataForm, parameters: MailParameters): Opened | Promise<Opened> {
    const opened = this.watch(this.link.data(wish, parameters));
    return opened instanceof Promise
      ? opened.then((opened) => this.#opened(opened))
      : this.#opened(opened);
  }

  reset(): Promise<Reply> {
    return this.watch(this.link.reset());
  }

  authenticate(line: string): Promise<Reply> {
    return this.watch(this.link.authenticate(line));
  }

  query(verb: "VRFY" | "EXPN" | "HELP", argument: string): Promise<Reply> {
    return this.watch(this.link.query(verb, argument));
  }

  async quit(): Promise<void> {
    await this.link.quit();
    this.end();
  }

  abort(): void {
    this.link.abort();
    this.end();
  }

  #opened(opened: Opened): Opened {
    return opened instanceof Reply
      ? opened
      : { ...opened, body: new MemberBody(opened.body, this) };
  }

  /** A promise itself goes on; a failure of it is looked at on the way. */
  watch<T>(result: T): T {
    if (result instanceof Promise) {
      result.catch((error) => {
        if (error instanceof UpstreamFailure && error.kind !== "aborted") this.#owner.lost();
      });
    }
    return result;
  }

  protected end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#owner.ended();
  }
}

/** One that may be given back. */
class MemberLoan extends MemberLink {
  release(): boolean {
    const released = this.link.release!();
    if (released) this.end();
    return released;
  }
}

/** Mail data on their way over one. */
class MemberBody implements UpstreamBody {
  constructor(readonly body: UpstreamBody, readonly link: MemberLink) {}

  get form(): DataForm {
    return this.body.form;
  }

  get refusal(): Reply | undefined {
    return this.body.refusal;
  }

  write(octets: Uint8Array): Soon<void> {
    return this.link.watch(this.body.write(octets));
  }

  writeLast(octets: Uint8Array): Soon<void> {
    const { body } = this;
    return this.link.watch(body.writeLast ? body.writeLast(octets) : body.write(octets));
  }

  finish(heard?: (nth: number, reply: Reply) => void): Promise<Reply> {
    return this.link.watch(this.body.finish(heard));
  }

  keepAlive(): void {
    this.body.keepAlive?.();
  }

  cancel(): Promise<void> {
    return this.body.cancel();
  }
}
