/**
 * The program within the test's own process.
 *
 * @module
 */

import { main } from "../../src/cli/main.ts";

/** What a run has left behind. */
export interface Run {
  readonly status: number;
  /** Lines of standard output. */
  readonly out: readonly string[];
  /** Lines of standard error. */
  readonly err: readonly string[];
}

/** Longest time that any of these runs takes, in milliseconds. */
const LIMIT = 10_000;

/** Obeys a command line; one that does not end by itself fails. One at a time. */
export async function run(...args: string[]): Promise<Run> {
  const { log, error } = console;
  const out: string[] = [];
  const err: string[] = [];
  console.log = (text: string) => void out.push(...text.split("\n"));
  console.error = (text: string) => void err.push(...text.split("\n"));
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`sluice ${args.join(" ")} goes on`)), LIMIT);
  try {
    return { status: await Promise.race([main(args), late.promise]), out, err };
  } finally {
    clearTimeout(timer);
    console.log = log;
    console.error = error;
  }
}
