/**
 * The server's end of a WebSocket (RFC 6455 §5) over a channel, with the part of the standard interface
 * that is used here.
 *
 * A runtime's own server would take messages of any length before anybody could refuse them, and keep
 * a connection for as long as its peer does not answer a close frame. Here both are bounded.
 *
 * @module
 */

import { concat, EMPTY } from "../bytes.ts";
import type { Channel } from "../channel.ts";
import type { Clock, Timer } from "../clock.ts";
import { messageOf } from "../errors.ts";
import type { WebSocketLike } from "./websocket.ts";

/** What frames carry (RFC 6455 §5.2). */
const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

const FINAL = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
/** A length that says: the next 2 octets, the next 8 octets. */
const LENGTH_16 = 126;
const LENGTH_64 = 127;
/** RFC 6455 §5.5: of a control frame. */
const LONGEST_CONTROL = 125;

const VIOLATION = 1002;
const TOO_LONG = 1009;
const NO_STATUS = 1005;
const LOST = 1006;

/** Fragments of a message: small ones cost more than what they carry. */
const MOST_FRAGMENTS = 1024;

/** Milliseconds for the peer to take what is left and to answer a close frame. */
const FAREWELL = 5_000;

/** Octets of a read. */
const READ_SIZE = 65_536;

/** What a socket is made with. */
export interface ServedSocketOptions {
  /** Octets that were read behind the request. */
  readonly early: Uint8Array;
  /** Octets of the longest message. */
  readonly longest: number;
  readonly clock: Clock;
}

/** The peer has broken RFC 6455, or sends more than there is room for. */
class FrameFault extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** See the module. Open from the start; nothing is read before {@linkcode ServedSocket.run}. */
export class ServedSocket extends EventTarget implements WebSocketLike {
  binaryType = "arraybuffer";
  readyState = 1;
  bufferedAmount = 0;
  readonly #channel: Channel;
  readonly #options: ServedSocketOptions;
  #early: Uint8Array;
  #sent: Promise<void> = Promise.resolve();
  #farewell: Timer | undefined;

  /** @param channel Belongs to the socket from then on. */
  constructor(channel: Channel, options: ServedSocketOptions) {
    super();
    this.#channel = channel;
    this.#options = options;
    this.#early = options.early;
  }

  /** Reads to the end. Never rejects. */
  async run(): Promise<void> {
    let status = LOST;
    try {
      status = await this.#converse();
    } catch (error) {
      if (error instanceof FrameFault) this.close(error.status, error.message);
      this.#tell("error", { message: messageOf(error) });
    }
    this.readyState = 3;
    this.#tell("close", { code: status, reason: "", wasClean: status !== LOST });
    // Whoever has ended the connection without a close frame may still take nothing of what is left.
    this.#takeLeave();
    await this.#sent;
    this.#farewell?.cancel();
    this.#channel.close();
  }

  send(message: Uint8Array<ArrayBuffer>): void {
    if (this.readyState === 1) this.#write(BINARY, message);
  }

  close(status = NO_STATUS, reason = ""): void {
    if (this.readyState !== 1) return;
    this.readyState = 2;
    const words = new TextEncoder().encode(reason).subarray(0, LONGEST_CONTROL - 2);
    const payload = new Uint8Array(2 + words.length);
    new DataView(payload.buffer).setUint16(0, status);
    payload.set(words, 2);
    this.#write(CLOSE, status === NO_STATUS ? EMPTY : payload);
    this.#takeLeave();
  }

