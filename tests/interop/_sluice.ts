/**
 * Sluice as its users run it: a process of its own, with the permissions the README names.
 *
 * @module
 */

import { eventually } from "./_tools.ts";

const ENTRY = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const PERMISSIONS = ["--no-prompt", "--allow-net", "--allow-read", "--allow-write"];
const LISTENERS = new Set(["--listen", "--tls-listen", "--lmtp-listen"]);

/** A running `sluice serve`. */
export interface SluiceProcess extends AsyncDisposable {
  readonly pid: number;
  /** The ports of its listeners in the order of its `listening` lines: `smtp`, `smtps`, `lmtp`. */
  readonly ports: readonly number[];
  stdout(): string;
  /**
   * Sends SIGTERM and waits for the end; once it has ended, does nothing.
   *
   * @throws {Error} If it does not end within 15 s or its exit code is not 0.
   */
  stop(): Promise<void>;
}

function collect(stream: ReadableStream<Uint8Array>): { text: () => string; end: Promise<void> } {
  let text = "";
  const end = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  })();
  return { text: () => text, end };
}

/**
 * Starts `sluice serve` and waits until every listener that `args` asks for is ready.
 *
 * @throws {Error} If it ends before; the message holds what it printed.
 */
export async function startSluice(args: readonly string[]): Promise<SluiceProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...PERMISSIONS, ENTRY, "serve", ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  let ended: Deno.CommandStatus | undefined;
  const end = (async () => {
    await Promise.all([stdout.end, stderr.end]);
    ended = await child.status;
  })();

  const printed = () => Promise.resolve(`it printed: ${stdout.text()}${stderr.text()}`);
  const terminate = async () => {
    child.kill("SIGTERM");
    const watchdog = setTimeout(() => child.kill("SIGKILL"), 15_000);
    await end;
    clearTimeout(watchdog);
    if (ended!.code !== 0) {
      throw new Error(`Stopped sluice: exit code ${ended!.code}, expected 0: ${await printed()}`);
    }
  };

  let stopping: Promise<void> | undefined;
  const stop = () => {
    if (stopping === undefined && ended === undefined) {
      stopping = terminate();
      // A test may fail before it awaits this one; its own failure is then the one to report.
      stopping.catch(() => {});
    }
    return stopping ?? Promise.resolve();
  };

  const wanted = args.filter((arg) => LISTENERS.has(arg)).length;
  const ready = /^listening (?:smtps?|lmtp) (?:wss?:\/\/)?127\.0\.0\.1:(\d+)(?:\/\S*)?$/gm;
  const ports = await eventually("sluice's listeners", async () => {
    if (ended !== undefined) throw new Error(`Cannot start sluice: ${await printed()}`);
    const lines = [...stdout.text().matchAll(ready)];
    return lines.length === wanted ? lines.map((line) => Number(line[1])) : undefined;
  }, async () => {
    child.kill("SIGKILL");
    await end;
    return await printed();
  });

  return {
    pid: child.pid,
    ports,
    stdout: stdout.text,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
