/**
 * The message that `sluice send` hands over: a file or standard input, read in pieces.
 *
 * @module
 */

import { concat, CRLF, decodeStrict, LF } from "../bytes.ts";
import { messageOf, OptionError } from "../errors.ts";
import { NewlineGuard } from "../stages/newline_guard.ts";

/** Octets read at a time, and octets in which the header has to end if it is asked for. */
const PIECE = 65_536;

/** See the module. */
export class Message implements Disposable {
  /** The header that was read ahead; pieces of standard input cannot be read twice. */
  #head: Uint8Array | undefined;

  private constructor(
    readonly name: string,
    readonly source: typeof Deno.stdin | Deno.FsFile,
    /**
     * Octets go as they are; otherwise LF becomes CRLF, a CR by itself a space, and the last line
     * ends with CRLF, as DATA would have it anyway.
     */
    readonly asIs: boolean,
    /** Octets as they will be sent; `undefined` where they cannot be counted beforehand. */
    public size: number | undefined,
  ) {}

  /**
   * Opens it. A regular file is read once to count its octets.
   *
   * @param path `-` is standard input.
   * @throws {OptionError} If it cannot be read.
   */
  static async open(path: string, asIs: boolean): Promise<Message> {
    if (path === "-") return new Message("standard input", Deno.stdin, asIs, undefined);
    let message: Message | undefined;
    try {
      message = new Message(path, await Deno.open(path), asIs, undefined);
      await message.#count(message.source as Deno.FsFile);
      return message;
    } catch (error) {
      message?.[Symbol.dispose]();
      if (error instanceof MessageError) throw error;
      const why = messageOf(error);
      throw new OptionError("file", path, `a file that can be read (${why})`);
    }
  }

  /**
   * The beginning of the message as text; `undefined` if it is not UTF-8. Call it before `pieces`.
   *
   * @throws {OptionError} If the header does not end within 65536 octets.
   */
  async header(): Promise<string | undefined> {
    const gathered: Uint8Array[] = [];
    let length = 0;
    for await (const octets of this.#read()) {
      gathered.push(octets.slice());
      length += octets.length;
      if (length >= PIECE) break;
    }
    const head = this.#head = concat(gathered);
    // One character for each octet, so that offsets in the text are offsets in the octets.
    const end = /\r?\n\r?\n/.exec(new TextDecoder("latin1").decode(head))?.index;
    if (end === undefined && length >= PIECE) {
      throw new OptionError(
        "file",
        this.name,
        `a header of at most ${PIECE} octets, or --from and --to`,
      );
    }
    return decodeStrict(head.subarray(0, end));
  }

  /**
   * The octets to be sent, each piece valid until the next is asked for.
   *
   * @throws {MessageError} Where the message turns out to be unfit; no end must be sent then.
   */
  async *pieces(): AsyncGenerator<Uint8Array> {
    if (this.asIs) return yield* this.#read();
    const guard = new NewlineGuard({ bareNewline: "normalize" });
    const made: Uint8Array[] = [];
    const out = { enqueue: (octets: Uint8Array): void => void made.push(octets) };
    let last: number = LF;
    for await (const octets of this.#read()) {
      guard.transform(octets, out);
      last = made.at(-1)?.at(-1) ?? last;
      if (made.length > 0) yield concat(made.splice(0));
    }
    guard.flush(out);
    if (made.length > 0 || last !== LF) yield concat([...made, CRLF]);
    if (guard.fault !== undefined) throw new MessageError(this.name);
  }

  [Symbol.dispose](): void {
    if (this.source !== Deno.stdin) this.source.close();
  }

  async #count(file: Deno.FsFile): Promise<void> {
    const { isFile, isDirectory } = await file.stat();
    if (isDirectory) throw new Error("it is a directory");
    if (!isFile) return;
    let size = 0;
    for await (const { length } of this.pieces()) size += length;
    await file.seek(0, Deno.SeekMode.Start);
    this.size = size;
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    const head = this.#head;
    this.#head = undefined;
    if (head !== undefined) yield head;
    const buffer = new Uint8Array(PIECE);
    for (let count = await this.source.read(buffer); count !== null;) {
      yield buffer.subarray(0, count);
      count = await this.source.read(buffer);
    }
  }
}

/** The message cannot be sent as it is. */
export class MessageError extends Error {
  override readonly name = "MessageError";
  /** @param message Name of the message. */
  constructor(message: string) {
    super(
      `Cannot send ${message}: found a NUL beside a dot where a line starts, which some servers ` +
        `take for the end of mail data; --as-is sends it all the same`,
    );
  }
}
