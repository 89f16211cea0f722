/**
 * What operators do, and who would like to be one: told at once, and counted.
 *
 * @module
 */

import type { AdminAction } from "../stats/metrics.ts";
import type { Role } from "./access.ts";

export type { AdminAction };

/** Something that was done by way of an admin. */
export interface AdminDeed {
  /** `wrong-token`: somebody has come with one. */
  readonly action: AdminAction;
  /** Of the session that was disconnected. */
  readonly id?: string;
  /** Whose token it was; absent for a wrong one. */
  readonly role?: Role;
}

/** See the module. */
export class Deeds {
  readonly #audit: (deed: AdminDeed) => void;
  #counts = new Map<AdminAction, number>();

  /** @param audit Told of each. Default: nobody. */
  constructor(audit: (deed: AdminDeed) => void = () => {}) {
    this.#audit = audit;
  }

  /** Counts one, and tells it. */
  note(deed: AdminDeed): void {
    this.count(deed.action);
    this.#audit(deed);
  }

  /** Counts one that is not worth a word. */
  count(action: AdminAction): void {
    this.#counts.set(action, (this.#counts.get(action) ?? 0) + 1);
  }

  /** How many there were since this was asked last. */
  take(): ReadonlyMap<AdminAction, number> {
    const counts = this.#counts;
    this.#counts = new Map();
    return counts;
  }
}
