/**
 * Programs that a benchmark gives orders to.
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import { encode } from "../src/bytes.ts";
import { cpuOf, peakMemoryOf } from "./_proc.ts";

/** A script that runs under Deno until it is disposed of. */
export class Process implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #orders: WritableStreamDefaultWriter<Uint8Array>;

  /**
   * Starts it.
   *
   * @param args Of `deno run`.
   */
  constructor(args: readonly string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", ...args],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#lines = this.#child.stdout
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream())
      .getReader();
    this.#orders = this.#child.stdin.getWriter();
  }

  /** The next line that it prints. */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.read();
    if (done) throw new Error("Cannot go on: a process has ended");
    return value;
  }

  /** Tells it something, and returns the line that it answers. */
  async ask(order: object): Promise<unknown> {
    await this.#orders.write(encode(`${JSON.stringify(order)}\n`));
    return JSON.parse(await this.line());
  }

  /** Seconds of processor time so far, of all its threads. */
  cpu(): number {
    return cpuOf(this.#child.pid);
  }

  /** The most memory that it has had, in MB. */
  peakMemory(): number {
    return peakMemoryOf(this.#child.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
    await this.#orders.close().catch(() => {});
    await this.#lines.cancel();
  }
}

/** The path of a script beside this one. */
export function script(name: string): string {
  return new URL(name, import.meta.url).pathname;
}
