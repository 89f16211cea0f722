/**
 * What is told to the author of a configuration.
 *
 * @module
 */

/** One thing in a configuration that cannot be used. */
export interface Mistake {
  /** `file:line:column`, the last two from 1; absent where it stood on the command line. */
  readonly where?: string;
  /** `limits.recipients`, `rule[2].when.client[0]`, `--upstream`. */
  readonly key: string;
  /** What was found there, texts in quotes. */
  readonly found: string;
  /** What may be there. */
  readonly allowed: string;
}

/** A mistake in one line: `sluice.toml:3:1: hostname: found "a b", allowed is …`. */
export function printMistake({ where, key, found, allowed }: Mistake): string {
  const line = `${where === undefined ? "" : `${where}: `}${key}: found ${found}, ` +
    `allowed is ${allowed}`;
  // What was found may have line ends of its own.
  return line.replaceAll(/\s+/g, " ");
}

/** A configuration that cannot be used, with all that is wrong with it. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  /** @param mistakes At least one. */
  constructor(readonly mistakes: readonly Mistake[]) {
    super(mistakes.map(printMistake).join("\n"));
  }
}

/** A value as a mistake shows it, shortened. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  if (value instanceof Date) return `the date ${value.toISOString()}`;
  if (typeof value === "object" && value !== null) return "a table";
  if (typeof value !== "string") return String(value);
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}
