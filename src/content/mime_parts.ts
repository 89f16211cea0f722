/**
 * The parts of a message (RFC 2045, RFC 2046) while it comes. Whatever the message is like, it is read
 * in bounded memory: of each part only its header is held.
 *
 * @module
 */

import { decodeWords } from "../message/encoded_words.ts";
import { type TransferDecoder, transferDecoder } from "./transfer_decoder.ts";

/** One part; the message itself is the first. */
export interface MimePart {
  /**
   * Its file names, decoded, without a path and what nobody sees: one or none, but more where the
   * fields of its header do not say the same.
   */
  readonly names: readonly string[];
  /** Its declared type in lower case, without parameters. */
  readonly type: string;
  /** It has a name, or is said to be an attachment. */
  readonly attached: boolean;
  /** Octets of its content so far; of base64 those that it encodes. */
  readonly size: number;
}

/** How much of a structure is read. */
export interface MimeLimits {
  /** Parts within parts; the message itself has depth 0. */
  readonly depth: number;
  /** Parts in all, at whatever depth. */
  readonly parts: number;
}

/** There is more in a message than its limits allow. */
export class TooComplex extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "TooComplex";
  /** Says what there is too much of. */
  constructor(what: string) {
    super(`The message has ${what}`);
  }
}

/**
 * Reads a message.
 *
 * @param look Is shown each part as it begins, and again as it grows; `true` ends the reading.
 * @throws {TooComplex}
 */
export async function readParts(
  message: ReadableStream<Uint8Array>,
  limits: MimeLimits,
  look: (part: MimePart) => boolean,
): Promise<void> {
  const { Splitter } = await import("@zone-eu/mailsplit") as unknown as Mailsplit;
  const reading: Reading = { limits, look, Splitter, parts: 0, done: false };
  const reader = new PartReader(reading, 0);
  try {
    for await (const octets of message) {
      await reader.write(octets);
      if (reading.done) return;
    }
    await reader.end();
  } finally {
    reader.close();
  }
}

/** What all readers of one message share. */
interface Reading {
  readonly limits: MimeLimits;
  readonly look: (part: MimePart) => boolean;
  readonly Splitter: Mailsplit["Splitter"];
  parts: number;
  done: boolean;
}

/** Octets of one header section; what is larger is no message that anybody would read. */
const HEADER = 4_194_304;

/** Of the package what is used here: its own types know of one event only. */
interface Mailsplit {
  readonly Splitter: new (options: {
    readonly maxHeadSize: number;
    readonly maxChildNodes: number;
    readonly defaultInlineEmbedded: boolean;
  }) => Splitter;
}

interface Splitter {
  on(event: "data", listener: (said: Said) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  once(event: "end", listener: () => void): void;
  once(event: "error", listener: (error: Error) => void): void;
  write(octets: Uint8Array, written: (error?: Error | null) => void): void;
  end(): void;
  destroy(): void;
}

/** What the splitter says; of its nodes what is looked at. */
type Said =
  | Node
  | { readonly type: "body" | "data"; readonly node: Node; readonly value: Uint8Array };

interface Node {
  readonly type: "node";
  readonly parentNode: Node | false;
  readonly rfc822: boolean;
  readonly messageNode?: boolean;
  readonly encoding: string | false;
  readonly contentType: string | false;
  readonly disposition: string | false;
  readonly filename: string | false;
  /** Not among its types: the name in Content-Type, where there is another in Content-Disposition. */
  readonly _parsedContentType?: { readonly params?: { readonly name?: string } };
  /** All of its fields, of which the splitter itself reads the first of a name. */
  readonly headers: { get(name: string): readonly string[] } | false;
  readonly libmime: {
    parseHeaderValue(
      value: string,
      options: { readonly stripComments: boolean },
    ): { readonly params: { readonly filename?: string; readonly name?: string } };
  };
}

type Grown = { -readonly [K in keyof MimePart]: MimePart[K] };

/** Reads one message; those that are attached to it have readers of their own. */
class PartReader {
  readonly #reading: Reading;
  readonly #depth: number;
  readonly #splitter: Splitter;
  readonly #said: Said[] = [];
  readonly #depths = new WeakMap<Node, number>();
  #part: { readonly node: Node; readonly part: Grown } | undefined;
  #attached: { readonly reader: PartReader; readonly decode: TransferDecoder } | undefined;

