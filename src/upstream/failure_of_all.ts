/**
 * What is said where none of several upstreams could be used.
 *
 * @module
 */

import { type FailureKind, UpstreamFailure } from "../session/upstream.ts";

/** Who of several failures speaks for all: the less is known of a server, the less it says. */
const telling: Readonly<Record<FailureKind, number>> = {
  refusing: 9,
  busy: 8,
  tls: 7,
  unfit: 6,
  protocol: 5,
  lost: 4,
  timeout: 3,
  unreachable: 2,
  // It is for good, so all must say it (RFC 7504 §3).
  "no-mail": 1,
  aborted: 0,
};

/**
 * One failure that says what all of them say.
 *
 * @param failures Of those that were tried.
 * @param untried How many there are besides; 1 or more where there are no failures.
 */
export function failureOfAll(
  failures: readonly UpstreamFailure[],
  untried: number,
): UpstreamFailure {
  const all = untried === 0
    ? failures
    : [...failures, new UpstreamFailure("unreachable", `${untried} not tried for want of time`)];
  if (all.length === 1) return all[0];
  const [cause] = all.toSorted((one, other) => telling[other.kind] - telling[one.kind]);
  const message = all.map(({ message }) => message).join("; ");
  return new UpstreamFailure(cause.kind, message, { cause, reply: cause.reply });
}
