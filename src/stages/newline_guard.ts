/**
 * The rule on newlines for content that has no transparency: what came by BDAT.
 *
 * @module
 */

import { CRLF, LF, SP } from "../bytes.ts";
import { type BareNewline, type DataFault, DataScan, Finding, Place } from "./data_scan.ts";
import type { Out, Stage } from "./stage.ts";

const SPACE = Uint8Array.of(SP);

/**
 * Passes message content on until its first fault, or repairs it.
 *
 * For everything but BODY=BINARYMIME (RFC 3030 §3), whose newlines are data. A dot is content here,
 * wherever it stands; only after NULs at the start of a line it is a fault, also with `normalize`.
 * A stream that ends is not a message that is good: look at `fault` after `flush` and before the
 * upstream is told that the message is complete. Passes on views; holds at most one octet.
 *
 * @example Refusing and repairing
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { NewlineGuard } from "@sluice/sluice/stages";
 *
 * const pass = (guard: NewlineGuard, content: string): string => {
 *   let passed = "";
 *   const out = { enqueue: (piece: Uint8Array) => passed += new TextDecoder().decode(piece) };
 *   guard.transform(new TextEncoder().encode(content), out);
 *   guard.flush(out);
 *   return passed;
 * };
 * const strict = new NewlineGuard();
 * assertEquals(pass(strict, "Hi\nthere\r\n"), "Hi");
 * assertEquals(strict.fault, "bare-lf");
 *
 * const lenient = new NewlineGuard({ bareNewline: "normalize" });
 * assertEquals(pass(lenient, "Hi\nthere\r\n"), "Hi\r\nthere\r\n");
 * assertEquals(lenient.fault, undefined);
 * ```
 */
export class NewlineGuard implements Stage<Uint8Array, Uint8Array> {
  readonly #normalize: boolean;
  readonly #scan = new DataScan();
  #heldCr = false;
  #fault: DataFault | undefined;

  /**
   * Makes a guard for one message.
   *
   * @param options `bareNewline`: what becomes of a CR or LF by itself; default `reject`.
   */
  constructor(options: { readonly bareNewline?: BareNewline } = {}) {
    this.#normalize = options.bareNewline === "normalize";
  }

  /** The first fault. The message has to be refused: content from there on was withheld. */
  get fault(): DataFault | undefined {
    return this.#fault;
  }

  /** Enqueues the chunk up to the message's first fault; after that nothing any more. */
  transform(chunk: Uint8Array, out: Out<Uint8Array>): void {
    if (chunk.length === 0) return;
    let at = 0;
    let start = 0;
    if (this.#heldCr) {
      this.#heldCr = false;
      if (chunk[0] === LF) {
        this.#emit(CRLF, out);
        this.#scan.place = Place.lineStart;
        at = start = 1;
      } else {
        this.#bareNewline("bare-cr", SPACE, out);
      }
    }
    while (at < chunk.length && !this.#fault) {
      at = this.#scan.find(chunk, at);
      const finding = this.#scan.finding;
      if (finding === Finding.nothing) break;
      if (finding === Finding.dot || finding === Finding.dotAfterBareLf) {
        at++;
        continue;
      }
      this.#emit(chunk.subarray(start, at), out);
      start = ++at;
      if (finding === Finding.nulDot) this.#fault = "nul-dot";
      else if (finding === Finding.bareLf) this.#bareNewline("bare-lf", CRLF, out);
      else if (at === chunk.length) this.#heldCr = true;
      else this.#bareNewline("bare-cr", SPACE, out);
    }
    this.#emit(chunk.subarray(start, at), out);
  }

  /** The content has ended, so a CR that was held is bare. */
  flush(out: Out<Uint8Array>): void {
    if (!this.#heldCr) return;
    this.#heldCr = false;
    this.#bareNewline("bare-cr", SPACE, out);
  }

  #bareNewline(fault: DataFault, replacement: Uint8Array, out: Out<Uint8Array>): void {
    if (this.#normalize) this.#emit(replacement, out);
    else this.#fault = fault;
  }

  #emit(piece: Uint8Array, out: Out<Uint8Array>): void {
    if (!this.#fault && piece.length > 0) out.enqueue(piece);
  }
}
