/**
 * The search for the few octets of mail data at which somebody has to decide: everything between
 * two of them may be passed on as it stands. It decides nothing itself.
 *
 * @module
 */

import { CR, DOT, LF, NUL } from "../bytes.ts";
import { skip } from "./scanner/scanner.ts";

/**
 * What is wrong with mail data. `nul-dot`: a parser that drops NULs could see the end of the data,
 * because only NULs are between the start of a line and a dot, or a NUL follows a dot there.
 */
export type DataFault = "bare-cr" | "bare-lf" | "nul-dot";

/**
 * What to do with a CR or an LF by itself in mail data: refuse the message, or turn an LF into
 * CRLF and a CR into one space.
 */
export type BareNewline = "reject" | "normalize";

/** Where in a line the scan stands. */
export const Place = {
  /** After CRLF, or where the data begins. */
  lineStart: 0,
  /** After a bare LF: a line for a lenient parser, not for this one (RFC 5321 §4.1.1.4). */
  afterBareLf: 1,
  /** Only NULs since one of the above: still a line start for a parser that drops NULs. */
  afterNul: 2,
  /** Anywhere else. */
  text: 3,
} as const;
/** One of the values of {@linkcode Place}. */
export type Place = typeof Place[keyof typeof Place];

/** What the scan has stopped at. */
export const Finding = {
  /** Nothing up to the end of the chunk. */
  nothing: 0,
  /** A dot where a line starts: stuffing, the end of the data, or neither. */
  dot: 1,
  /** A dot after a bare LF. */
  dotAfterBareLf: 2,
  /** A dot that follows only NULs in its line: without them it would be a `dot`. */
  nulDot: 3,
  /** A CR without its LF: it is bare, or the last octet of the chunk. */
  cr: 4,
  /** An LF without a CR before it. */
  bareLf: 5,
} as const;
/** One of the values of {@linkcode Finding}. */
export type Finding = typeof Finding[keyof typeof Finding];

/** What a dot means at each {@linkcode Place} but `text`. */
const dotAt = [Finding.dot, Finding.dotAfterBareLf, Finding.nulDot] as const;

/** Finds the octets of interest, one after the other, across chunks. */
export class DataScan {
  /** What the last `find` stopped at. */
  finding: Finding = Finding.nothing;
  /**
   * The place of the octet that comes next. Its owner sets it where only he can know: after the LF
   * of a CR that ended a chunk.
   */
  place: Place = Place.lineStart;

  /**
   * Searches `chunk` from `from` on and says in `finding` what it is.
   *
   * @returns Where it is; `chunk.length` for `nothing`. The search goes on one octet later.
   */
  find(chunk: Uint8Array, from: number): number {
    const end = chunk.length;
    let place: Place = this.place;
    let at = from;
    while (at < end) {
      if (place !== Place.text) {
        if (chunk[at] === DOT) return this.#found(dotAt[place], at);
        if (chunk[at] === NUL) {
          place = Place.afterNul;
          at++;
          continue;
        }
      }
      const stop = skip(chunk, at);
      if (stop === at) return this.#found(chunk[at] === CR ? Finding.cr : Finding.bareLf, at);
      place = chunk[stop - 1] === LF ? Place.lineStart : Place.text;
      at = stop;
    }
    this.place = place;
    this.finding = Finding.nothing;
    return end;
  }

  #found(finding: Finding, at: number): number {
    this.finding = finding;
    this.place = finding === Finding.bareLf ? Place.afterBareLf : Place.text;
    return at;
  }
}
