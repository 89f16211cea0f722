/**
 * Times as rules have them: `500ms`, `5s`, `1h`.
 *
 * @module
 */

const syntax = /^([0-9]{1,5})(ms|s|m|h)$/;

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Reads a time.
 *
 * @returns Milliseconds, `NaN` where the text is none.
 */
export function parseDuration(text: string): number {
  const [, digits, unit] = syntax.exec(text) ?? [];
  return digits === undefined ? NaN : Number(digits) * units[unit];
}
