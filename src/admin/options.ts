/**
 * What an admin can be told.
 *
 * @module
 */

import type { Described, Explanation } from "../policy/explain.ts";
import type { AdminDeed } from "./deeds.ts";
import type { TokenOptions } from "./access.ts";

/** Everything has a default. */
export interface AdminOptions {
  /**
   * Bearer tokens of at least 16 characters, by role; an operator may do all that a reader may.
   *
   * @default none: whoever addresses the admin as `localhost` or by a loopback address is an operator
   */
  readonly tokens?: TokenOptions;
  /**
   * Further hosts as which browsers may address the admin, as in a URL and without port.
   *
   * @default []
   */
  readonly hosts?: readonly string[];
  /** How addresses and logins are shown: `redacted` leaves their domains only. @default "plain" */
  readonly addresses?: "plain" | "redacted";
  /** Live streams at a time; the next is answered 503. @default 500 */
  readonly viewers?: number;
  /**
   * Reads the configuration again.
   *
   * @throws {ReloadError} If it cannot be used; nothing has changed then.
   * @default none: `POST api/reload` is answered 409
   */
  readonly reload?: () => Promise<void>;
  /**
   * Asks the policy about a message that might come.
   *
   * @default The proxy's policy is asked itself; what it counts it counts.
   */
  readonly explain?: (described: Described) => Promise<Explanation>;
  /**
   * Ends all sessions in good order, within so many milliseconds.
   *
   * @default The proxy's `close`.
   */
  readonly drain?: (deadline: number) => Promise<void>;
  /**
   * Told of what operators do: of a reload and a drain before they are tried, of sessions that they have
   * disconnected; and of wrong tokens, of ten at once and then of ten a minute. For a log.
   *
   * @default nobody
   */
  readonly audit?: (deed: AdminDeed) => void;
}

/** A configuration that cannot be used. */
export class ReloadError extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "ReloadError";
  /**
   * Counts them.
   *
   * @param mistakes One line each.
   */
  constructor(readonly mistakes: readonly string[]) {
    super(`Cannot reload: found ${mistakes.length} mistakes in the configuration`);
  }
}
