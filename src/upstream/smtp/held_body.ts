/**
 * Mail data that are held until it is known whether they are few. A message that fits goes by BDAT in
 * one write (RFC 3030 §2), without the turn that DATA and its 354 take; of a larger one DATA is said
 * when it has outgrown the memory, and from there on it passes as it comes.
 *
 * @module
 */

import type { Reply } from "../../rfc5321/reply.ts";
import { Scratch } from "../../scratch.ts";
import type { DataForm, Opened, UpstreamBody } from "../../session/upstream.ts";
import type { Soon } from "../../soon.ts";
import { DotUnstuffer } from "../../stages/dot_unstuffer.ts";
import { type BodyLink, lostBy, takeBack, TERMINATOR } from "./body.ts";
import { answerTo, ended, type Heard } from "./ending.ts";

/** What it needs of its link. */
export interface HeldBodyLink extends BodyLink {
  /** Says DATA. @throws {UpstreamFailure} */
  openData(form: DataForm): Promise<Opened>;
}

/**
 * Milliseconds for which they are held: a server that hears nothing for five minutes gives up
 * (RFC 5321 §4.5.3.2.7).
 */
const PATIENCE = 60_000;

/** Octets that are held at most: to copy more costs more than the turn that it saves (bench, W5). */
const MOST = 16_384;

/** See the module. */
export class HeldBody implements UpstreamBody {
  readonly form = "stuffed";
  readonly #link: HeldBodyLink;
  readonly #most: number;
  readonly #held = new Scratch();
  /** Behind DATA, once there is too much of it. */
  #body: UpstreamBody | undefined;
  #refusal: Reply | undefined;
  /** By the clock's `monotonic`. */
  readonly #begunAt: number;

  /** @param room Octets that are held at most, if that is fewer than are held anyway. */
  constructor(link: HeldBodyLink, room: number) {
    this.#link = link;
    this.#most = Math.min(room, MOST);
    this.#begunAt = link.dialogue.clock.monotonic();
  }

  get refusal(): Reply | undefined {
    return this.#refusal ?? this.#body?.refusal ?? lostBy(this.#link.dialogue);
  }

  write(octets: Uint8Array): Soon<void> {
    if (this.#body !== undefined) return this.#body.write(octets);
    const late = this.#link.dialogue.clock.monotonic() - this.#begunAt > PATIENCE;
    if (late || this.#held.length + octets.length > this.#most) return this.#overflow(octets);
    this.#held.add(octets);
  }

  writeLast(octets: Uint8Array): Soon<void> {
    return this.#body === undefined ? this.write(octets) : this.#body.writeLast!(octets);
  }

  finish(heard?: Heard): Promise<Reply> {
    if (this.#refusal !== undefined) return Promise.resolve(this.#refusal);
    if (this.#body !== undefined) return this.#body.finish(heard);
    this.#link.dialogue.push(this.#chunk());
    return answerTo(this.#link, heard, (answer) => {
      const told = ended(this.#link, answer);
      // RFC 3030 §2: after a refused BDAT nothing but RSET. The client need not wait for it: what
      // comes next on the connection comes behind it.
      if (!answer.positive) void this.cancel();
      return told;
    });
  }

  async cancel(): Promise<void> {
    // While it is written to a body, and where that has failed, it may be read yet.
    if (this.#body === undefined) this.#held.free();
    await (this.#body?.cancel() ?? takeBack(this.#link));
  }

  /** There is too much of it, or it has taken too long. */
  async #overflow(octets: Uint8Array): Promise<void> {
    if (this.refusal !== undefined) return;
    const opened = await this.#link.openData(this.form);
    if ("body" in opened) {
      this.#body = opened.body;
      await this.#body.write(this.#held.octets);
    } else this.#refusal = opened;
    if (this.#body?.refusal === undefined) this.#held.free();
    await this.#body?.write(octets);
  }

  /** The whole message as one BDAT command. */
  #chunk(): Scratch {
    const content: Uint8Array[] = [];
    let length = 0;
    new DotUnstuffer().take(this.#held.add(TERMINATOR).octets, 0, {
      enqueue(event) {
        if (!(event instanceof Uint8Array)) return;
        content.push(event);
        length += event.length;
      },
    });
    const chunk = new Scratch().text(`BDAT ${length} LAST\r\n`);
    for (const piece of content) chunk.add(piece);
    this.#held.free();
    return chunk;
  }
}
