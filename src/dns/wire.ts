/**
 * Questions and replies of the domain name system as octets (RFC 1035 §4).
 *
 * @module
 */

import { encode } from "../bytes.ts";
import { asciiLowerCase } from "../rfc5321/text.ts";
import { RecordError, type Records, type RecordType } from "./records.ts";

/** RFC 1035 §3.2.2, RFC 3596 §2.1. */
const TYPES: Readonly<Record<RecordType, number>> = {
  A: 1,
  AAAA: 28,
  CNAME: 5,
  MX: 15,
  PTR: 12,
  TXT: 16,
};

const INTERNET = 1;
const HEADER = 12;

/** RFC 1035 §2.3.4 */
const MAX_LABEL = 63;
const MAX_NAME = 255;

/** RFC 1035 §4.1.4: what two octets are that point to the rest of a name. */
const POINTER = 0xc0;

/** Characters of a label that stand for themselves in a text. */
const PLAIN = /^[!-\-/-~]$/;

const latin1 = new TextDecoder("latin1");

/** A reply that cannot be read. */
export class ReplyError extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "ReplyError";
  constructor(found: string) {
    super(`Cannot read the reply of a name server: found ${found}`);
  }
}

/**
 * A question, with the wish that the name server asks others (RFC 1035 §4.1.1).
 *
 * @param id 0 to 65535.
 * @throws {RecordError} `EBADNAME`, if it cannot be asked.
 */
export function encodeQuestion(id: number, name: string, type: RecordType): Uint8Array {
  const question = [...nameOctets(name), 0, TYPES[type], 0, INTERNET];
  return Uint8Array.of(id >>> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...question);
}

function nameOctets(name: string): number[] {
  const octets: number[] = [];
  const labels = name.replace(/\.$/, "").split(".");
  for (const label of labels) {
    const own = encode(label);
    if (own.length === 0 || own.length > MAX_LABEL || !/^[!-~]+$/.test(label)) {
      throw new RecordError("EBADNAME", name);
    }
    octets.push(own.length, ...own);
  }
  if (octets.length + 1 > MAX_NAME) throw new RecordError("EBADNAME", name);
  return [...octets, 0];
}

/**
 * The records in a reply, those behind aliases too.
 *
 * @param octets A whole reply.
 * @returns At least one.
 * @throws {RecordError} If there are none, or the name server could not say.
 * @throws {ReplyError} If it is no reply to that question.
 */
export function decodeReply<T extends RecordType>(
  octets: Uint8Array,
  id: number,
  name: string,
  type: T,
): Records[T][] {
  const reader = new Reader(octets);
  if (reader.short() !== id) throw new ReplyError("the number of another question");
  const flags = reader.short();
  if ((flags & 0x8000) === 0) throw new ReplyError("a question");
  if ((flags & 0x0200) !== 0) throw new ReplyError("a part of one");
  const [questions, answers] = [reader.short(), reader.short()];
  reader.at = HEADER;
  const wanted = asciiLowerCase(name.replace(/\.$/, ""));
  for (let nth = 0; nth < questions; nth++) {
    const asked = asciiLowerCase(reader.name());
    if (asked !== wanted || reader.short() !== TYPES[type] || reader.short() !== INTERNET) {
      throw new ReplyError("another question");
    }
  }
  refuseFailure(flags & 0x0f, name);
  if (questions === 0) throw new ReplyError("no question");
  const records = new Answers(reader, wanted).of(type, answers);
  if (records.length === 0) throw new RecordError("ENODATA", name);
  return records;
}

/** RFC 1035 §4.1.1 */
function refuseFailure(code: number, name: string): void {
  if (code === 3) throw new RecordError("ENOTFOUND", name);
  if (code === 5) throw new RecordError("EREFUSED", name);
  if (code !== 0) throw new RecordError("ESERVFAIL", name);
}

