/**
 * Where the bars of a transaction's timeline lie.
 *
 * @module
 */

import type { PhaseView } from "../../../stats/views.ts";

/** A bar, in parts of the whole width. */
export interface Bar {
  readonly left: number;
  readonly width: number;
  /** It lies before MAIL, and so off the scale. */
  readonly before: boolean;
}

/**
 * The scale begins at MAIL: a session may have waited for hours before it.
 *
 * @param took Milliseconds that the transaction lasted.
 * @returns One for each phase.
 */
export function bars(
  phases: readonly Pick<PhaseView, "at" | "took">[],
  took: number,
): Bar[] {
  const end = Math.max(took, ...phases.map(({ at, took }) => at + took), Number.MIN_VALUE);
  return phases.map(({ at, took }) => {
    const from = Math.max(at, 0);
    const to = Math.max(at + took, from);
    return { left: from / end, width: (to - from) / end, before: at + took <= 0 && at < 0 };
  });
}
