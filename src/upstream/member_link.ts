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

/** Who is told. */
export interface LinkOwner {
  /** No reply came, and that was not our doing. */
  lost(): void;
  /** The link is in use no more. Told once. */
  ended(): void;
}

/** See the module. */
export class MemberLink implements UpstreamLink {
  readonly release: (() => boolean) | undefined;
  readonly #link: UpstreamLink;
  readonly #owner: LinkOwner;
  #ended = false;

  constructor(link: UpstreamLink, owner: LinkOwner) {
    this.#link = link;
    this.#owner = owner;
    if (link.release !== undefined) this.release = () => this.#release();
  }

  get extensions(): Extensions {
    return this.#link.extensions;
  }

  get tls(): TlsFacts | undefined {
    return this.#link.tls;
  }

  get open(): boolean {
    return this.#link.open;
  }

  get usable(): boolean {
    return this.#link.usable;
  }

  get reused(): boolean {
    return this.#link.reused ?? false;
  }

  mail(path: Path, parameters: MailParameters, origin: Origin): Promise<Reply> {
    return this.#watched(this.#link.mail(path, parameters, origin));
  }

  rcpt(path: Path, parameters: RcptParameters): Promise<Reply> {
    return this.#watched(this.#link.rcpt(path, parameters));
  }

  data(wish: DataForm, parameters: MailParameters): Opened | Promise<Opened> {
    const opened = this.#watched(this.#link.data(wish, parameters));
    return opened instanceof Promise
      ? opened.then((opened) => this.#opened(opened))
      : this.#opened(opened);
  }

  reset(): Promise<Reply> {
    return this.#watched(this.#link.reset());
  }

  authenticate(line: string): Promise<Reply> {
    return this.#watched(this.#link.authenticate(line));
  }

  query(verb: "VRFY" | "EXPN" | "HELP", argument: string): Promise<Reply> {
    return this.#watched(this.#link.query(verb, argument));
  }

  async quit(): Promise<void> {
    await this.#link.quit();
    this.#end();
  }

  abort(): void {
    this.#link.abort();
    this.#end();
  }

  #release(): boolean {
    const released = this.#link.release!();
    if (released) this.#end();
    return released;
  }

  #opened(opened: Opened): Opened {
    return opened instanceof Reply ? opened : { ...opened, body: this.#body(opened.body) };
  }

  #body(body: UpstreamBody): UpstreamBody {
    return {
      form: body.form,
      get refusal() {
        return body.refusal;
      },
      write: (octets) => this.#watched(body.write(octets)),
      writeLast: (octets) =>
        this.#watched(body.writeLast ? body.writeLast(octets) : body.write(octets)),
      finish: (heard) => this.#watched(body.finish(heard)),
      cancel: () => body.cancel(),
    };
  }

  /** A promise itself goes on; a failure of it is looked at on the way. */
  #watched<T>(result: T): T {
    if (result instanceof Promise) {
      result.catch((error) => {
        if (error instanceof UpstreamFailure && error.kind !== "aborted") this.#owner.lost();
      });
    }
    return result;
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#owner.ended();
  }
}