/** The records of one name, in the order in which they stand there. */
class Answers {
  readonly #names: Set<string>;

  constructor(readonly reader: Reader, name: string) {
    this.#names = new Set([name]);
  }

  of<T extends RecordType>(type: T, count: number): Records[T][] {
    const { reader } = this;
    const found: Records[T][] = [];
    for (let nth = 0; nth < count; nth++) {
      const owner = asciiLowerCase(reader.name());
      const [kind, place] = [reader.short(), reader.short()];
      reader.skip(4);
      const length = reader.short();
      const end = reader.at + length;
      reader.mustHave(length);
      if (place === INTERNET && this.#names.has(owner)) {
        if (kind === TYPES[type]) found.push(data[type](reader, end) as Records[T]);
        // RFC 1034 §4.3.2: what the alias stands for follows.
        else if (kind === TYPES.CNAME) this.#names.add(asciiLowerCase(reader.name()));
        if (reader.at > end) throw new ReplyError("a record that goes on behind its end");
      }
      reader.at = end;
    }
    return found;
  }
}

const data: { readonly [T in RecordType]: (reader: Reader, end: number) => Records[T] } = {
  A: (reader, end) => Array.from(reader.address(end, 4), String).join("."),
  AAAA: (reader, end) => {
    const octets = reader.address(end, 16);
    const groups = Array.from(
      { length: 8 },
      (_, nth) => octets[2 * nth] << 8 | octets[2 * nth + 1],
    );
    return groups.map((group) => group.toString(16)).join(":");
  },
  CNAME: (reader) => reader.name(),
  MX: (reader) => ({ priority: reader.short(), exchange: reader.name() }),
  PTR: (reader) => reader.name(),
  TXT: (reader, end) => {
    const texts: string[] = [];
    while (reader.at < end) texts.push(latin1.decode(reader.take(reader.octet() + reader.at)));
    return texts;
  },
};

/** Reads on in a reply; nothing behind its end. */
class Reader {
  at = 0;

  constructor(readonly octets: Uint8Array) {}

  mustHave(length: number): void {
    if (this.at + length > this.octets.length) throw new ReplyError("its end too early");
  }

  skip(length: number): void {
    this.mustHave(length);
    this.at += length;
  }

  octet(): number {
    this.mustHave(1);
    return this.octets[this.at++];
  }

  short(): number {
    return this.octet() << 8 | this.octet();
  }

  /** Octets up to there. */
  take(end: number): Uint8Array {
    const begin = this.at;
    this.skip(end - begin);
    return this.octets.subarray(begin, end);
  }

  /** All octets of an address. */
  address(end: number, size: number): Uint8Array {
    if (end - this.at !== size) throw new ReplyError(`an address of ${end - this.at} octets`);
    return this.take(end);
  }

  /** A name, whatever its labels hold; without the full stop at the end. */
  name(): string {
    const labels: string[] = [];
    let behind: number | undefined;
    let length = 0;
    for (;;) {
      const size = this.octet();
      if (size >= POINTER) {
        const to = (size & ~POINTER) << 8 | this.octet();
        behind ??= this.at;
        // Only backwards, so that it ends.
        if (to >= this.at - 2) throw new ReplyError("a name that goes on behind itself");
        this.at = to;
      } else if (size > MAX_LABEL) throw new ReplyError("a label of another kind");
      else if (size === 0) break;
      else {
        length += size + 1;
        if (length > MAX_NAME) throw new ReplyError("a name that is too long");
        labels.push(printLabel(this.take(this.at + size)));
      }
    }
    if (behind !== undefined) this.at = behind;
    return labels.join(".");
  }
}

/** RFC 1035 §5.1 */
function printLabel(octets: Uint8Array): string {
  return Array.from(octets, (octet) => {
    const character = String.fromCharCode(octet);
    return PLAIN.test(character) ? character : `\\${String(octet).padStart(3, "0")}`;
  }).join("");
}
