/**
 * Mail data from the client: where it ends, what is wrong with it, and its transparency undone.
 *
 * @module
 */

import { CR, CRLF, DOT, LF, NUL, SP } from "../bytes.ts";
import { type BareNewline, type DataFault, DataScan, Finding, Place } from "./data_scan.ts";
import type { Framer, Out } from "./stage.ts";
import { UnfinishedDataFault } from "./unfinished.ts";

/** The end of mail data has been read. */
export interface EndOfData {
  /** Tells this event from a piece of the message. */
  readonly end: true;
  /** The first fault. The message has to be refused: content from there on was withheld. */
  readonly fault?: DataFault;
  /** Content octets that were handed out, stuffed dots not counted (RFC 1870 §5). */
  readonly octets: number;
}

/** A piece of the message in its order, or its end. */
export type DataEvent = Uint8Array | EndOfData;

/** How mail data is read. */
export interface DotUnstufferOptions {
  /**
   * Hand out the wire form, stuffed as an upstream needs it and without its end, and so mostly the
   * very chunks that came in.
   *
   * @default false
   */
  readonly keepStuffing?: boolean;
  /** What becomes of a CR or LF by itself, in both forms of output. @default "reject" */
  readonly bareNewline?: BareNewline;
}

const SPACE = Uint8Array.of(SP);
const STUFFING = Uint8Array.of(DOT);

/** What has been taken but can be judged only by the octet after it. */
type Held = "nothing" | "cr" | "dot" | "dot-cr";

/**
 * Reads mail data up to CRLF.CRLF, which alone ends it (RFC 5321 §4.1.1.4), and deletes the dot
 * that a client puts before a line that starts with one (RFC 5321 §4.5.2).
 *
 * A fault never ends the data: reading goes on to the true end, so that nothing of the message is
 * taken for a command. What could become the end of data in the upstream's eyes is held back until
 * the next octet has come, so that a client which dies leaves a message without an end. `take`
 * stops behind the end; what follows is read as the next message. Holds at most two octets.
 *
 * With `normalize`, a dot after a bare LF is content; `nul-dot` remains a fault.
 *
 * @example A message and the command behind it
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { DotUnstuffer, type EndOfData } from "@sluice/sluice/stages";
 *
 * const wire = new TextEncoder().encode("Hi\r\n..\r\n.\r\nQUIT\r\n");
 * let content = "";
 * let end: EndOfData | undefined;
 * const next = new DotUnstuffer().take(wire, 0, {
 *   enqueue(event) {
 *     if (event instanceof Uint8Array) content += new TextDecoder().decode(event);
 *     else end = event;
 *   },
 * });
 * assertEquals(content, "Hi\r\n.\r\n");
 * assertEquals(end, { end: true, octets: 7 });
 * assertEquals(new TextDecoder().decode(wire.subarray(next)), "QUIT\r\n");
 * ```
 *
 * @example An end of data that is none (SMTP smuggling)
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type DataEvent, DotUnstuffer } from "@sluice/sluice/stages";
 *
 * const wire = new TextEncoder().encode("Hi\n.\r\nMAIL FROM:<root@bank.example>\r\n.\r\n");
 * const events: DataEvent[] = [];
 * const next = new DotUnstuffer().take(wire, 0, { enqueue: (event) => events.push(event) });
 *
 * assertEquals(next, wire.length); // all of it is one message
 * assertEquals(events.at(-1), { end: true, fault: "bare-lf", octets: 2 });
 * ```
 */
export class DotUnstuffer implements Framer<DataEvent> {
  readonly #keepStuffing: boolean;
  readonly #normalize: boolean;
  #scan = new DataScan();
  #held: Held = "nothing";
  #fault: DataFault | undefined;
  #octets = 0;
  #unfinished = true;

  /** Makes a reader of mail data; after each end it is ready for the next message. */
  constructor(options: DotUnstufferOptions = {}) {
    this.#keepStuffing = options.keepStuffing ?? false;
    this.#normalize = options.bareNewline === "normalize";
  }

  /** Content octets of this message handed out so far, stuffed dots not counted. */
  get octets(): number {
    return this.#octets;
  }

