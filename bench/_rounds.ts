/**
 * Figures from rounds in which several take turns, so that whatever else the machine does befalls
 * all of them; what counts is the ratio between neighbours.
 *
 * @module
 */

/** That than which a share of all is not larger. */
export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.round(share * (values.length - 1))];
}

/** That than which half of all are not larger. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The median of ratios, and between which of them half lie. */
export function spreadOf(ratios: readonly number[], digits: number): string {
  const [low, middle, high] = [0.25, 0.5, 0.75]
    .map((share) => quantile(ratios, share).toFixed(digits));
  return `${middle} (${low} to ${high})`;
}

/** Prints a row of a table. */
export function row(...cells: readonly (string | number)[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}

/** Prints the head of a table. */
export function header(...names: readonly string[]): void {
  row(...names);
  row(...names.map(() => "---"));
}
