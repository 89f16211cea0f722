/**
 * What of a message a signature stands for, in the canonical form `relaxed` (RFC 6376 §3.4).
 *
 * @module
 */

import { CR, LF, SP } from "../../bytes.ts";

const TAB = 0x09;

const latin1 = new TextDecoder("latin1");

/** A field without its last CRLF (RFC 6376 §3.4.2), one character for each octet. */
export function relaxedField(octets: Uint8Array): string {
  const text = latin1Of(octets);
  const colon = text.indexOf(":");
  const name = text.slice(0, colon).replace(/[ \t]+$/, "").toLowerCase();
  const value = text.slice(colon + 1).replace(/\r\n/g, "").replace(/[ \t]+/g, " ");
  return `${name}:${value.replace(/^ | $/g, "")}`;
}

/** The label `latin1` is windows-1252 to a decoder: it has other characters at 0x80 to 0x9f. */
function latin1Of(octets: Uint8Array): string {
  const text = latin1.decode(octets);
  // deno-lint-ignore no-control-regex -- ASCII is what is meant
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  let exact = "";
  for (const octet of octets) exact += String.fromCharCode(octet);
  return exact;
}

/** The octets of such a text. */
export function octetsOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** A body (RFC 6376 §3.4.4): no white space at the end of lines, no empty lines at the end. */
export function relaxedBody(octets: Uint8Array): Uint8Array {
  const made = new Uint8Array(octets.length + 2);
  let length = 0;
  let lines = 0;
  let space = false;
  for (let at = 0; at < octets.length; at++) {
    const octet = octets[at];
    if (octet === SP || octet === TAB) {
      space = true;
      continue;
    }
    if (octet === CR && octets[at + 1] === LF) {
      lines++;
      at++;
      space = false;
      continue;
    }
    for (; lines > 0; lines--) {
      made[length++] = CR;
      made[length++] = LF;
    }
    if (space) made[length++] = SP;
    space = false;
    made[length++] = octet;
  }
  if (length > 0) {
    made[length++] = CR;
    made[length++] = LF;
  }
  return made.subarray(0, length);
}
