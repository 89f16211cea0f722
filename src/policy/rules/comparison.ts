/**
 * Comparisons with a number, as conditions have them: `">10m"`, `"<=50"`.
 *
 * @module
 */

const syntax = /^(<|<=|>|>=|=) ?([0-9]{1,12})([kmg]?)$/i;

const units: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

const operators: Readonly<Record<string, (found: number, limit: number) => boolean>> = {
  "<": (found, limit) => found < limit,
  "<=": (found, limit) => found <= limit,
  ">": (found, limit) => found > limit,
  ">=": (found, limit) => found >= limit,
  "=": (found, limit) => found === limit,
};

/** What {@link parseComparison} reads, for errors. */
export const comparisonForm = "<, <=, >, >= or = and a whole number, with k, m or g for its unit";

/**
 * Reads a comparison.
 *
 * @returns Whether a number stands in that relation.
 * @throws {RangeError} If it is none.
 */
export function parseComparison(text: string): (found: number) => boolean {
  const match = syntax.exec(text);
  if (match === null) {
    throw new RangeError(
      `Cannot read comparison: found ${JSON.stringify(text)}, allowed is ${comparisonForm}`,
    );
  }
  const [, operator, digits, unit] = match;
  const compare = operators[operator];
  const limit = Number(digits) * units[unit.toLowerCase()];
  return (found) => compare(found, limit);
}
