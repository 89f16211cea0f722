/**
 * Mail data that are held until it is known whether they are few. A message that fits goes by BDAT in
 * one write (RFC 3030 §2), without the turn that DATA and its 354 take; of a larger one DATA is said
 * when it has outgrown the memory, and from there on it passes as it comes.
 *
 * @module
 */

import type { Reply } from "../../rfc5321/reply.ts";
import { Scratch } from "../../scratch.ts";
import type { OpenedBody, UpstreamBody } from "../../session/upstream.ts";
import { DotUnstuffer } from "../../stages/dot_unstuffer.ts";
import { type BodyLink, lostBy, takeBack, TERMINATOR } from "./body.ts";
import { answerTo, type Heard } from "./ending.ts";

/** What it is told. */
export interface HeldBodyOptions extends BodyLink {
  /** Octets that are held at most, if that is fewer than are held anyway. */
  readonly room: number;
  /** Says DATA. */
  readonly open: () => Promise<OpenedBody | Reply>;
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
  readonly #options: HeldBodyOptions;
  readonly #held = new Scratch();
  /** Behind DATA, once there is too much of it. */
  #body: UpstreamBody | undefined;
  #refusal: Reply | undefined;
  /** By the clock's `monotonic`. */
  readonly #begunAt: number;

  constructor(options: HeldBodyOptions) {
    this.#options = options;
    this.#begunAt = options.dialogue.clock.monotonic();
  }

  get refusal(): Reply | undefined {
    return this.#refusal ?? this.#body?.refusal ?? lostBy(this.#options.dialogue);
  }

  async write(octets: Uint8Array): Promise<void> {
    const { room, dialogue } = this.#options;
    const late = dialogue.clock.monotonic() - this.#begunAt > PATIENCE;
    const most = Math.min(room, MOST);
    if (this.#body === undefined && !late && this.#held.length + octets.length <= most) {
      this.#held.add(octets);
      return;
    }
    await this.#overflow();
    await this.#body?.write(octets);
  }

  async writeLast(octets: Uint8Array): Promise<void> {
    if (this.#body === undefined) return await this.write(octets);
    await this.#body.writeLast!(octets);
  }

  async finish(heard?: Heard): Promise<Reply> {
    if (this.#refusal !== undefined) return this.#refusal;
    if (this.#body !== undefined) return await this.#body.finish(heard);
    const { dialogue, ended } = this.#options;
    const chunk = this.#chunk();
    const answered = answerTo(this.#options, heard);
    await dialogue.write(chunk.octets).then(() => chunk.free(), () => {});
    const answer = await answered;
    // RFC 3030 §2: after a refused BDAT nothing but RSET.
    ended(answer);
    // The client need not wait for it: what comes next on the connection comes behind it.
    if (!answer.positive) void this.cancel();
    return answer;
  }

  async cancel(): Promise<void> {
    this.#held.free();
    await (this.#body?.cancel() ?? takeBack(this.#options));
  }

  async #overflow(): Promise<void> {
    if (this.#body !== undefined || this.refusal !== undefined) return;
    const opened = await this.#options.open();
    if ("body" in opened) {
      this.#body = opened.body;
      await this.#body.write(this.#held.octets);
    } else this.#refusal = opened;
    this.#held.free();
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
