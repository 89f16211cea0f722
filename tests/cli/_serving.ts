/**
 * The program in processes of its own: `serve` with its admin, and whoever watches it.
 *
 * @module
 */

import { TextLineStream } from "@std/streams";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** Arguments of `deno` that run the program, with permission for the network and to read. */
export function programArgs(...args: readonly string[]): string[] {
  return [
    ...["run", "--no-lock", "--config", CONFIG, "--no-prompt", "--allow-net", "--allow-read"],
    ...[MAIN, ...args],
  ];
}

/** The program with these arguments; its standard error goes nowhere unless it is piped. */
export function spawn(args: readonly string[], stderr: "null" | "piped" = "null") {
  return new Deno.Command(Deno.execPath(), {
    args: programArgs(...args),
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr,
  }).spawn();
}

/** The lines of a stream, one at a time. */
export function linesOf(stream: ReadableStream<Uint8Array>): ReadableStreamDefaultReader<string> {
  return stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
}

/** A `serve` that keeps messages in memory. */
export interface Serving extends AsyncDisposable {
  /** For `send --server`. */
  readonly smtp: string;
  /** For `--admin`. */
  readonly admin: string;
}

/** Starts one and waits until it listens. */
export async function startServing(...args: readonly string[]): Promise<Serving> {
  const child = spawn(
    ["serve", "-q", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", ...args],
  );
  const lines = linesOf(child.stdout);
  const listening = async (what: string): Promise<string> => {
    const { value = "" } = await lines.read();
    if (!value.startsWith(`listening ${what} `)) throw new Error(`found "${value}"`);
    return value.split(" ")[2];
  };
  return {
    smtp: `smtp://${await listening("smtp")}`,
    admin: await listening("admin"),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await lines.cancel();
      await child.status;
    },
  };
}
