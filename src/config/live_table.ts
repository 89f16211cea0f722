/**
 * A table that follows what it was read from: a look-up uses the copy that is there, and where that
 * has become old sets off the next look at the source, for those that come after.
 *
 * @module
 */

import { type Clock, within } from "../clock.ts";
import { parseTable, Table, type TableKey } from "../policy/rules/table.ts";

/** Lines of a table, and something that differs once they may have changed. */
export interface Copy {
  readonly text: string;
  readonly stamp: string;
}

/** Where the lines of a table come from. */
export interface TableFeed {
  /** For messages. */
  readonly name: string;
  /** Milliseconds for which a copy is used without a look at the source. */
  readonly refresh: number;
  /**
   * Reads the lines, a bounded number of octets.
   *
   * @param stamp That of the copy that is in use.
   * @returns `undefined` if the lines are still those of the stamp.
   */
  read(stamp: string | undefined, signal: AbortSignal): Promise<Copy | undefined>;
}

/** How a live table is run. */
export interface LiveTableOptions {
  readonly clock: Clock;
  /** Learns of a look at the source that failed, once for each message; the last copy stays. */
  readonly failed: (error: Error) => void;
}

/** Milliseconds for one look at the source. */
const TIME_LIMIT = 30_000;

/** See the module. */
export class LiveTable {
  #table: Table;
  #stamp: string | undefined;
  #lookedAt: number;
  #look: Promise<void> = Promise.resolve();
  #looking = false;
  /** What was said of the last look, so that it is not said at every one. */
  #said = "";

  private constructor(readonly feed: TableFeed, readonly options: LiveTableOptions) {
    this.#table = new Table(feed.name);
    this.#lookedAt = options.clock.now();
  }

  /**
   * Reads a table for the first time.
   *
   * @throws {Error} If it cannot be read, and {@linkcode TableError} where a line is wrong.
   */
  static async open(feed: TableFeed, options: LiveTableOptions): Promise<LiveTable> {
    const table = new LiveTable(feed, options);
    await table.#read();
    return table;
  }

  /** The value of a key, as `Table.get`. */
  get(key: TableKey): string | undefined {
    this.#renew();
    return this.#table.get(key);
  }

  /** Whether a key is in the table, as `Table.has`. */
  has(key: TableKey): boolean {
    return this.get(key) !== undefined;
  }

  /** How many entries there are. */
  get size(): number {
    return this.#table.size;
  }

  /** Waits for the look at the source that is under way. */
  settled(): Promise<void> {
    return this.#look;
  }

  #renew(): void {
    const now = this.options.clock.now();
    if (this.#looking || now - this.#lookedAt < this.feed.refresh) return;
    this.#looking = true;
    this.#look = this.#read().then(() => {
      this.#said = "";
    }, (error: unknown) => this.#report(error)).finally(() => {
      this.#looking = false;
      this.#lookedAt = this.options.clock.now();
    });
  }

  async #read(): Promise<void> {
    const { clock } = this.options;
    const controller = new AbortController();
    try {
      const read = this.feed.read(this.#stamp, controller.signal);
      const copy = await within(clock, TIME_LIMIT, this.feed.name, read);
      if (copy === undefined) return;
      this.#table = parseTable(copy.text, this.feed.name);
      this.#stamp = copy.stamp;
    } finally {
      controller.abort();
    }
  }

  #report(cause: unknown): void {
    const why = cause instanceof Error ? cause.message : String(cause);
    if (why === this.#said) return;
    this.#said = why;
    this.options.failed(new Error(`Cannot renew table: ${why}`, { cause }));
  }
}
