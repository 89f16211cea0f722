/**
 * How a session comes to its end.
 *
 * @module
 */

import type { Reply } from "../rfc5321/reply.ts";
import type { SessionEnd } from "./observer.ts";

/** Thrown by whoever finds that the session cannot go on; `reply` is the client's last. */
export class SessionOver extends Error {
  override readonly name = "SessionOver";
  constructor(readonly end: SessionEnd, readonly reply?: Reply, options?: ErrorOptions) {
    super(reply?.text ?? end, options);
  }
}
