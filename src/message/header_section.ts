/**
 * The header section of a message (RFC 5322 §2.2) without loss: order, case, folding, and octets that
 * are no header fields at all. It is changed by edits, and nothing changes but what they name.
 *
 * @module
 */

import { concat, CR, EMPTY, LF } from "../bytes.ts";
import { continues, Field, writeField } from "./field.ts";

/** One change of a header section. Names compare without case. */
export type HeaderEdit =
  /** One more field, above all that the message came with, below them, or below so many of them. */
  | {
    readonly kind: "add";
    readonly name: string;
    readonly value: string;
    readonly at: "top" | "bottom" | number;
  }
  /** Another value for the nth of that name, from 1; one more field at the bottom where it is missing. */
  | {
    readonly kind: "replace";
    readonly name: string;
    readonly value: string;
    readonly nth: number;
  }
  /**
   * The nth of that name goes, from 1; all of them where no number is given. With `values` only those
   * count that have one of these values, unfolded.
   */
  | {
    readonly kind: "remove";
    readonly name: string;
    readonly nth?: number;
    readonly values?: readonly string[];
  };

/** A message's header section, and what stands behind it: an empty line and the body, if they came. */
export function splitMessage(
  octets: Uint8Array,
): { readonly header: Uint8Array; readonly rest: Uint8Array } {
  for (let begin = 0; begin < octets.length;) {
    const feed = octets.indexOf(LF, begin);
    if (feed < 0) break;
    const empty = feed === begin || (feed === begin + 1 && octets[begin] === CR);
    if (empty) return { header: octets.subarray(0, begin), rest: octets.subarray(begin) };
    begin = feed + 1;
  }
  return { header: octets, rest: octets.subarray(octets.length) };
}

/** See the module. It does not change: {@linkcode HeaderSection.edited} makes another one. */
export class HeaderSection {
  #fields: readonly Field[] | undefined;
  /** What they are read from, by whoever first asks for them: many a message is only counted. */
  #unread: Uint8Array = EMPTY;

  /**
   * Makes a section.
   *
   * @param fields In their order.
   */
  constructor(fields: readonly Field[]) {
    this.#fields = fields;
  }

  /**
   * Reads the lines of a header section, without the empty line behind it. It never fails.
   *
   * @param octets Are kept, not copied.
   */
  static parse(octets: Uint8Array): HeaderSection {
    const section = new HeaderSection([]);
    section.#fields = undefined;
    section.#unread = octets;
    return section;
  }

  /** In their order; lines that are no header fields have the name `""`. */
  get fields(): readonly Field[] {
    return this.#fields ??= fieldsIn(this.#unread);
  }

  /** The first value of that name, unfolded; `undefined` where there is none. */
  get(name: string): string | undefined {
    return this.fields.find((field) => field.is(name))?.value;
  }

  /** All values of that name, from the top down. */
  all(name: string): string[] {
    return this.fields.filter((field) => field.is(name)).map(({ value }) => value);
  }

  /** Whether there is one of that name. */
  has(name: string): boolean {
    return this.fields.some((field) => field.is(name));
  }

  /** What goes on the wire, piece by piece: with nothing changed the very octets that came. */
  get octets(): readonly Uint8Array[] {
    return this.fields.map(({ octets }) => octets);
  }

  /**
   * The section after these changes, one after the other.
   *
   * @throws {RangeError} If one of them cannot be written, see `writeField`, or its place is none.
   */
  edited(edits: readonly HeaderEdit[]): HeaderSection {
    if (edits.length === 0) return this;
    let fields = [...this.fields];
    for (const edit of edits) fields = change(fields, edit);
    return new HeaderSection(fields);
  }
}

/**
 * The octets of a header section after these changes.
 *
 * @param complete Whether that is all of it: nobody knows how a field goes on whose end has not come, so
 * it stays the last.
 */
export function editedHeader(
  header: Uint8Array,
  edits: readonly HeaderEdit[],
  complete: boolean,
): Uint8Array {
  const { fields } = HeaderSection.parse(header);
  const whole = complete ? fields : fields.slice(0, -1);
  const rest = fields.slice(whole.length).map(({ octets }) => octets);
  return concat([...new HeaderSection(whole).edited(edits).octets, ...rest]);
}

function fieldsIn(octets: Uint8Array): Field[] {
  const fields: Field[] = [];
  let begin = 0;
  while (begin < octets.length) {
    let end = begin;
    do {
      const feed = octets.indexOf(LF, end);
      end = feed < 0 ? octets.length : feed + 1;
    } while (end < octets.length && continues(octets[end]));
    fields.push(new Field(octets.subarray(begin, end)));
    begin = end;
  }
  return fields;
}

function change(fields: Field[], edit: HeaderEdit): Field[] {
  const { name } = edit;
  if (edit.kind === "remove") {
    const values = edit.values && new Set(edit.values);
    const meant = (field: Field): boolean =>
      field.is(name) && (values === undefined || values.has(field.value));
    let nth = 0;
    return fields.filter((field) =>
      !meant(field) || (edit.nth !== undefined && ++nth !== edit.nth)
    );
  }
  const made = new Field(writeField(name, edit.value));
  if (edit.kind === "add") return insert(fields, made, edit.at);
  let nth = 0;
  const place = fields.findIndex((field) => field.is(name) && ++nth === edit.nth);
  return place < 0 ? below(fields, made) : fields.with(place, made);
}

function insert(fields: Field[], made: Field, at: "top" | "bottom" | number): Field[] {
  const place = at === "top" ? 0 : at === "bottom" ? fields.length : at;
  if (!Number.isSafeInteger(place) || place < 0) {
    throw new RangeError(
      `Cannot add a header field: found the place ${at}, ` +
        "allowed are top, bottom and the number of fields above it",
    );
  }
  const behind = Math.max(place, orphans(fields));
  return behind < fields.length ? fields.toSpliced(behind, 0, made) : below(fields, made);
}

/** A first line that goes on with nothing would go on with whatever is put above it. */
function orphans([first]: readonly Field[]): number {
  return first !== undefined && continues(first.octets[0]) ? 1 : 0;
}

/** A last line without its end would swallow the next. */
function below(fields: Field[], made: Field): Field[] {
  const last = fields.at(-1);
  if (last === undefined || last.octets.at(-1) === LF) return [...fields, made];
  const ended = new Uint8Array(last.octets.length + 2);
  ended.set(last.octets);
  ended.set([CR, LF], last.octets.length);
  return [...fields.slice(0, -1), new Field(ended), made];
}
