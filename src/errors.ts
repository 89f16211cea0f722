/**
 * What is thrown at whoever configures Sluice.
 *
 * @module
 */

/** An option that cannot be used. Names the option, what was found and what is allowed. */
export class OptionError extends Error {
  override readonly name = "OptionError";
  /**
   * @param option Where it stands: `limits.recipients`, `--listen`.
   * @param found What was there.
   * @param allowed What may be there.
   */
  constructor(readonly option: string, readonly found: unknown, readonly allowed: string) {
    super(`Cannot use option "${option}": found ${shown(found)}, allowed is ${allowed}`);
  }
}

function shown(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  return typeof value === "function" ? "a function" : String(value);
}
