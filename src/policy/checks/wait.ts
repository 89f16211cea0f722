/**
 * Delays of the built-in checks.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";

/** Milliseconds that a check may take besides its delay: less, and the delay itself would fail it. */
export const GRACE = 1_000;

/** Resolves after so many milliseconds. */
export function wait(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => void clock.after(milliseconds, resolve));
}
