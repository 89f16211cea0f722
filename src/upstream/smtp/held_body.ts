/**
 * Mail data that are held until it is known whether they are few. A message that fits goes by BDAT in
 * one chunk (RFC 3030 §2), without the turn that DATA and its 354 take, and so does one of which the
 * rest has come at once; of another one DATA is said when it has outgrown the memory, and from there on
 * it passes as it comes.
 *
 * @module
 */

import { EMPTY } from "../../bytes.ts";
import type { Reply } from "../../rfc5321/reply.ts";
import { Scratch } from "../../scratch.ts";
import type { DataForm, Opened, UpstreamBody } from "../../session/upstream.ts";
import type { Soon } from "../../soon.ts";
import { type DataEvent, DotUnstuffer } from "../../stages/dot_unstuffer.ts";
import { type BodyLink, calledOff, lostBy, takeBack, TERMINATOR } from "./body.ts";
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
  /** The rest of the message, which is not held because it is here to stay. */
  #rest = EMPTY;
  /** Octets that have been announced are on their way: whatever came between would be taken for them. */
  #sending = false;
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
    if (this.#body !== undefined) return this.#body.writeLast!(octets);
    if (this.#held.length + octets.length <= this.#most) this.#held.add(octets);
    else this.#rest = octets;
  }

  finish(heard?: Heard): Promise<Reply> {
    if (this.#refusal !== undefined) return Promise.resolve(this.#refusal);
    if (this.#body !== undefined) return this.#body.finish(heard);
    const left = this.#announce();
    if (left.length > 0) return this.#finishLarge(left, heard);
    return answerTo(this.#link, heard, (answer) => this.#ended(answer));
  }

  async cancel(): Promise<void> {
    // While it is written to a body, and where that has failed, it may be read yet.
    if (this.#body === undefined) this.#held.free();
    // What has been announced would have to come first.
    if (this.#sending) this.#link.dialogue.fail(calledOff());
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

  /**
   * Says the whole message in one BDAT command.
   *
   * @returns What is left of it to be written behind that.
   */
  #announce(): readonly Uint8Array[] {
    const content: Uint8Array[] = [];
    let length = 0;
    const unstuffer = new DotUnstuffer();
    const out = {
      enqueue(event: DataEvent): void {
        if (!(event instanceof Uint8Array)) return;
        content.push(event);
        length += event.length;
      },
    };
    for (const octets of [this.#held.octets, this.#rest, TERMINATOR]) {
      unstuffer.take(octets, 0, out);
    }
    const command = new Scratch().text(`BDAT ${length} LAST\r\n`);
    const large = content.findIndex((piece) => piece.length > MOST);
    const left = large < 0 ? [] : content.splice(large);
    for (const piece of content) command.add(piece);
    // What is held is never large.
    this.#held.free();
    this.#link.dialogue.push(command);
    return left;
  }

  async #finishLarge(left: readonly Uint8Array[], heard?: Heard): Promise<Reply> {
    const answer = answerTo(this.#link, heard);
    // It is looked at when all has left: RFC 3030 §2 wants that, even if a refusal comes meanwhile.
    answer.catch(() => {});
    this.#sending = true;
    const failure = await this.#send(left).catch((error: unknown) => error);
    this.#sending = false;
    const reply = await answer;
    if (failure !== undefined && reply.positive) throw failure;
    return await this.#ended(reply);
  }

  async #send(pieces: readonly Uint8Array[]): Promise<void> {
    const { dialogue } = this.#link;
    let small = new Scratch();
    for (const piece of pieces) {
      if (piece.length <= MOST) small.add(piece);
      else {
        dialogue.push(small);
        small = new Scratch();
        await dialogue.write(piece);
      }
    }
    dialogue.push(small);
  }

  #ended(answer: Reply): Soon<Reply> {
    const told = ended(this.#link, answer);
    // RFC 3030 §2: after a refused BDAT nothing but RSET. The client need not wait for it: what comes
    // next on the connection comes behind it.
    if (!answer.positive) void this.cancel();
    return told;
  }
}
