/**
 * What is thrown at the author of a pattern.
 *
 * @module
 */

/** A pattern or template that cannot be used. */
export class PatternError extends Error {
  /** Tells it from other errors. */
  override readonly name = "PatternError";
  /**
   * Says what is wrong and where.
   *
   * @param pattern The text of the whole pattern.
   * @param column Where in it the mistake is, in UTF-16 code units from 1.
   * @param found What was found there.
   * @param allowed What may be there.
   */
  constructor(
    readonly pattern: string,
    readonly column: number,
    readonly found: string,
    readonly allowed: string,
  ) {
    const shown = pattern.length > 80 ? `${pattern.slice(0, 80)}…` : pattern;
    super(
      `Cannot read pattern ${JSON.stringify(shown)}: found ${found} at column ${column}, ` +
        `allowed is ${allowed}`,
    );
  }
}
