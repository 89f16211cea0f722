/**
 * `multipart/form-data` (RFC 7578, RFC 2046 §5.1.1), taken apart while it comes.
 *
 * @module
 */

import { concat, CR, CRLF, decodeStrict, EMPTY, encode, SP } from "../bytes.ts";
import type { Out, Stage } from "../stages/stage.ts";

/** The beginning of a part; its octets follow, up to the next head or the end of the input. */
export interface PartHead {
  /** Name of the field. */
  readonly name: string;
}

/** Something that is no form, or is cut off. */
export class MultipartFault extends Error {
  /** Tells it apart in logs. */
  override readonly name = "MultipartFault";
}

/** Octets of a part's header at most. */
const HEADER = 8_192;
/** Octets of white space behind a boundary at most. */
const PADDING = 64;

const TAB = 0x09;
const HYPHEN = 0x2d;
const HEADER_END = encode("\r\n\r\n");

/** RFC 2046 §5.1.1: bchars, 1 to 70 of them; a token needs no quotes (RFC 2045 §5.1). */
const boundaryForm =
  /;[ \t]*boundary=(?:"([0-9A-Za-z'()+_,./:=? -]{1,70})"|([0-9A-Za-z'+_.-]{1,70}))[ \t]*(?:;|$)/i;

/** The boundary in a Content-Type, or `undefined` where there is none that may be. */
export function boundaryOf(contentType: string): string | undefined {
  const [, quoted, token] = boundaryForm.exec(contentType) ?? [];
  return quoted ?? token;
}

/**
 * Makes heads and octets of a form. Passes on views; holds no more than a part's header, or what may
 * be the beginning of a delimiter.
 */
export class MultipartSplitter implements Stage<Uint8Array, PartHead | Uint8Array> {
  readonly #delimiter: Uint8Array;
  #place: "preamble" | "delimited" | "header" | "part" | "epilogue" = "preamble";
  /** Octets not yet understood. The first delimiter may stand at the very beginning. */
  #held: Uint8Array = CRLF;

  /**
   * Makes a splitter for one body.
   *
   * @param boundary As in the Content-Type.
   */
  constructor(boundary: string) {
    this.#delimiter = encode(`\r\n--${boundary}`);
  }

  /** @throws {MultipartFault} For what is no form. */
  transform(chunk: Uint8Array, out: Out<PartHead | Uint8Array>): void {
    if (this.#place === "epilogue") return;
    const octets = this.#held.length === 0 ? chunk : concat([this.#held, chunk]);
    let at = 0;
    for (;;) {
      const next = this.#step(octets, at, out);
      if (next === undefined) break;
      at = next;
    }
    this.#held = this.#rest(octets, at, out);
  }

  /** @throws {MultipartFault} If the closing delimiter has not come. */
  flush(): void {
    if (this.#place === "epilogue") return;
    throw new MultipartFault("Cannot read the form: it ends before its closing delimiter");
  }

  /** @returns Where to go on; `undefined` for want of octets. */
  #step(octets: Uint8Array, at: number, out: Out<PartHead | Uint8Array>): number | undefined {
    if (this.#place === "delimited") return this.#afterDelimiter(octets, at);
    if (this.#place === "header") return this.#header(octets, at, out);
    if (this.#place === "epilogue") return undefined;
    const end = find(this.#delimiter, octets, at);
    if (end === undefined || end + this.#delimiter.length > octets.length) return undefined;
    this.#pass(octets.subarray(at, end), out);
    this.#place = "delimited";
    return end + this.#delimiter.length;
  }

  /** What is left of a chunk; of a part all that cannot belong to a delimiter is passed on. */
  #rest(octets: Uint8Array, at: number, out: Out<PartHead | Uint8Array>): Uint8Array {
    if (this.#place === "epilogue") return EMPTY;
    if (this.#place !== "part" && this.#place !== "preamble") return octets.slice(at);
    const end = find(this.#delimiter, octets, at) ?? octets.length;
    this.#pass(octets.subarray(at, end), out);
    return octets.slice(end);
  }

  #pass(octets: Uint8Array, out: Out<PartHead | Uint8Array>): void {
    if (this.#place === "part" && octets.length > 0) out.enqueue(octets);
  }

  #afterDelimiter(octets: Uint8Array, at: number): number | undefined {
    if (octets.length - at < 2) return undefined;
    if (octets[at] === HYPHEN && octets[at + 1] === HYPHEN) {
      this.#place = "epilogue";
      return at;
    }
    let end = at;
    while (octets[end] === SP || octets[end] === TAB) end++;
    if (end - at > PADDING) throw new MultipartFault("Cannot read the form: a delimiter goes on");
    if (octets.length - end < 2) return undefined;
    if (octets[end] !== CR || octets[end + 1] !== CRLF[1]) {
      throw new MultipartFault("Cannot read the form: a delimiter does not end its line");
    }
    this.#place = "header";
    return end;
  }

  /** From the CRLF of the delimiter to the empty line. */
  #header(
    octets: Uint8Array,
    at: number,
    out: Out<PartHead | Uint8Array>,
  ): number | undefined {
    const end = find(HEADER_END, octets, at);
    if ((end ?? octets.length) - at > HEADER) {
      throw new MultipartFault(`Cannot read the form: a part's header exceeds ${HEADER} octets`);
    }
    if (end === undefined || end + HEADER_END.length > octets.length) return undefined;
    out.enqueue(readHead(octets.subarray(at, end)));
    this.#place = "part";
    return end + HEADER_END.length;
  }
}

/**
 * Where `wanted`, which begins with CR, stands in `octets` from `at` on, be it only its beginning at
 * their end.
 */
function find(wanted: Uint8Array, octets: Uint8Array, at: number): number | undefined {
  for (let from = octets.indexOf(CR, at); from >= 0; from = octets.indexOf(CR, from + 1)) {
    let matched = 1;
    while (
      matched < wanted.length && from + matched < octets.length &&
      octets[from + matched] === wanted[matched]
    ) matched++;
    if (matched === wanted.length || from + matched === octets.length) return from;
  }
  return undefined;
}

const disposition = /^content-disposition:[ \t]*form-data[ \t]*(;[^\r\n]*)$/i;
const nameParameter = /;[ \t]*name=(?:"([^"\r\n]*)"|([^";\s]+))/i;
const encoding = /^content-transfer-encoding:(.*)$/is;

function readHead(header: Uint8Array): PartHead {
  const lines = decodeStrict(header)?.split("\r\n") ?? [];
  for (const line of lines) {
    // RFC 7578 §4.7: deprecated, and what it would decode to is no longer what was sent.
    const [, as] = encoding.exec(line) ?? [];
    if (as !== undefined && !/^(?:7bit|8bit|binary)$/i.test(as.trim())) {
      throw new MultipartFault("Cannot read the form: a part has a content-transfer-encoding");
    }
  }
  const parameters = lines.map((line) => disposition.exec(line)?.[1]).find((one) => one);
  const [, quoted, token] = nameParameter.exec(parameters ?? "") ?? [];
  const name = quoted ?? token;
  if (name === undefined) {
    throw new MultipartFault("Cannot read the form: a part has no name (RFC 7578 §4.2)");
  }
  return { name };
}
