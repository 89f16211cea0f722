/**
 * A member of a balanced upstream: what is known of it, when its turn is, and what its failures mean.
 *
 * @module
 */

import { TimeoutError } from "../clock.ts";
import { type Upstream, UpstreamFailure } from "../session/upstream.ts";
import type { Health } from "./health.ts";
import { type Contender, inTurn, type Strategy } from "./strategy.ts";

/** What is known of a member. */
export interface Member extends Contender {
  readonly upstream: Upstream;
  readonly health: Health;
  weight: number;
  /** Lower ones come first. */
  priority: number;
  /** Those that are being made too. */
  connections: number;
  /** It is being asked in the background. */
  probing: boolean;
}

/** All members, whoever is to be tried first: those that are up, then those that are down. */
export function* candidates(strategy: Strategy, members: readonly Member[]): Generator<Member> {
  const down = members.filter(({ health }) => health.down);
  for (const some of [members.filter(({ health }) => !health.down), down]) {
    // Nobody's turn is used up in a group that is not reached.
    for (let at = 0, end = 0; at < some.length; at = end) {
      while (end < some.length && some[end].priority === some[at].priority) end++;
      yield* inTurn(strategy, some.slice(at, end));
    }
  }
}

/**
 * A failure under the member's name, which is down then if that is its fault.
 *
 * @param full Others waited for a connection, too.
 */
export function blame(
  { upstream, health }: Member,
  error: unknown,
  full: boolean = false,
): unknown {
  if (error instanceof TimeoutError) {
    if (!full) health.failed();
    const kind = full ? "busy" : "timeout";
    return new UpstreamFailure(kind, `${upstream.name}: ${error.message}`, { cause: error });
  }
  if (!(error instanceof UpstreamFailure) || error.kind === "aborted") return error;
  const { kind, message, reply } = error;
  if (kind !== "busy") health.failed();
  return new UpstreamFailure(kind, `${upstream.name}: ${message}`, { cause: error, reply });
}
