/**
 * Skipping by WebAssembly, which sees only its own memory: what lies there is scanned in place,
 * anything else is copied.
 *
 * @module
 */

import { NO_NEWLINE, skipOctets } from "./skip.ts";

/** So many octets are looked at before any is copied: up to then, the loop is as fast. */
const NEAR = 32;
/**
 * Octets of the first copy and of the largest one. Each is four times as large as the one before,
 * so that what is copied in vain is in proportion to what is passed, whatever the chunk holds.
 */
const FIRST_COPY = 512;
const LARGEST_COPY = 32_768;
/** The assembled code passes whole blocks, and leaves as many octets to us at the most. */
const BLOCK = 16;

/** The exports of scanner.wat. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly skip: (before: number, from: number, end: number) => number;
}

/** Skips 16 octets at a time. */
export class SimdScanner {
  readonly #module: WebAssembly.Module;
  /** The code for each memory that this scanner has handed out and that somebody still uses. */
  readonly #inPlace = new WeakMap<ArrayBufferLike, Exports["skip"]>();
  /** The memory that chunks are copied to, and its code. */
  readonly #copy: Uint8Array;
  readonly #skipCopy: Exports["skip"];

  /**
   * Makes a scanner.
   *
   * @param module What scanner.wat assembles to.
   * @throws {TypeError} If it is another one.
   */
  constructor(module: WebAssembly.Module) {
    this.#module = module;
    const { memory, skip } = this.#instantiate();
    if (!(memory instanceof WebAssembly.Memory) || typeof skip !== "function") {
      throw new TypeError(
        "Cannot use the module for scanning: it exports no memory and skip, as scanner.wat does",
      );
    }
    this.#copy = new Uint8Array(memory.buffer);
    this.#skipCopy = skip;
  }

  /**
   * Makes memory in which octets are scanned where they lie. It goes to the garbage collector when
   * nobody looks at it any more.
   *
   * @returns 262144 octets.
   * @throws {Error} If there is no memory to be had.
   */
  memory(): Uint8Array {
    const { memory, skip } = this.#instantiate();
    this.#inPlace.set(memory.buffer, skip);
    return new Uint8Array(memory.buffer);
  }

  #instantiate(): Exports {
    return new WebAssembly.Instance(this.#module).exports as unknown as Exports;
  }

  /** See {@linkcode Skip}. */
  skip(chunk: Uint8Array, from: number): number {
    const { length } = chunk;
    const inPlace = this.#inPlace.get(chunk.buffer);
    if (inPlace !== undefined) {
      const { byteOffset } = chunk;
      const at = inPlace(NO_NEWLINE, byteOffset + from, byteOffset + length) - byteOffset;
      return skipOctets(chunk, at === from ? NO_NEWLINE : chunk[at - 1], at, length);
    }
    const near = Math.min(from + NEAR, length);
    const at = skipOctets(chunk, NO_NEWLINE, from, near);
    return at < near || near === length ? at : this.#skipCopied(chunk, at);
  }

  #skipCopied(chunk: Uint8Array, from: number): number {
    const { length } = chunk;
    let at = from;
    for (let size = FIRST_COPY; length - at > BLOCK; size = Math.min(size * 4, LARGEST_COPY)) {
      const end = Math.min(at + size, length);
      this.#copy.set(chunk.subarray(at, end));
      at += this.#skipCopy(chunk[at - 1], 0, end - at);
      if (end - at > BLOCK) break;
    }
    return skipOctets(chunk, chunk[at - 1], at, length);
  }
}
