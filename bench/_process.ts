/**
 * Processes of a benchmark, and what Linux says of them.
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import { encode } from "../src/bytes.ts";

/** Clock ticks in a second, as `/proc` counts them: 100 on every Linux that Deno runs on. */
const TICKS = 100;

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
    const stat = Deno.readTextFileSync(`/proc/${this.#child.pid}/stat`);
    // The name of the program, in parentheses, may hold anything.
    const [, , , , , , , , , , , user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(user) + Number(system)) / TICKS;
  }

  /** The most memory that it has had, in MB. */
  peakMemory(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#child.pid}/status`);
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024 / 1e6;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
    await this.#orders.close().catch(() => {});
    await this.#lines.cancel();
  }
}
