/**
 * What is said of an error on the command line.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { ConfigurationError, type Mistake, printMistake } from "../config/mistake.ts";

/** Prints an error: one line, or one for each mistake in a configuration. */
export function complain(error: unknown): void {
  const lines = error instanceof ConfigurationError
    ? error.mistakes.map(lineOf)
    : [messageOf(error)];
  // Whatever line ends stood on the command line or in what was found.
  for (const line of lines) console.error(`sluice: ${line.replaceAll(/\s+/g, " ")}`);
}

/** A mistake on the command line reads as those do that no configuration is needed to find. */
function lineOf(mistake: Mistake): string {
  const { where, key, found, allowed } = mistake;
  return where === undefined && key.startsWith("--")
    ? `Cannot use option "${key}": found ${found}, allowed is ${allowed}`
    : printMistake(mistake);
}
