/**
 * Who an Authentication-Results field says that it is from (RFC 8601 §2.2).
 *
 * @module
 */

/** White space, folded or not. */
const SPACE = /[ \t\r\n]/;

/** What ends an authserv-id that stands without quotes. */
const END = /[ \t\r\n;(]/;

/** What some readers do not see or take for white space, and what some decode (RFC 2047). */
const UNCLEAR = /[\p{C}\p{Z}]|=\?/u;

/**
 * Whether a field claims to be from somebody, or does not say from whom in a form that every reader
 * reads alike: comments and quotes are seen through, case and a full stop at the end do not count.
 *
 * @param value The field's value, unfolded.
 * @param id In lower case.
 */
export function claims(value: string, id: string): boolean {
  // OpenDKIM puts the name of a job behind a slash, and reads ours without it.
  const claimed = authservIdOf(value)?.toLowerCase().replace(/\/.*$/s, "").replace(/\.$/, "");
  return claimed === undefined || claimed === "" || claimed === id || UNCLEAR.test(claimed);
}

/** @returns `undefined` where a comment or quotes do not end. */
function authservIdOf(value: string): string | undefined {
  let at = skipComments(value, 0);
  if (at === undefined) return undefined;
  let id = "";
  if (value[at] !== '"') {
    while (at < value.length && !END.test(value[at])) id += value[at++];
    return id;
  }
  for (at++; at < value.length; at++) {
    if (value[at] === '"') return id;
    if (value[at] === "\\") at++;
    id += value[at] ?? "";
  }
  return undefined;
}

/** Behind white space and comments, which may hold others (RFC 5322 §3.2.2). */
function skipComments(value: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < value.length; at++) {
    const character = value[at];
    if (character === "(") depth++;
    else if (character === ")" && depth > 0) depth--;
    else if (character === "\\" && depth > 0) at++;
    else if (depth === 0 && !SPACE.test(character)) return at;
  }
  return depth === 0 ? value.length : undefined;
}
