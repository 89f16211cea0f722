/**
 * Accepts mail and lets it come to nothing.
 *
 * @module
 */

import type { Policy } from "../policy.ts";
import { discard as drop } from "../verdicts.ts";
import { divert, type DivertOptions } from "./divert.ts";
import { type CheckEnvironment, OptionReader } from "./option_reader.ts";

/** Whose mail. With `recipients`, the others of a message get it. */
export type DiscardOptions = DivertOptions;

/**
 * Accepts mail and lets it come to nothing.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function discard(options: DiscardOptions = {}, environment?: CheckEnvironment): Policy {
  return divert("discard", new OptionReader("discard", options, environment), drop());
}