  /**
   * Enqueues the content in `chunk` from `from` on as views, up to the end of data if it is there.
   *
   * @returns The offset behind the end of data, or `chunk.length`.
   */
  take(chunk: Uint8Array, from: number, out: Out<DataEvent>): number {
    let at = from;
    // What lies in chunk[start, at) is judged and not yet handed out.
    let start = from;
    if (at < chunk.length) this.#unfinished = true;
    while (at < chunk.length) {
      if (this.#held !== "nothing") {
        at = start = this.#judgeHeld(chunk, at, out);
        if (!this.#unfinished) return at;
        continue;
      }
      at = this.#scan.find(chunk, at);
      switch (this.#scan.finding) {
        case Finding.nothing:
          break;
        case Finding.dot:
          if (this.#keepStuffing && chunk[at + 1] === DOT) {
            this.#uncount();
            at += 2;
          } else {
            this.#emit(chunk.subarray(start, at), out);
            this.#held = "dot";
            start = ++at;
          }
          break;
        case Finding.dotAfterBareLf:
          if (this.#keepStuffing) {
            this.#emit(chunk.subarray(start, at + 1), out);
            this.#uncount();
            start = at;
          }
          at++;
          break;
        case Finding.nulDot:
          this.#emit(chunk.subarray(start, at), out);
          this.#fault ??= "nul-dot";
          start = ++at;
          break;
        case Finding.cr:
          this.#emit(chunk.subarray(start, at), out);
          this.#held = "cr";
          start = ++at;
          break;
        case Finding.bareLf:
          this.#emit(chunk.subarray(start, at), out);
          this.#bareNewline("bare-lf", CRLF, out);
          start = ++at;
          break;
      }
    }
    this.#emit(chunk.subarray(start, at), out);
    return at;
  }

  /** As `take`, but goes on with the next message: for input of nothing but mail data. */
  transform(chunk: Uint8Array, out: Out<DataEvent>): void {
    for (let at = 0; at < chunk.length;) at = this.take(chunk, at, out);
  }

  /**
   * Makes sure that the last message has come to its end.
   *
   * @throws {UnfinishedDataFault} If the end of the data has not come.
   */
  flush(): void {
    if (!this.#unfinished) return;
    throw new UnfinishedDataFault("Read mail data: the input ended before CRLF.CRLF");
  }

  /**
   * Judges what is held by the octet at `at`.
   *
   * @returns Where content goes on: behind that octet if it belongs to what was held.
   */
  #judgeHeld(chunk: Uint8Array, at: number, out: Out<DataEvent>): number {
    const held = this.#held;
    const octet = chunk[at];
    this.#held = "nothing";
    if (held === "dot") {
      if (octet === CR) {
        this.#held = "dot-cr";
        return at + 1;
      }
      if (octet === DOT) {
        if (this.#keepStuffing) {
          this.#emit(STUFFING, out);
          this.#uncount();
        }
        return at;
      }
      if (octet === NUL) this.#fault ??= "nul-dot";
      // RFC 5321 §4.5.2: a dot before anything else is deleted.
      return at;
    }
    if (octet !== LF) {
      this.#bareNewline("bare-cr", SPACE, out);
      return at;
    }
    if (held === "cr") {
      this.#emit(CRLF, out);
      this.#scan.place = Place.lineStart;
    } else {
      this.#end(out);
    }
    return at + 1;
  }

  #bareNewline(fault: DataFault, replacement: Uint8Array, out: Out<DataEvent>): void {
    if (this.#normalize) this.#emit(replacement, out);
    else this.#fault ??= fault;
  }

  /** One octet that was or will be handed out is stuffing, not content. */
  #uncount(): void {
    if (!this.#fault) this.#octets--;
  }

  #emit(piece: Uint8Array, out: Out<DataEvent>): void {
    if (this.#fault || piece.length === 0) return;
    this.#octets += piece.length;
    out.enqueue(piece);
  }

  #end(out: Out<DataEvent>): void {
    const end: EndOfData = this.#fault
      ? { end: true, fault: this.#fault, octets: this.#octets }
      : { end: true, octets: this.#octets };
    this.#scan = new DataScan();
    this.#fault = undefined;
    this.#octets = 0;
    this.#unfinished = false;
    out.enqueue(end);
  }
}
