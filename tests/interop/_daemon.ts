/**
 * Outside programs that go into the background by themselves, each with a directory of its own.
 *
 * @module
 */

import { available, eventually } from "./_tools.ts";

/** A program that runs; the end of its use ends it and removes its directory. */
export interface Daemon extends AsyncDisposable {
  /** All that it has logged. */
  log(): Promise<string>;
}

/** How a program is started. */
export interface DaemonOptions {
  readonly args: readonly string[];
  /** Removed at the end; `pid` and `log` of the program are in there. */
  readonly directory: string;
  /** Whether it can be used; may throw until then. */
  readonly ready: () => Promise<boolean>;
  /** What ends it. @default "SIGTERM" */
  readonly signal?: Deno.Signal;
}

/**
 * Starts a program and waits until it can be used.
 *
 * @throws {Error} If that takes longer than 15 s; the message holds what it logged.
 */
export async function startDaemon(
  tool: string,
  { args, directory, ready, signal = "SIGTERM" }: DaemonOptions,
): Promise<Daemon> {
  const log = () => Deno.readTextFile(`${directory}/log`).catch(() => "nothing");
  const pid = async () => Number(await Deno.readTextFile(`${directory}/pid`));
  // In the background it keeps the streams that it was given, so it is given none.
  const { success } = await new Deno.Command(available(tool) ?? tool, {
    args: [...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  if (!success) {
    const text = await log();
    await Deno.remove(directory, { recursive: true });
    throw new Error(`Cannot start ${tool}: ${text}`);
  }
  const stop = async () => {
    const number = await pid();
    Deno.kill(number, signal);
    await eventually(`${tool} to stop`, () => isGone(number));
    await Deno.remove(directory, { recursive: true });
  };
  try {
    await eventually(
      tool,
      async () => await ready().catch(() => false) ? true : undefined,
      log,
      15_000,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { log, [Symbol.asyncDispose]: stop };
}

async function isGone(pid: number): Promise<true | undefined> {
  try {
    // Whoever has ended and was not asked how is a zombie until then.
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    return /^State:\tZ/m.test(status) ? true : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}
