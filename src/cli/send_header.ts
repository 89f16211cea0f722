/**
 * The addresses in a message's header (RFC 5322 §3.4), for an envelope that the command line leaves
 * open.
 *
 * @module
 */

import { Path } from "../rfc5321/path.ts";

/**
 * The bodies of all fields of one name, unfolded (RFC 5322 §2.2.3).
 *
 * @param header The message's beginning, with CRLF or LF as line end; its body is not looked at.
 * @param name In any case.
 */
export function fieldBodies(header: string, name: string): string[] {
  const bodies: string[] = [];
  const prefix = `${name.toLowerCase()}:`;
  let wanted = false;
  for (const line of header.split(/\r?\n/)) {
    if (line === "") break;
    if (line.startsWith(" ") || line.startsWith("\t")) {
      if (wanted) bodies[bodies.length - 1] += line;
      continue;
    }
    wanted = line.toLowerCase().startsWith(prefix);
    if (wanted) bodies.push(line.slice(prefix.length));
  }
  return bodies;
}

/**
 * Reads an address-list: mailboxes with or without display names, groups, comments, and the
 * obsolete forms that RFC 5322 §4.4 asks to be understood.
 *
 * @throws {RangeError} If it is none, or an address in it cannot be a forward-path.
 */
export function addressesIn(body: string): Path[] {
  const list = new AddressList();
  for (const token of tokensOf(body)) list.take(token);
  return list.end();
}

// A quoted-string, a domain-literal, a run of white space, or one character.
const TOKEN = /"(?:[^"\\]|\\[^])*"|\[[^[\]\\]*\]|[ \t]+|[^]/y;

/** Comments come out as the white space that they stand for (RFC 5322 §3.2.2). */
function* tokensOf(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    if (text[at] === "(") {
      at = endOfComment(text, at);
      yield " ";
      continue;
    }
    TOKEN.lastIndex = at;
    const [token] = TOKEN.exec(text)!;
    at += token.length;
    yield token[0] === " " || token[0] === "\t" ? " " : token;
  }
}

function endOfComment(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "(") depth++;
    else if (text[at] === ")" && --depth === 0) return at + 1;
  }
  throw new RangeError("a comment that does not end");
}

/** Puts addresses together from tokens. */
class AddressList {
  readonly #paths: Path[] = [];
  /** Outside of angle brackets: an addr-spec, or the display name before them. */
  #bare = "";
  /** Between angle brackets. */
  #angle: string | undefined;
  #place: "before" | "inside" | "after" = "before";
  #group = false;

  take(token: string): void {
    if (this.#place === "inside") this.#insideBrackets(token);
    else this.#outside(token);
  }

  end(): Path[] {
    if (this.#place === "inside" || this.#group) throw new RangeError('"<" or a group without end');
    this.#finish();
    return this.#paths;
  }

  #insideBrackets(token: string): void {
    if (token === "<") throw new RangeError('"<" within "<"');
    if (token === ">") this.#place = "after";
    else this.#angle = joined(this.#angle!, token);
  }

  #outside(token: string): void {
    switch (token) {
      case ",":
        return this.#finish();
      case ":":
        if (this.#group || this.#place === "after") throw new RangeError('":" out of place');
        this.#group = true;
        this.#bare = "";
        return;
      case ";":
        if (!this.#group) throw new RangeError('";" outside of a group');
        this.#finish();
        this.#group = false;
        return;
      case " ":
        this.#bare = joined(this.#bare, token);
        return;
    }
    if (this.#place === "after" || token === ">") throw new RangeError(`${token} out of place`);
    if (token === "<") {
      this.#place = "inside";
      this.#angle = "";
    } else this.#bare = joined(this.#bare, token);
  }

  #finish(): void {
    const address = withoutSpace(this.#angle ?? this.#bare);
    const present = this.#angle !== undefined || address !== "";
    this.#bare = "";
    this.#angle = undefined;
    this.#place = "before";
    // RFC 5322 §4.4: a list may have empty elements.
    if (!present) return;
    const path = Path.parse(`<${address}>`);
    if (path === undefined || path.isNull) {
      throw new RangeError(`<${address}>, which is no mailbox`);
    }
    this.#paths.push(path);
  }
}

/** RFC 5322 §4.4: white space may surround the dots and the "@" of an address, and counts for nothing. */
function joined(text: string, token: string): string {
  if (token === " ") return text === "" || /[ .@]$/.test(text) ? text : `${text} `;
  return token === "." || token === "@" ? withoutSpace(text) + token : text + token;
}

/** Not `trim`, which takes characters away that are no white space in a header. */
function withoutSpace(text: string): string {
  return text.endsWith(" ") ? text.slice(0, -1) : text;
}
