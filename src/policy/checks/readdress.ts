/**
 * Checks that put one address in the place of another, for senders and recipients alike.
 *
 * @module
 */

import type { Path } from "../../rfc5321/path.ts";
import type { Reject, Rewrite } from "../../session/phases.ts";
import { definePolicy, type Policy } from "../policy.ts";
import { reject, rewrite } from "../verdicts.ts";

/** Whose addresses are meant. */
export type Of = "recipients" | "senders" | "both";

/** All of {@linkcode Of}. */
export const ofAll: readonly Of[] = ["recipients", "senders", "both"];

const unfit = reject("553 5.1.0 Address does not fit once rewritten");

/**
 * Makes a policy of a change of addresses. One that would make an address too long refuses it with
 * 553 (RFC 5321 §4.2.3); the null reverse-path and `<Postmaster>`, which have no domain, stay.
 *
 * @param change The new path, or `undefined` to leave it; may throw `RangeError` as `Path` does.
 */
export function readdress(
  name: string,
  of: Of,
  change: (path: Path) => Path | undefined,
): Policy {
  const decide = (path: Path): Rewrite<readonly [Path]> | Reject | undefined => {
    if (path.domain === "") return undefined;
    try {
      const next = change(path);
      return next === undefined || next.equals(path) ? undefined : rewrite(next);
    } catch (error) {
      if (error instanceof RangeError) return unfit;
      throw error;
    }
  };
  return definePolicy({
    name,
    mail: of === "recipients" ? undefined : ({ reversePath }) => decide(reversePath),
    rcpt: of === "senders" ? undefined : ({ forwardPath }) => decide(forwardPath),
  });
}
