/**
 * Octet constants and the few operations on octets that every layer shares.
 *
 * SMTP is a protocol of octets (RFC 5321 §2.3.1); text exists only where a grammar says so. Nothing
 * in this file knows a command, a reply or a runtime.
 *
 * @module
 */

/** Line feed. */
export const LF = 0x0a;
/** Carriage return. */
export const CR = 0x0d;
/** Space. */
export const SP = 0x20;
/** Full stop: the transparency character of mail data (RFC 5321 §4.5.2). */
export const DOT = 0x2e;
/** Null, which never belongs in a command or a reply. */
export const NUL = 0x00;

/** The line terminator, CRLF (RFC 5321 §2.3.8). Shared: never write into it. */
export const CRLF: Uint8Array = Uint8Array.of(CR, LF);

/** No octets at all. Shared. */
export const EMPTY: Uint8Array = new Uint8Array(0);

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The UTF-8 octets of a string; of an ASCII string, one octet a character. */
export function encode(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * Decodes octets as UTF-8 without repair: what comes out encodes to the very same octets again.
 *
 * @returns The text, or `undefined` where the octets are not valid UTF-8.
 */
export function decodeStrict(octets: Uint8Array): string | undefined {
  if (octets.length <= SHORT && isAscii(octets)) {
    return String.fromCharCode.apply(null, octets as unknown as number[]);
  }
  try {
    return strictDecoder.decode(octets);
  } catch {
    return undefined;
  }
}

/** Of one line: the decoder costs more than that. */
const SHORT = 256;
const MAX_ASCII = 0x7f;

function isAscii(octets: Uint8Array): boolean {
  for (let at = 0; at < octets.length; at++) if (octets[at] > MAX_ASCII) return false;
  return true;
}

/** Joins pieces into one new array. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
