/**
 * Sends mail aside: to an upstream that keeps it, say a capture with a Maildir.
 *
 * @module
 */

import type { Policy } from "../policy.ts";
import { route } from "../verdicts.ts";
import { divert, type DivertOptions } from "./divert.ts";
import { type CheckEnvironment, OptionReader } from "./option_reader.ts";

/** Where to, and whose mail; without any condition everybody's. */
export interface QuarantineOptions extends DivertOptions {
  /** Name of the upstream that keeps it. */
  readonly upstream: string;
}

/**
 * Sends mail aside. With `recipients`, others of the same message are answered 452, as they belong to
 * another upstream, and the client sends them again.
 *
 * @throws {OptionError} If an option cannot be used.
 */
export function quarantine(options: QuarantineOptions, environment?: CheckEnvironment): Policy {
  const reader = new OptionReader("quarantine", options, environment);
  return divert("quarantine", reader, route(reader.upstream("upstream")));
}
