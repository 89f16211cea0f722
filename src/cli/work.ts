/**
 * The making of what a configuration names.
 *
 * @module
 */

import type { AdminDeed } from "../admin/deeds.ts";
import type { Clock } from "../clock.ts";
import type { Configuration } from "../config/configuration.ts";
import { ConfigurationError, type Mistake, shown } from "../config/mistake.ts";
import type { KeyPath } from "../config/places.ts";
import { messageOf, OptionError } from "../errors.ts";
import type { Observer } from "../session/observer.ts";
import type { Counters } from "../state/counters.ts";
import type { Stats } from "../stats/stats.ts";

/** What a configuration does not say. */
export interface Surroundings {
  readonly clock: Clock;
  readonly observers: readonly Observer[];
  /** What rules count by, from one configuration to the next. Default: nothing is counted. */
  readonly counters?: { readonly live: Counters; readonly shadow: Counters };
  /** Counts what happens. Default: made when there is an admin to show it. */
  readonly stats?: Stats;
  /** Numbers the transactions that are counted. Default: one after the other. */
  readonly nextNumber?: () => number;
  /** Octets that stood behind an upstream's reply to STARTTLS. */
  readonly dropped?: (octets: number) => void;
  /** Told of certificates and tables that could not be read again: what was read stays in use. */
  readonly trouble: (error: Error) => void;
  /** Told of what operators do. Default: nobody. */
  readonly audit?: (deed: AdminDeed) => void;
}

/** One attempt: what fails is noted, and the rest goes on. */
export class Work {
  readonly mistakes: Mistake[] = [];

  constructor(readonly configuration: Configuration) {}

  /** The result of `make`; `undefined` where it has failed. */
  async attempt<T>(
    path: KeyPath,
    found: string,
    allowed: string,
    make: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await make();
    } catch (error) {
      this.mistakes.push(...this.#mistakesOf(error, path, found, allowed));
      return undefined;
    }
  }

  #mistakesOf(
    error: unknown,
    path: KeyPath,
    found: string,
    allowed: string,
  ): readonly Mistake[] {
    if (error instanceof ConfigurationError) return error.mistakes;
    if (error instanceof OptionError) {
      return [this.configuration.mistake(path, shown(error.found), error.allowed)];
    }
    const why = messageOf(error);
    return [this.configuration.mistake(path, found, `${allowed} (${why})`)];
  }
}
