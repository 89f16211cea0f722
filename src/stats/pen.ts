/**
 * How mail addresses, and what may hold some, are shown: in the log, in the admin.
 *
 * @module
 */

import { codesOf } from "../policy/decision.ts";
import type { Path } from "../rfc5321/path.ts";
import type { Reply } from "../rfc5321/reply.ts";

/** Writes down what may name somebody. */
export interface Pen {
  /** A path in its brackets. */
  path(path: Path): string;
  /** The same without brackets; `""` for the null reverse-path. */
  address(path: Path): string;
  /** Somebody's name by itself: who has logged in, whom VRFY asks for. */
  login(login: string): string;
  /** A reply on one line. */
  reply(reply: Reply): string;
  /** A reply as it was written, with LF between its lines. */
  lines(reply: Reply): string;
  /** The first line of a reply without its codes; nothing where that cannot be shown. */
  text(reply: Reply): string | undefined;
  /** Words of ours or of a policy. */
  words(words: string): string;
}

/** Everything as it is. */
const plain: Pen = {
  path: (path) => path.toString(),
  address: (path) => path.address,
  login: (login) => login,
  reply: ({ code, text }) => `${code} ${text}`.trimEnd(),
  lines: (reply) => reply.toString().trimEnd().replaceAll("\r", ""),
  text: ({ lines: [line], enhanced }) => enhanced ? line.replace(/^\S+ ?/, "") : line,
  words: (words) => words,
};

/** Domains only. The words of a reply are the upstream's or the policy's: any may be an address. */
const redacted: Pen = {
  path: (path) => `<${redacted.address(path)}>`,
  address: ({ isNull, domain }) => isNull ? "" : domain === "" ? "…" : `…@${domain}`,
  login: () => "…",
  reply: codesOf,
  lines: codesOf,
  text: () => undefined,
  words: withoutLocalParts,
};

/** See {@linkcode Pen}. */
export const pens: Readonly<Record<"plain" | "redacted", Pen>> = { plain, redacted };

function withoutLocalParts(words: string): string {
  const parts = words.split("@");
  const rest = parts.pop();
  return parts.map((part) => `${part.slice(0, lastWord(part))}…@`).join("") + rest;
}

/** RFC 5321 §4.1.2: what ends the words around a local-part that is not quoted. */
const delimiters = ' \t\r\n<>()[]:;,"';

/** Where the last word of a text begins; at its beginning, where that is quoted and may hold anything. */
function lastWord(text: string): number {
  if (text.endsWith('"')) return 0;
  let at = text.length;
  while (at > 0 && !delimiters.includes(text[at - 1])) at--;
  return at;
}
