/**
 * What spamd answers (SpamAssassin's `spamd/PROTOCOL`).
 *
 * @module
 */

/** What spamd can be asked for. */
export type SpamdVerb = "check" | "symbols" | "headers";

/** What SpamAssassin has found. */
export interface SpamdResult {
  /** Whether that is spam to SpamAssassin: whether `score` has reached `required`. */
  readonly spam: boolean;
  /** All points together. */
  readonly score: number;
  /** Its own limit (`required_score`). */
  readonly required: number;
  /** Names of the rules that have met, where it was asked for them. */
  readonly symbols?: readonly string[];
}

const NUMBER = "(-?[0-9]{1,9}(?:\\.[0-9]{1,6})?)";
const STATUS = /^SPAMD\/[0-9]{1,3}\.[0-9]{1,3} 0 EX_OK$/;
const LENGTH = /^Content-length: ([0-9]{1,9})$/i;
const SPAM = new RegExp(`^Spam: (True|False) ; ${NUMBER} / ${NUMBER}$`);
const SYMBOL = /^[A-Za-z0-9_]{1,200}$/;

const latin1 = new TextDecoder("latin1");

/**
 * Reads a whole answer.
 *
 * @returns What was found, and the header section that the message would get from spamd: empty where
 * it was not asked for one.
 * @throws {Error} If it is none, or one of a failure, or cut short.
 */
export function readSpamdAnswer(
  octets: Uint8Array,
  verb: SpamdVerb,
): { readonly result: SpamdResult; readonly header: Uint8Array } {
  const whole = latin1.decode(octets);
  const end = whole.indexOf("\r\n\r\n");
  const [status, ...lines] = (end < 0 ? whole : whole.slice(0, end)).split("\r\n");
  if (end < 0 || !STATUS.test(status)) throw unusable(status);
  const body = octets.subarray(end + 4);
  const length = found(lines, LENGTH)?.[1];
  if (length !== undefined ? Number(length) !== body.length : verb !== "check") {
    throw unusable(`${body.length} octets behind "Content-length: ${length ?? ""}"`);
  }
  const spam = found(lines, SPAM);
  if (spam === undefined) throw unusable(lines.join(", "));
  const result = { spam: spam[1] === "True", score: Number(spam[2]), required: Number(spam[3]) };
  if (verb !== "symbols") return { result, header: body };
  const symbols = latin1.decode(body).split(",").filter((name) => SYMBOL.test(name));
  return { result: { ...result, symbols }, header: body.subarray(body.length) };
}

function found(lines: readonly string[], pattern: RegExp): RegExpExecArray | undefined {
  for (const line of lines) {
    const match = pattern.exec(line);
    if (match !== null) return match;
  }
}

function unusable(what: string): Error {
  const shown = what.slice(0, 200).replace(/[^ -~]/g, "?");
  return new Error(`Cannot use spamd's answer: found ${JSON.stringify(shown)}`);
}