  /** From here on the peer has so long. */
  #takeLeave(): void {
    this.#farewell ??= this.#options.clock.after(FAREWELL, () => this.#channel.close());
  }

  /** Not every runtime has the classes of these events. */
  #tell(type: string, facts: object): void {
    this.dispatchEvent(Object.assign(new Event(type), facts));
  }

  #write(opcode: number, payload: Uint8Array): void {
    const frame = encodeFrame(opcode, payload);
    this.bufferedAmount += frame.length;
    this.#sent = this.#sent.then(async () => {
      await this.#channel.write(frame);
      this.bufferedAmount -= frame.length;
    }).catch(() => this.#channel.close());
  }

  /** @returns The status that the peer has closed with. */
  async #converse(): Promise<number> {
    let message: Uint8Array<ArrayBuffer>[] = [];
    let length = 0;
    let kind = CONTINUATION;
    for (;;) {
      const { opcode, final, payload } = await this.#frame(length);
      if (opcode === CLOSE) return this.#answerClose(payload);
      if (opcode === PING) this.#answerPing(payload);
      if (opcode >= CLOSE) continue;
      if ((opcode === CONTINUATION) === (kind === CONTINUATION)) {
        throw new FrameFault(VIOLATION, "a fragment is out of place");
      }
      if (opcode !== CONTINUATION) kind = opcode;
      message.push(payload);
      if (message.length > MOST_FRAGMENTS) throw new FrameFault(TOO_LONG, "too many fragments");
      length += payload.length;
      if (!final) continue;
      const data = kind === TEXT ? "" : bufferOf(message);
      [message, length, kind] = [[], 0, CONTINUATION];
      if (this.readyState === 1) this.#tell("message", { data });
    }
  }

  #answerClose(payload: Uint8Array<ArrayBuffer>): number {
    if (payload.length === 1) throw new FrameFault(VIOLATION, "a close frame has half a status");
    const status = payload.length === 0 ? NO_STATUS : new DataView(payload.buffer).getUint16(0);
    this.close(status);
    return status;
  }

  /** RFC 6455 §5.5.3: of several that wait for an answer only the last one needs it. */
  #answerPing(payload: Uint8Array): void {
    if (this.readyState === 1 && this.bufferedAmount < this.#options.longest) {
      this.#write(PONG, payload);
    }
  }

  /** @param before Octets of the same message. */
  async #frame(before: number): Promise<Frame> {
    const [first, second] = await this.#octets(2);
    const opcode = first & 0x0f;
    const control = opcode >= CLOSE;
    if ((first & RESERVED) !== 0 || (opcode > BINARY && !control) || opcode > PONG) {
      throw new FrameFault(VIOLATION, `a frame begins with the octet ${first}`);
    }
    // RFC 6455 §5.1
    if ((second & MASKED) === 0) throw new FrameFault(VIOLATION, "a frame is not masked");
    const final = (first & FINAL) !== 0;
    const length = await this.#length(second & ~MASKED);
    if (control && (length > LONGEST_CONTROL || !final)) {
      throw new FrameFault(VIOLATION, "a control frame is long, or a fragment");
    }
    if (!control && length > this.#options.longest - before) {
      throw new FrameFault(TOO_LONG, `a message has more than ${this.#options.longest} octets`);
    }
    const mask = await this.#octets(4);
    const payload = await this.#octets(length);
    for (let at = 0; at < length; at++) payload[at] ^= mask[at & 3];
    return { opcode, final, payload };
  }

  async #length(short: number): Promise<number> {
    if (short < LENGTH_16) return short;
    const { buffer } = await this.#octets(short === LENGTH_16 ? 2 : 8);
    const view = new DataView(buffer);
    return short === LENGTH_64 ? Number(view.getBigUint64(0)) : view.getUint16(0);
  }

  /** The next octets, which are the caller's. @throws If the peer ends before. */
  async #octets(count: number): Promise<Uint8Array<ArrayBuffer>> {
    const octets = new Uint8Array(count);
    for (let at = 0; at < count;) {
      if (this.#early.length === 0) {
        const more = await this.#channel.read(READ_SIZE);
        if (more === undefined) throw new Error("The peer has ended the connection");
        this.#early = more;
      }
      const taken = this.#early.subarray(0, count - at);
      octets.set(taken, at);
      at += taken.length;
      this.#early = this.#early.subarray(taken.length);
    }
    return octets;
  }
}

interface Frame {
  readonly opcode: number;
  readonly final: boolean;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** A frame of a server: a whole message, not masked. */
function encodeFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const head = length < LENGTH_16 ? 2 : length <= 0xffff ? 4 : 10;
  const frame = new Uint8Array(head + length);
  const view = new DataView(frame.buffer);
  frame[0] = FINAL | opcode;
  frame[1] = head === 2 ? length : head === 4 ? LENGTH_16 : LENGTH_64;
  if (head === 4) view.setUint16(2, length);
  if (head === 10) view.setBigUint64(2, BigInt(length));
  frame.set(payload, head);
  return frame;
}

function bufferOf(pieces: readonly Uint8Array<ArrayBuffer>[]): ArrayBuffer {
  return (pieces.length === 1 ? pieces[0] : new Uint8Array(concat(pieces))).buffer;
}
