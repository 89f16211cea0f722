/**
 * Mail data towards an SMTP server: behind DATA (RFC 5321 §4.1.1.4) or in BDAT chunks (RFC 3030).
 * In either form nothing that could end the message leaves before `finish`.
 *
 * @module
 */

import { Reply } from "../../rfc5321/reply.ts";
import { type DataForm, type UpstreamBody, UpstreamFailure } from "../../session/upstream.ts";
import { BdatFramer } from "../../stages/bdat_framer.ts";
import { DotStuffer } from "../../stages/dot_stuffer.ts";
import { encode } from "../../bytes.ts";
import { Scratch } from "../../scratch.ts";
import type { Dialogue } from "./dialogue.ts";
import { waitFor } from "./timeouts.ts";
import type { UpstreamTimeouts } from "./timeouts.ts";

/** Octets that are copied to leave together with the end of the message: more cost a write less. */
const HELD = 16_384;

/** What is left of the end of mail data behind a whole line (RFC 5321 §4.1.1.4). */
export const TERMINATOR = encode(".\r\n");

/** A reply of the upstream as it goes on to the client, whose session is another one. */
export function settled(reply: Reply): Reply {
  // 421 says that the upstream closes; our own session goes on (RFC 5321 §3.8).
  const own = reply.code === 421 ? new Reply(451, reply.lines) : reply;
  return own.withEnhanced("0.0");
}

/** What a body needs of its link. */
export interface BodyLink {
  readonly dialogue: Dialogue;
  readonly timeouts: UpstreamTimeouts;
  /** Told how the message was answered. */
  readonly ended: (reply: Reply) => void;
  /** Says RSET. @throws {UpstreamFailure} */
  readonly reset: () => Promise<Reply>;
}

/** Takes a transaction back. Without its connection it is over as well. Never rejects. */
export async function takeBack({ dialogue, reset }: BodyLink): Promise<void> {
  if (dialogue.open) await reset().catch(() => {});
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

  async write(octets: Uint8Array): Promise<void> {
    if (this.refusal !== undefined) return;
    if (this.#stuffer === undefined) return await this.#write(octets);
    const pieces: Uint8Array[] = [];
    this.#stuffer.transform(octets, { enqueue: (piece) => void pieces.push(piece) });
    for (const piece of pieces) await this.#write(piece);
  }

  async writeLast(octets: Uint8Array): Promise<void> {
    if (this.#stuffer === undefined && octets.length <= HELD) this.#last.add(octets);
    else await this.write(octets);
  }

  async finish(): Promise<Reply> {
    const reply = this.link.dialogue.expect(waitFor(this.link.timeouts, "dataTermination"));
    // Where the write fails, so does the reply, and perhaps before anybody awaits it.
    reply.catch(() => {});
    this.#last.add(this.#stuffer?.terminator() ?? TERMINATOR);
    await this.link.dialogue.write(this.#last.octets).then(() => this.#last.free(), () => {});
    const answer = finalReply(this.link.dialogue, await reply);
    this.link.ended(answer);
    return answer;
  }

  cancel(): Promise<void> {
    this.link.dialogue.fail(new UpstreamFailure("aborted", "Mail data called off"));
    return Promise.resolve();
  }

  async #write(octets: Uint8Array): Promise<void> {
    try {
      await this.link.dialogue.write(octets);
    } catch (error) {
      // It hung up because it had refused: that is what the client should be told.
      if (this.refusal === undefined) throw error;
    }
  }
}

/** Mail data in BDAT chunks. Refused by RSET: the connection lives on. */
export class BdatBody implements UpstreamBody {
  readonly form = "content";
  readonly #framer: BdatFramer;
  #refusal: Reply | undefined;
  #lastReply: Promise<Reply | undefined> = Promise.resolve(undefined);

  constructor(readonly link: BodyLink, chunk: number) {
    this.#framer = new BdatFramer({ chunk });
  }

  get refusal(): Reply | undefined {
    return this.#refusal ?? lostBy(this.link.dialogue);
  }

  async write(octets: Uint8Array): Promise<void> {
    await this.#send((out) => this.#framer.transform(octets, out));
  }

  async finish(): Promise<Reply> {
    await this.#send((out) => this.#framer.flush(out));
    const reply = await this.#lastReply.catch((error) => this.#unlessRefused(error));
    const { refusal } = this;
    this.link.ended(refusal ?? reply!);
    // The client need not wait for it: what comes next on the connection comes behind it.
    if (refusal !== undefined) void this.cancel();
    return refusal ?? reply!;
  }

  cancel(): Promise<void> {
    return takeBack(this.link);
  }

  async #send(frame: (out: { enqueue(octets: Uint8Array): void }) => void): Promise<void> {
    if (this.refusal !== undefined) return;
    const frames: Uint8Array[] = [];
    const before = this.#framer.chunks;
    frame({ enqueue: (octets) => void frames.push(octets) });
    for (let nth = before; nth < this.#framer.chunks; nth++) this.#expectReply();
    try {
      // RFC 3030 §2: what has been announced is sent, even if a refusal comes meanwhile.
      for (const octets of frames) await this.link.dialogue.write(octets);
      if (!this.link.dialogue.pipelining) await this.#lastReply;
    } catch (error) {
      this.#unlessRefused(error);
    }
  }

  /** It hung up because it had refused: that is what the client should be told. */
  #unlessRefused(error: unknown): undefined {
    if (this.refusal === undefined) throw error;
  }

  #expectReply(): void {
    const reply = this.link.dialogue.expect(waitFor(this.link.timeouts, "dataTermination"));
    this.#lastReply = reply.then((one) => {
      const answer = finalReply(this.link.dialogue, one);
      if (!answer.positive) this.#refusal ??= answer;
      return answer;
    });
    // Whoever needs it awaits it; until then a lost connection is no unhandled rejection.
    this.#lastReply.catch(() => {});
  }
}

/** What the server has said as it hung up in the middle of mail data. */
export function lostBy({ unsolicited }: Dialogue): Reply | undefined {
  return unsolicited?.transient || unsolicited?.permanent ? settled(unsolicited) : undefined;
}

/** The reply to a message or a chunk: 3yz is no answer to it (RFC 5321 §4.3.2). */
export function finalReply(dialogue: Dialogue, reply: Reply): Reply {
  if (!reply.intermediate) return settled(reply);
  const failure = new UpstreamFailure("protocol", `Unfit reply to mail data: ${reply.text}`);
  dialogue.fail(failure);
  throw failure;
}
