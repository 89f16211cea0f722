/**
 * Packets of the milter protocol: four octets of length, one octet that says what it is, and data.
 *
 * @module
 */

import { concat, decodeStrict, EMPTY, encode } from "../../bytes.ts";
import type { Out, Stage } from "../../stages/stage.ts";

/** Octets behind the length: libmilter neither takes nor sends more. */
export const LARGEST = 65_536;

const LENGTH = 4;

const latin1 = new TextDecoder("latin1");

/** A milter has said what it may not; there is no way back into step with it. */
export class MilterFault extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "MilterFault";
  /**
   * Is thrown by whatever reads a milter's packets.
   *
   * @param found What it was, and what is allowed.
   */
  constructor(found: string, options?: ErrorOptions) {
    super(`Cannot go on with the milter: ${found}`, options);
  }
}

/** One packet. */
export interface Packet {
  /** One character: the command of an MTA, the response of a milter. */
  readonly code: string;
  /** What stands behind it. */
  readonly data: Uint8Array;
}

/** A packet as it goes on the wire. */
export function packet(code: string, ...data: readonly Uint8Array[]): Uint8Array {
  return concat([
    number32(data.reduce((sum, { length }) => sum + length, 1)),
    encode(code),
    ...data,
  ]);
}

/** 32 bits, the highest first. */
export function number32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** A text and the NUL behind it; one within it would be its end, and is a space. */
export function string(text: string): Uint8Array {
  return encode(`${text.replaceAll("\0", " ")}\0`);
}

/** For logs. */
export function shown(code: string): string {
  return JSON.stringify(code);
}

/**
 * Octets to packets. Each has memory of its own.
 *
 * `transform` and `flush` throw {@linkcode MilterFault}.
 */
export class PacketSplitter implements Stage<Uint8Array, Packet> {
  #digits = 0;
  #length = 0;
  /** What stands behind the length, as soon as that is known. */
  #body: Uint8Array | undefined;
  #filled = 0;

  transform(chunk: Uint8Array, out: Out<Packet>): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#body === undefined) this.#count(chunk[at++]);
      else at += this.#fill(this.#body, chunk.subarray(at), out);
    }
  }

  flush(): void {
    if (this.#digits > 0) throw new MilterFault("found its end within a packet");
  }

  #count(digit: number): void {
    this.#length = this.#length * 256 + digit;
    if (++this.#digits < LENGTH) return;
    if (this.#length < 1 || this.#length > LARGEST) {
      throw new MilterFault(
        `found a packet of ${this.#length} octets, allowed are 1 to ${LARGEST}`,
      );
    }
    this.#body = new Uint8Array(this.#length);
  }

  #fill(body: Uint8Array, chunk: Uint8Array, out: Out<Packet>): number {
    const piece = chunk.subarray(0, body.length - this.#filled);
    body.set(piece, this.#filled);
    this.#filled += piece.length;
    if (this.#filled === body.length) {
      this.#body = undefined;
      this.#digits = this.#length = this.#filled = 0;
      out.enqueue({ code: latin1.decode(body.subarray(0, 1)), data: body.subarray(1) });
    }
    return piece.length;
  }
}

/** Reads the data of a packet. Every member throws {@linkcode MilterFault}. */
export class DataReader {
  #left: Uint8Array;

  constructor(readonly packet: Packet) {
    this.#left = packet.data;
  }

  /** Whether nothing is left. */
  get ended(): boolean {
    return this.#left.length === 0;
  }

  /** 32 bits, the highest first, as a number of 0 and more. */
  number32(): number {
    if (this.#left.length < 4) this.#fail("fewer than four octets where a number belongs");
    const [a, b, c, d] = this.#left;
    this.#left = this.#left.subarray(4);
    return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  }

  /** A text up to its NUL: UTF-8, or where it is none one character an octet. */
  string(): string {
    const end = this.#left.indexOf(0);
    if (end < 0) this.#fail("a text without its end");
    const octets = this.#left.subarray(0, end);
    this.#left = this.#left.subarray(end + 1);
    return decodeStrict(octets) ?? latin1.decode(octets);
  }

  /** Nothing may be left. */
  end(): void {
    if (!this.ended) this.#fail(`${this.#left.length} octets that do not belong there`);
    this.#left = EMPTY;
  }

  #fail(found: string): never {
    throw new MilterFault(`found ${found} in ${shown(this.packet.code)}`);
  }
}
