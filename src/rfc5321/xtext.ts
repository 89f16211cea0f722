/**
 * xtext: octets written as printable ASCII (RFC 3461 §4).
 *
 * @module
 */

import { decodeStrict, encode } from "../bytes.ts";

const xtext = /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/;
const plus = 0x2b;
const equals = 0x3d;

function encodeOctet(octet: number): string {
  return octet > 0x20 && octet < 0x7f && octet !== plus && octet !== equals
    ? String.fromCharCode(octet)
    : `+${octet.toString(16).toUpperCase().padStart(2, "0")}`;
}

/**
 * Writes a text as xtext (RFC 3461 §4): space, `+`, `=` and what is not printable ASCII become their
 * UTF-8 octets in hexadecimal.
 *
 * @example What is escaped
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { encodeXtext } from "@sluice/sluice/rfc5321";
 *
 * assertEquals(encodeXtext("1 + 1 = zwölf"), "1+20+2B+201+20+3D+20zw+C3+B6lf");
 * ```
 */
export function encodeXtext(text: string): string {
  return Array.from(encode(text), encodeOctet).join("");
}

/**
 * Whether the text is xtext (RFC 3461 §4); the empty text is.
 *
 * @example Hexadecimal digits are upper case
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isXtext } from "@sluice/sluice/rfc5321";
 *
 * assertEquals(["a+2Bb", "", "a+2bb", "a=b", "a b"].map(isXtext), [true, true, false, false, false]);
 * ```
 */
export function isXtext(text: string): boolean {
  return xtext.test(text);
}

/**
 * Reads xtext. The result may contain any character, controls and line ends included: whoever puts
 * it into a line checks it first.
 *
 * @example There and back
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decodeXtext, encodeXtext } from "@sluice/sluice/rfc5321";
 *
 * assertEquals(decodeXtext(encodeXtext("e=mc²@example.com")), "e=mc²@example.com");
 * assertEquals(decodeXtext("+FF"), undefined); // not UTF-8
 * ```
 *
 * @returns The text, or `undefined` where the input is not xtext or its octets are not UTF-8.
 */
export function decodeXtext(text: string): string | undefined {
  if (!isXtext(text)) return undefined;
  const octets = new Uint8Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "+") {
      octets[length++] = parseInt(text.slice(at + 1, at + 3), 16);
      at += 2;
    } else {
      octets[length++] = text.charCodeAt(at);
    }
  }
  return decodeStrict(octets.subarray(0, length));
}
