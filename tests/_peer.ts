/**
 * The other end of a channel, in a test's hands. What it receives are strings of the characters
 * U+0000 to U+00FF, one for each octet.
 */

import { assertEquals } from "@std/assert";
import type { MemoryChannel } from "../src/adapters/memory.ts";
import { ChannelError } from "../src/channel.ts";
import { octets, text } from "./_chunking.ts";
import { settle } from "./_clock.ts";

/** A test that hangs fails after this many milliseconds of real time. */
const GUARD = 3_000;
/** Rounds of the event loop after which everything has come to rest. */
const ROUNDS = 12;

/** Rejects, naming what was awaited, where `promise` does not settle. */
export function guarded<T>(promise: Promise<T>, awaited: () => string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`Still waiting for ${awaited()}`)), GUARD);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Lets everything happen that needs no more octets and no more time. */
export async function rest(): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) await settle();
}

/** One end of a channel in a test's hands. Reads all the time, unless told to pause. */
export class Peer {
  #received = "";
  #reading = true;
  #wake: () => void = () => {};
  /** Set once nothing more will come. */
  ended = false;
  /** We have closed it ourselves. */
  closed = false;

  constructor(readonly name: string, readonly channel: MemoryChannel) {
    void this.#read();
  }

  /** What has come and was not asked for yet. */
  get unread(): string {
    return this.#received;
  }

  /** Takes what has come and was not asked for yet. */
  take(): string {
    const taken = this.#received;
    this.#received = "";
    return taken;
  }

  /** Reads no more until `resume`. */
  pause(): void {
    this.#reading = false;
  }

  resume(): void {
    this.#reading = true;
    void this.#read();
  }

  /** Writes octets, or a string of octets. */
  async send(data: string | Uint8Array): Promise<void> {
    const written = this.channel.write(typeof data === "string" ? octets(data) : data);
    await guarded(written, () => `the proxy to read from the ${this.name}`);
  }

  /** The next line, without its CRLF. */
  async line(expected = "a line"): Promise<string> {
    await this.#until(() => this.#received.includes("\r\n"), `${JSON.stringify(expected)}`);
    const end = this.#received.indexOf("\r\n");
    const line = this.#received.slice(0, end);
    this.#received = this.#received.slice(end + 2);
    return line;
  }

  /** The next lines must be these; `*` at the end stands for any rest. */
  async expect(...expected: string[]): Promise<void> {
    for (const one of expected) {
      const line = await this.line(one);
      const prefix = one.slice(0, -1);
      if (one.endsWith("*") && line.startsWith(prefix)) continue;
      assertEquals(line, one, `what the ${this.name} receives`);
    }
  }

  /** The next reply with all its lines. */
  async reply(): Promise<string[]> {
    const lines: string[] = [];
    do lines.push(await this.line("a reply")); while (lines.at(-1)![3] === "-");
    return lines;
  }

  /** Exactly so many octets. */
  async octets(count: number): Promise<string> {
    await this.#until(() => this.#received.length >= count, `${count} octets`);
    const taken = this.#received.slice(0, count);
    this.#received = this.#received.slice(count);
    return taken;
  }

  /** Everything up to and with `mark`. */
  async through(mark: string): Promise<string> {
    await this.#until(() => this.#received.includes(mark), JSON.stringify(mark));
    return await this.octets(this.#received.indexOf(mark) + mark.length);
  }

  /** The other side must end without another octet. */
  async expectClose(): Promise<void> {
    await this.#until(() => this.ended || this.#received !== "", "the end of the connection");
    assertEquals(this.#received, "", `what the ${this.name} receives before the end`);
  }

  /** Nothing may have come. */
  async expectNothing(): Promise<void> {
    await rest();
    assertEquals(this.#received, "", `what the ${this.name} receives`);
    assertEquals(this.ended, false, `the ${this.name}'s connection has ended`);
  }

  close(): void {
    this.closed = true;
    this.channel.close();
  }

  reset(): void {
    this.closed = true;
    this.channel.reset();
  }

  async halfClose(): Promise<void> {
    await this.channel.closeWrite();
  }

  async #read(): Promise<void> {
    try {
      while (this.#reading) {
        const chunk = await this.channel.read(65_536);
        if (chunk === undefined) break;
        this.#received += text(chunk);
        this.#wake();
      }
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
    }
    if (this.#reading) this.ended = true;
    this.#wake();
  }

  #until(done: () => boolean, awaited: string): Promise<void> {
    const wait = new Promise<void>((resolve, reject) => {
      this.#wake = () => {
        if (done()) resolve();
        else if (this.ended) {
          const rest = JSON.stringify(this.#received);
          reject(new Error(`The ${this.name} awaited ${awaited}; found the end after ${rest}`));
        }
      };
      this.#wake();
    });
    return guarded(
      wait,
      () => `${awaited} at the ${this.name}, which has ${JSON.stringify(this.#received)}`,
    );
  }
}
