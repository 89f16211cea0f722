/**
 * Message content to BDAT commands towards an upstream (RFC 3030 §2).
 *
 * @module
 */

import { encode } from "../bytes.ts";
import { OctetBuffer } from "./octet_buffer.ts";
import type { Out, Stage } from "./stage.ts";

/** Size of a BDAT chunk in octets, unless told otherwise. */
const DEFAULT_CHUNK = 65_536;

/** Room for the longest command, in front of what is gathered: both leave in one piece. */
const ROOM = new Uint8Array("BDAT 9007199254740991 LAST\r\n".length);

/**
 * Puts `BDAT n` before content as it passes; `flush` sends what is held with `LAST`.
 *
 * Pieces below `chunk` octets are copied and gathered up to that size; a larger one goes at once,
 * as its own BDAT chunk and without a copy. `BDAT 0` is sent only as `BDAT 0 LAST`, because Postfix
 * answers 551 to it otherwise and gives the transaction up. Holds at most `chunk` octets.
 *
 * @example A message in two chunks
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { BdatFramer, toTransformStream } from "@sluice/sluice/stages";
 *
 * const framer = new BdatFramer({ chunk: 8 });
 * const message = new Blob(["Subject: Hi\r\n\r\n"]).stream();
 * const sent = await new Response(message.pipeThrough(toTransformStream(framer))).text();
 * assertEquals(sent, "BDAT 15\r\nSubject: Hi\r\n\r\nBDAT 0 LAST\r\n");
 * assertEquals(framer.chunks, 2);
 * ```
 */
export class BdatFramer implements Stage<Uint8Array, Uint8Array> {
  readonly #chunk: number;
  readonly #held = new OctetBuffer();
  #chunks = 0;

  /**
   * Makes a framer for one message.
   *
   * @param options `chunk`: octets up to which pieces are gathered, at least 1; default 65536.
   */
  constructor(options: { readonly chunk?: number } = {}) {
    this.#chunk = options.chunk ?? DEFAULT_CHUNK;
  }

  /** BDAT commands sent so far; each earns one reply. */
  get chunks(): number {
    return this.#chunks;
  }

  /** Gathers a small piece; sends a large one, behind what was gathered. */
  transform(piece: Uint8Array, out: Out<Uint8Array>): void {
    const gathered = this.#gathered;
    if (gathered > 0 && gathered + piece.length > this.#chunk) this.#send("\r\n", out);
    if (piece.length < this.#chunk) {
      if (this.#held.length === 0) this.#held.append(ROOM);
      this.#held.append(piece);
    } else {
      out.enqueue(this.#command(piece.length, "\r\n"));
      out.enqueue(piece);
    }
  }

  /** Sends the last chunk: the message is complete. */
  flush(out: Out<Uint8Array>): void {
    this.#send(" LAST\r\n", out);
  }

  /** Drops what was gathered: without a `LAST` there is no message. */
  cancel(): void {
    this.#held.clear();
  }

  get #gathered(): number {
    return Math.max(0, this.#held.length - ROOM.length);
  }

  /** Sends what was gathered. */
  #send(ending: string, out: Out<Uint8Array>): void {
    const command = this.#command(this.#gathered, ending);
    if (this.#held.length === 0) return out.enqueue(command);
    const begin = ROOM.length - command.length;
    const octets = this.#held.take();
    octets.set(command, begin);
    out.enqueue(octets.subarray(begin));
  }

  #command(octets: number, ending: string): Uint8Array {
    this.#chunks++;
    return encode(`BDAT ${octets}${ending}`);
  }
}
