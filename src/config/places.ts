/**
 * Where the keys of a TOML document stand: the parser gives values without places, and a mistake
 * needs its line and column. Reads only what the parser has taken, so it refuses nothing.
 *
 * @module
 */

import { parse } from "smol-toml";

/** Keys and places in arrays, from the document down to a value. */
export type KeyPath = readonly (string | number)[];

/** Line and column, in UTF-16 code units, both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A key path as it is written in messages: `rule[2].when.client`. */
export function printPath(path: KeyPath): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    const name = /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
    return text === "" ? name : `${text}.${name}`;
  }, "");
}

/** The places of all keys and array elements of one document. */
export class Places {
  readonly #text: string;
  readonly #offsets: ReadonlyMap<string, number>;

  /** @param text A document that a TOML parser has taken. */
  constructor(text: string) {
    this.#text = text;
    this.#offsets = new Scanner(text).scan();
  }

  /** The place of a key or element; where there is none, of the nearest that holds it. */
  of(path: KeyPath): Place {
    let known = path;
    while (known.length > 0 && !this.#offsets.has(idOf(known))) known = known.slice(0, -1);
    const offset = this.#offsets.get(idOf(known)) ?? 0;
    const before = this.#text.slice(0, offset);
    const lineStart = before.lastIndexOf("\n") + 1;
    return { line: before.split("\n").length, column: offset - lineStart + 1 };
  }
}

function idOf(path: KeyPath): string {
  return JSON.stringify(path);
}

const blank = /(?:[ \t\r\n]|#[^\n]*)*/y;
const bareKey = /[A-Za-z0-9_-]+/y;
const string =
  /"""(?:\\[^]|[^\\])*?"""(?:"{0,2})|'''[^]*?'''(?:'{0,2})|"(?:\\[^]|[^"\\])*"|'[^']*'/y;
/** Numbers, dates, `true` and `false`: dates may have a space within. */
const scalar = /[^,\]}#\r\n]*/y;

/** One pass over a document. */
class Scanner {
  #at = 0;
  readonly #offsets = new Map<string, number>();
  /** How many elements an array of tables has so far. */
  readonly #counts = new Map<string, number>();

  constructor(readonly text: string) {}

  scan(): ReadonlyMap<string, number> {
    let table: KeyPath = [];
    for (this.#take(blank); this.#at < this.text.length; this.#take(blank)) {
      if (this.text[this.#at] === "[") table = this.#header();
      else this.#pair(table);
    }
    return this.#offsets;
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [token] = pattern.exec(this.text) ?? [""];
    this.#at += token.length;
    return token;
  }

  #note(path: KeyPath, offset: number): void {
    const id = idOf(path);
    if (!this.#offsets.has(id)) this.#offsets.set(id, offset);
  }

  #header(): KeyPath {
    const brackets = this.text.startsWith("[[", this.#at) ? 2 : 1;
    this.#at += brackets;
    const keys = this.#keys();
    this.#at += brackets;
    let path: KeyPath = [];
    for (const [nth, { name, offset }] of keys.entries()) {
      path = [...path, name];
      this.#note(path, offset);
      const id = idOf(path);
      if (brackets === 2 && nth === keys.length - 1) {
        this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
      }
      const count = this.#counts.get(id);
      if (count !== undefined) path = [...path, count - 1];
      this.#note(path, offset);
    }
    return path;
  }

  /** A dotted key, and the blanks behind it. */
  #keys(): { readonly name: string; readonly offset: number }[] {
    const keys: { name: string; offset: number }[] = [];
    do {
      if (keys.length > 0) this.#at++;
      this.#take(blank);
      const offset = this.#at;
      const bare = this.#take(bareKey);
      const name = bare === "" ? String(parse(`key = ${this.#take(string)}`).key) : bare;
      keys.push({ name, offset });
      this.#take(blank);
    } while (this.text[this.#at] === ".");
    return keys;
  }

  #pair(table: KeyPath): void {
    let path = table;
    for (const { name, offset } of this.#keys()) {
      path = [...path, name];
      this.#note(path, offset);
    }
    this.#at++;
    this.#take(blank);
    this.#value(path);
  }

  #value(path: KeyPath): void {
    const first = this.text[this.#at];
    if (first === "[") {
      let nth = 0;
      this.#list("]", () => {
        const element = [...path, nth++];
        this.#note(element, this.#at);
        this.#value(element);
      });
    } else if (first === "{") this.#list("}", () => this.#pair(path));
    else this.#take(first === '"' || first === "'" ? string : scalar);
  }

  /** From the opening bracket to behind the closing one. */
  #list(end: string, item: () => void): void {
    this.#at++;
    for (this.#take(blank); this.text[this.#at] !== end; this.#take(blank)) {
      item();
      this.#take(blank);
      if (this.text[this.#at] === ",") this.#at++;
    }
    this.#at++;
  }
}