  /** @param depth Of the message itself. */
  constructor(reading: Reading, depth: number) {
    this.#reading = reading;
    this.#depth = depth;
    this.#splitter = new reading.Splitter({
      maxHeadSize: HEADER,
      maxChildNodes: reading.limits.parts + 1,
      defaultInlineEmbedded: true,
    });
    this.#splitter.on("data", (said) => void this.#said.push(said));
    // It is told to whoever writes.
    this.#splitter.on("error", () => {});
  }

  async write(octets: Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#splitter.write(octets, (error) => error ? reject(complexity(error)) : resolve());
    });
    await this.#listen();
  }

  async end(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#splitter.once("end", resolve);
      this.#splitter.once("error", (error) => reject(complexity(error)));
      this.#splitter.end();
    });
    await this.#listen();
    await this.#attached?.reader.end();
  }

  /** Nobody reads on. */
  close(): void {
    this.#splitter.destroy();
    this.#attached?.reader.close();
  }

  async #listen(): Promise<void> {
    for (const said of this.#said.splice(0)) {
      if (this.#reading.done) return;
      if (said.type === "node") await this.#begin(said);
      else if (said.type === "body") await this.#grow(said.node, said.value);
    }
  }

  async #begin(node: Node): Promise<void> {
    const { limits, look } = this.#reading;
    await this.#attached?.reader.end();
    this.#attached = undefined;
    const depth = node.parentNode ? (this.#depths.get(node.parentNode) ?? 0) + 1 : this.#depth;
    this.#depths.set(node, depth);
    if (depth > limits.depth) {
      throw new TooComplex(`parts within parts, more than ${limits.depth} deep`);
    }
    if (++this.#reading.parts > limits.parts + 1) {
      throw new TooComplex(`more than ${limits.parts} parts`);
    }
    const part = { ...partOf(node), size: 0 };
    this.#part = { node, part };
    this.#reading.done ||= look(part);
    // One that does not stand among the other parts is no part to the splitter, nor is one that is
    // encoded: it must not be (RFC 2046 §5.2.1), and is decoded by those who show it all the same.
    if (node.rfc822 && node.messageNode === false) {
      const reader = new PartReader(this.#reading, depth + 1);
      this.#attached = { reader, decode: transferDecoder(node.encoding || "") };
    }
  }

  async #grow(node: Node, octets: Uint8Array): Promise<void> {
    if (this.#part?.node !== node) return;
    const { part } = this.#part;
    part.size += node.encoding === "base64" ? encodedIn(octets) : octets.length;
    this.#reading.done ||= this.#reading.look(part);
    await this.#attached?.reader.write(this.#attached.decode(octets));
  }
}

/** The splitter fails for nothing else. */
function complexity(error: Error): Error {
  return "code" in error && error.code === "EMAXLEN"
    ? new TooComplex("more parts, or a longer header section, than are read")
    : error;
}

/** Octets that base64 stands for, without its padding: three for four characters. */
function encodedIn(octets: Uint8Array): number {
  let characters = 0;
  for (const octet of octets) if (octet > 0x20 && octet !== 0x3d) characters++;
  return characters * 3 / 4;
}

function partOf(node: Node): Omit<MimePart, "size"> {
  const { filename, contentType, disposition } = node;
  const typed = node._parsedContentType?.params?.name;
  const written = [filename || "", ...[typed ?? "", ...otherNames(node)].map(decodeWords)];
  // Some take a name for ended by a NUL, some do not.
  const names = written.flatMap((name) => [name, name.split("\0")[0]]).map(seen);
  return {
    names: [...new Set(names.filter((name) => name !== ""))],
    type: contentType || "text/plain",
    attached: filename !== false || disposition === "attachment" || names.some((name) => name),
  };
}

/** A name that stands there plainly, whatever else is said beside it. */
const PLAIN = /[;\s](?:file)?name\s*=\s*(?:"((?:[^"\\]|\\[^])*)|([^\s;"]+))/gi;

/** Names that some readers take and some do not: given twice, or in a field that is there twice. */
function otherNames({ headers, libmime }: Node): readonly string[] {
  const fields = ["Content-Disposition", "Content-Type"].map((name) =>
    headers && headers.get(name) || []
  );
  const plain = fields.flat().flatMap((field) =>
    Array.from(
      field.matchAll(PLAIN),
      ([, quoted, token]) => quoted?.replace(/\\([^])/g, "$1") ?? token,
    )
  );
  const again = fields.flatMap((of) => of.slice(1)).flatMap((field) => {
    const value = field.slice(field.indexOf(":") + 1);
    const { filename, name } = libmime.parseHeaderValue(value, { stripComments: true }).params;
    return [filename ?? "", name ?? ""];
  });
  return [...plain, ...again];
}

/** A file name as it would be on a disk: without a path, what cannot be seen, and what systems drop. */
function seen(name: string): string {
  const file = name.replace(/[\p{Cc}\p{Cf}]/gu, "").split(/[/\\]/).at(-1) ?? "";
  return file.trim().replace(/[. ]+$/, "");
}
