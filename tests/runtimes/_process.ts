/**
 * Processes under test that run `hosts/host.ts`.
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import { systemClock, within } from "../../src/clock.ts";
import type { Host, Setup } from "./_suite.ts";

/** Milliseconds for a process to start or to end. */
const PATIENCE = 15_000;

/** Starts one and waits until it has printed its addresses. */
export async function startHost(
  command: string,
  args: readonly string[],
  setup: Setup,
): Promise<Host> {
  const child = new Deno.Command(command, {
    args: [...args, JSON.stringify(setup)],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  const ended = (signal: Deno.Signal): Promise<number> => {
    try {
      child.kill(signal);
    } catch {
      // It has ended already.
    }
    const status = child.status.then(({ code }) => code);
    return within(systemClock, PATIENCE, `the end of ${command}`, status);
  };
  const end = async (): Promise<void> => {
    await ended("SIGKILL");
    await lines.cancel();
  };
  try {
    const { value } = await within(systemClock, PATIENCE, `${command} to listen`, lines.read());
    if (value === undefined) throw new Error(`${command} has ended without listening`);
    return {
      ...JSON.parse(value),
      pid: child.pid,
      stop: () => ended("SIGTERM"),
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}
