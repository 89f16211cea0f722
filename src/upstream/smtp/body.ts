/**
 * Mail data towards an SMTP server: behind DATA (RFC 5321 §4.1.1.4) or in BDAT chunks (RFC 3030).
 * In either form nothing that could end the message leaves before `finish`.
 *
 * @module
 */

import type { Reply } from "../../rfc5321/reply.ts";
import { type DataForm, type UpstreamBody, UpstreamFailure } from "../../session/upstream.ts";
import { type Soon, when } from "../../soon.ts";
import { BdatFramer } from "../../stages/bdat_framer.ts";
import { DotStuffer } from "../../stages/dot_stuffer.ts";
import type { Out } from "../../stages/stage.ts";
import { encode } from "../../bytes.ts";
import { Scratch } from "../../scratch.ts";
import type { Dialogue } from "./dialogue.ts";
import { answerTo, ended, type Heard, replyOf, settled } from "./ending.ts";
import { type UpstreamTimeouts, waitFor } from "./timeouts.ts";

/** Octets that are copied to leave together with the end of the message: more cost a write less. */
const HELD = 16_384;

/** What is left of the end of mail data behind a whole line (RFC 5321 §4.1.1.4). */
export const TERMINATOR = encode(".\r\n");

/** What a body needs of its link. */
export interface BodyLink {
  readonly dialogue: Dialogue;
  readonly timeouts: UpstreamTimeouts;
  /** Accepted ones, where each gets its own reply to the message; absent: one is for all. */
  readonly recipients?: number;
  /** Told how the message was answered. */
  ended(reply: Reply): void;
  /** Says RSET. @throws {UpstreamFailure} */
  reset(): Promise<Reply>;
}

/** Takes a transaction back. Without its connection it is over as well. Never rejects. */
export async function takeBack(link: BodyLink): Promise<void> {
  if (link.dialogue.open) await link.reset().catch(() => {});
}

/** Mail data behind DATA. Refused only by closing the connection: there is no other way out. */
export class DataBody implements UpstreamBody {
  readonly #stuffer: DotStuffer | undefined;
  /** The end of the message, with what comes right before it. */
  readonly #last = new Scratch();

  constructor(readonly link: BodyLink, readonly form: DataForm) {
    if (form === "content") this.#stuffer = new DotStuffer();
  }

  get refusal(): Reply | undefined {
    return lostBy(this.link.dialogue);
  }

  write(octets: Uint8Array): Soon<void> {
    if (this.refusal !== undefined) return;
    return this.#stuffer === undefined ? this.#write(octets) : this.#stuff(octets, this.#stuffer);
  }

  writeLast(octets: Uint8Array): Soon<void> {
    if (this.#stuffer !== undefined || octets.length > HELD) return this.write(octets);
    this.#last.add(octets);
  }

  finish(heard?: Heard): Promise<Reply> {
    this.link.dialogue.push(this.#last.add(this.#stuffer?.terminator() ?? TERMINATOR));
    return answerTo(this.link, heard, (answer) => ended(this.link, answer));
  }

  cancel(): Promise<void> {
    this.link.dialogue.fail(calledOff());
    return Promise.resolve();
  }

  async #stuff(octets: Uint8Array, stuffer: DotStuffer): Promise<void> {
    const pieces: Uint8Array[] = [];
    stuffer.transform(octets, { enqueue: (piece) => void pieces.push(piece) });
    for (const piece of pieces) await this.#write(piece);
  }

  #write(octets: Uint8Array): Promise<void> {
    return this.link.dialogue.write(octets).catch((error) => {
      // It hung up because it had refused: that is what the client should be told.
      if (this.refusal === undefined) throw error;
    });
  }
}

/** Mail data in BDAT chunks. Refused by RSET: the connection lives on. */
export class BdatBody implements UpstreamBody {
  readonly form = "content";
  readonly #framer: BdatFramer;
  #refusal: Reply | undefined;
  #lastReply: Promise<Reply | undefined> = Promise.resolve(undefined);
  /** A chunk is on its way: whatever came between would be taken for its octets. */
  #sending = false;
  /** It has been taken back: what waits to be sent is nobody's. */
  #over = false;
  /** The last sign of life has been answered. */
  #kept: Promise<unknown> | undefined;

  constructor(readonly link: BodyLink, chunk: number) {
    this.#framer = new BdatFramer({ chunk });
  }

  get refusal(): Reply | undefined {
    return this.#refusal ?? lostBy(this.link.dialogue);
  }

  write(octets: Uint8Array): Soon<void> {
    return this.#send((out) => this.#framer.transform(octets, out));
  }

  async finish(heard?: Heard): Promise<Reply> {
    // Behind a chunk that is refused nobody could say how many replies the last one gets.
    if (this.link.recipients !== undefined) await this.#lastReply.catch(() => {});
    await this.#send((out) => this.#framer.flush(out), () => answerTo(this.link, heard));
    const reply = await this.#lastReply.catch((error) => this.#unlessRefused(error));
    const { refusal } = this;
    this.link.ended(refusal ?? reply!);
    // The client need not wait for it: what comes next on the connection comes behind it.
    if (refusal !== undefined) void this.cancel();
    return refusal ?? reply!;
  }

  /** Not BDAT 0: a server may take that for a mistake. Its reply stands between those to chunks. */
  keepAlive(): void {
    const { dialogue, timeouts } = this.link;
    if (this.#sending || this.refusal !== undefined || !dialogue.open) return;
    // Where nothing may be sent ahead of a reply, it goes behind the one that is awaited.
    this.#kept = dialogue.send("NOOP", waitFor(timeouts, "reset")).catch(() => {});
  }

  cancel(): Promise<void> {
    this.#over = true;
    // What has been announced would have to come first.
    if (this.#sending) this.link.dialogue.fail(calledOff());
    return takeBack(this.link);
  }

  #send(frame: (out: Out<Uint8Array>) => void, answer = () => replyOf(this.link)): Soon<void> {
    return when(this.link.dialogue.pipelining ? undefined : this.#kept, () => {
      if (this.#over || this.refusal !== undefined) return;
      const frames: Uint8Array[] = [];
      const before = this.#framer.chunks;
      frame({ enqueue: (octets) => void frames.push(octets) });
      for (let nth = before; nth < this.#framer.chunks; nth++) this.#await(answer());
      if (frames.length > 0) return this.#write(frames);
    });
  }

  async #write(frames: readonly Uint8Array[]): Promise<void> {
    const { dialogue } = this.link;
    try {
      this.#sending = true;
      // RFC 3030 §2: what has been announced is sent, even if a refusal comes meanwhile.
      for (const octets of frames) await dialogue.write(octets);
      this.#sending = false;
      if (!dialogue.pipelining) await this.#lastReply;
    } catch (error) {
      this.#unlessRefused(error);
    }
  }

  /** It hung up because it had refused: that is what the client should be told. */
  #unlessRefused(error: unknown): undefined {
    if (this.refusal === undefined) throw error;
  }

  #await(answer: Promise<Reply>): void {
    this.#lastReply = answer.then((reply) => {
      if (!reply.positive) this.#refusal ??= reply;
      return reply;
    });
    // Whoever needs it awaits it; until then a lost connection is no unhandled rejection.
    this.#lastReply.catch(() => {});
  }
}

function calledOff(): UpstreamFailure {
  return new UpstreamFailure("aborted", "Mail data called off");
}

/** What the server has said as it hung up in the middle of mail data. */
export function lostBy({ unsolicited }: Dialogue): Reply | undefined {
  return unsolicited?.transient || unsolicited?.permanent ? settled(unsolicited) : undefined;
}
