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

/** Writes a text as xtext; what is not printable ASCII becomes its UTF-8 octets in hexadecimal. */
export function encodeXtext(text: string): string {
  return Array.from(encode(text), encodeOctet).join("");
}

/** Whether the text is xtext; the empty text is. */
export function isXtext(text: string): boolean {
  return xtext.test(text);
}

/**
 * Reads xtext. The result may contain any character, controls and line ends included: whoever puts
 * it into a line checks it first.
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
