/**
 * A message in the pieces in which a milter gets it: header fields, the end of the header section, and
 * the body in chunks.
 *
 * @module
 */

import { CR, EMPTY, LF, SP } from "../../bytes.ts";
import { TooMuch } from "../../message/feed.ts";
import { continues } from "../../message/field.ts";
import { OctetBuffer } from "../../stages/octet_buffer.ts";
import type { Out, Stage } from "../../stages/stage.ts";
import { LARGEST } from "./packet.ts";

/** Octets of a chunk (`MILTER_CHUNK_SIZE`). */
export const CHUNK = 65_535;

/** Octets of a header field that a packet can hold, with what stands around its name and value. */
export const LARGEST_FIELD: number = LARGEST - 2;

const COLON = 0x3a;
const TILDE = 0x7e;

const latin1 = new TextDecoder("latin1");

/** A header field as milters see it. */
export interface MilterField {
  readonly name: string;
  /** What stands behind the colon, folded as it came, with its last line end. */
  readonly body: Uint8Array;
}

/** One of those pieces. */
export type Piece =
  | { readonly kind: "field"; readonly field: MilterField }
  | { readonly kind: "endOfHeaders" }
  | { readonly kind: "body"; readonly octets: Uint8Array };

/**
 * See the module. A line that is no header field ends the header section as an empty line does, and
 * is the first of the body: MTAs read it so, and no octet may pass unseen.
 *
 * `transform` throws `TooMuch` at a header field that no packet can hold.
 */
export class MessageSplitter implements Stage<Uint8Array, Piece> {
  /** Lines of a header field whose end has not been seen. */
  readonly #field = new OctetBuffer();
  /** A line whose end has not been seen, then the body's chunk. */
  readonly #held = new OctetBuffer();
  #inBody = false;

  transform(chunk: Uint8Array, out: Out<Piece>): void {
    let at = 0;
    while (!this.#inBody && at < chunk.length) {
      const feed = chunk.indexOf(LF, at);
      const end = feed < 0 ? chunk.length : feed + 1;
      this.#held.append(chunk.subarray(at, end));
      at = end;
      if (feed >= 0 || this.#held.length > LARGEST_FIELD) this.#line(out);
    }
    this.#body(chunk.subarray(at), out);
  }

  flush(out: Out<Piece>): void {
    if (!this.#inBody && this.#held.length > 0) this.#line(out);
    if (!this.#inBody) this.#end(out);
    if (this.#held.length > 0) out.enqueue({ kind: "body", octets: this.#held.take() });
  }

  /** A whole line, or more of one than a packet can hold. */
  #line(out: Out<Piece>): void {
    const line = this.#held.take();
    const more = continues(line[0]) && this.#field.length > 0;
    if (more || nameOf(line) !== "") {
      if (!more) this.#passField(out);
      this.#field.append(line);
      if (this.#field.length > LARGEST_FIELD) throw new TooMuch(LARGEST_FIELD);
      return;
    }
    this.#end(out);
    const empty = line[0] === LF || (line[0] === CR && line[1] === LF);
    this.#body(empty ? EMPTY : line, out);
  }

  #passField(out: Out<Piece>): void {
    if (this.#field.length === 0) return;
    const octets = this.#field.take();
    const body = octets.subarray(octets.indexOf(COLON) + 1);
    out.enqueue({ kind: "field", field: { name: nameOf(octets), body } });
  }

  #end(out: Out<Piece>): void {
    this.#passField(out);
    this.#inBody = true;
    out.enqueue({ kind: "endOfHeaders" });
  }

  #body(octets: Uint8Array, out: Out<Piece>): void {
    for (let at = 0; at < octets.length;) {
      const piece = octets.subarray(at, at + CHUNK - this.#held.length);
      this.#held.append(piece);
      at += piece.length;
      if (this.#held.length === CHUNK) out.enqueue({ kind: "body", octets: this.#held.take() });
    }
  }
}

/** The name of a header field however long it is (RFC 5322 §2.2); `""` where the line is none. */
function nameOf(line: Uint8Array): string {
  let end = 0;
  while (end < line.length && line[end] > SP && line[end] <= TILDE && line[end] !== COLON) end++;
  let colon = end;
  // RFC 5322 §4.5.3
  while (colon < line.length && continues(line[colon])) colon++;
  return line[colon] === COLON ? latin1.decode(line.subarray(0, end)) : "";
}
