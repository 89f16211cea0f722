/**
 * How a session comes to its end.
 *
 * @module
 */

import type { Reply } from "../rfc5321/reply.ts";
import type { SessionEnd } from "./observer.ts";

/**
 * Thrown by whoever finds that the session cannot go on; `reply` is the client's last. It is how a
 * session ends and no error: every session would pay for a stack trace.
 */
export class SessionOver {
  /** The fault behind it, if there is one. */
  readonly cause: unknown;
  constructor(readonly end: SessionEnd, readonly reply?: Reply, options: { cause?: unknown } = {}) {
    this.cause = options.cause;
  }
}
