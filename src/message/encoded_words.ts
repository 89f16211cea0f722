/**
 * Encoded-words (RFC 2047): text beyond ASCII in header fields, as people read it.
 *
 * @module
 */

import { concat, encode } from "../bytes.ts";

/** `=?charset?B?…?=`, with a language behind the charset (RFC 2231 §5). */
const WORD = /=\?([!-)+->@-~]{1,75})(?:\*[!->@-~]{0,75})?\?([BQbq])\?([!->@-~]*)\?=/g;

/**
 * A text with its encoded-words decoded. White space between two of them is none (RFC 2047 §6.2), and
 * a character may be spread over several. What cannot be decoded stays as it is. It never fails.
 */
export function decodeWords(text: string): string {
  let decoded = "";
  let end = 0;
  let run: Run | undefined;
  for (const match of text.matchAll(WORD)) {
    const [written, charset, encoding, content] = match;
    const between = text.slice(end, match.index);
    const word = { written, charset: charset.toLowerCase(), octets: octetsOf(encoding, content) };
    const adjacent = run !== undefined && /^[ \t\r\n]*$/.test(between);
    if (adjacent && run!.charset === word.charset) run = joined(run!, between, word);
    else {
      decoded += (run === undefined ? "" : read(run)) + (adjacent ? "" : between);
      run = { ...word, octets: [word.octets] };
    }
    end = match.index + written.length;
  }
  return run === undefined ? text : decoded + read(run) + text.slice(end);
}

interface Word {
  readonly written: string;
  readonly charset: string;
  /** `undefined` where it cannot be decoded. */
  readonly octets: Uint8Array | undefined;
}

/** Words of one charset that follow each other. */
interface Run {
  readonly written: string;
  readonly charset: string;
  readonly octets: (Uint8Array | undefined)[];
}

function joined(run: Run, between: string, { written, octets }: Word): Run {
  run.octets.push(octets);
  return { ...run, written: run.written + between + written };
}

function read({ written, charset, octets }: Run): string {
  const known = octets.filter((some) => some !== undefined);
  if (known.length < octets.length) return written;
  try {
    return new TextDecoder(charset).decode(concat(known));
  } catch {
    return written;
  }
}

function octetsOf(encoding: string, content: string): Uint8Array | undefined {
  if (/^b$/i.test(encoding)) {
    try {
      return Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
    } catch {
      return undefined;
    }
  }
  // RFC 2047 §4.2
  const octets = encode(content.replaceAll("_", " "));
  let length = 0;
  for (let at = 0; at < octets.length; at++, length++) {
    const digits = String.fromCharCode(...octets.subarray(at + 1, at + 3));
    const escaped = octets[at] === 0x3d && /^[0-9A-Fa-f]{2}$/.test(digits);
    octets[length] = escaped ? Number.parseInt(digits, 16) : octets[at];
    if (escaped) at += 2;
  }
  return octets.subarray(0, length);
}
