/**
 * Which characters may stand in a command or a reply, and how many octets they take.
 *
 * @module
 */

const encoder = new TextEncoder();
const MAX_ASCII = 0x7f;
const SPACE = 0x20;
const TILDE = 0x7e;

// C0, DEL, C1 (with U+0085) and the two separators that other programs take for a line end.
// deno-lint-ignore no-control-regex
const forbidden = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u;
// deno-lint-ignore no-control-regex
const forbiddenButTab = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/u;

/**
 * Whether a text has no control character, no line or paragraph separator and no lone surrogate, so
 * that it can neither end a line early nor change when it is encoded.
 *
 * @param options `tab`: a horizontal tab is allowed, as in the text of a reply (RFC 5321 §4.2).
 */
export function isClean(text: string, options?: { readonly tab?: boolean }): boolean {
  // Nearly all that comes here is that, and a loop costs a fraction of a pattern.
  if (isPrintable(text)) return true;
  return text.isWellFormed() && !(options?.tab ? forbiddenButTab : forbidden).test(text);
}

/** Whether every character is a graphic one of ASCII, or a space. */
function isPrintable(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < SPACE || unit > TILDE) return false;
  }
  return true;
}

/** Whether every character is ASCII. */
export function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > MAX_ASCII) return false;
  return true;
}

/** Length of the UTF-8 form in octets. */
export function octetLength(text: string): number {
  return isAscii(text) ? text.length : encoder.encode(text).length;
}

/** The longest beginning of `text` that takes at most `octets` octets and cuts no character. */
export function cut(text: string, octets: number): string {
  if (text.length * 3 <= octets) return text;
  return text.slice(0, encoder.encodeInto(text, new Uint8Array(octets)).read);
}

/** Lower case for ASCII letters only: what DNS compares without case, and nothing beyond. */
export function asciiLowerCase(text: string): string {
  return isAscii(text)
    ? text.toLowerCase()
    : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Upper case for ASCII letters only, so that no other letter turns into one of a keyword. */
export function asciiUpperCase(text: string): string {
  return isAscii(text)
    ? text.toUpperCase()
    : text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}
