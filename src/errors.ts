/**
 * What is thrown at whoever configures Sluice, and what thrown things say.
 *
 * @module
 */

/**
 * An option that cannot be used. Names the option, what was found and what is allowed.
 *
 * @example What a wrong option is answered with
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { createProxy, OptionError } from "@sluice/sluice";
 *
 * const error = assertThrows(() => createProxy({ limits: { recipients: 0 } }), OptionError);
 * assertEquals(error.option, "limits.recipients");
 * assertEquals(error.found, 0);
 * assertEquals(error.allowed, "a whole number of at least 1");
 * ```
 */
export class OptionError extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "OptionError";
  /**
   * Puts the three into one message; a text that was found stands there in quotes.
   *
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

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
