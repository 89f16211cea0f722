/**
 * Notices that files have changed, by a look each second.
 *
 * Not by the system's notifications: those follow the file and not its name, so they miss a file that
 * is replaced, a symbolic link that is turned (as containers are given new files) and network file
 * systems, and tell of every write of a file that is half written.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import { stampOf } from "./table_file.ts";

/** Milliseconds between two looks. */
const INTERVAL = 1_000;

/** See the module. */
export class FileWatch {
  readonly #clock: Clock;
  /** What each file was like when it was read. */
  readonly #noted = new Map<string, string>();
  /** What they all were like at the last look: a file that is still being written differs. */
  #seen = "";
  #timer: Timer | undefined;
  #look: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Watches no file any more, until they are noted again. */
  forget(): void {
    this.#noted.clear();
  }

  /** Watches a file that is about to be read. */
  async note(path: string): Promise<void> {
    this.#noted.set(path, await stampOf(path));
  }

  /** Calls `changed` when files differ from what was noted, and have not changed for a second. */
  start(changed: () => Promise<void>): void {
    this.#timer = this.#clock.after(INTERVAL, () => {
      this.#look = this.#lookAt(changed).then(() => {
        if (!this.#stopped) this.start(changed);
      });
    });
  }

  /** Waits for the look that is under way. */
  looked(): Promise<void> {
    return this.#look;
  }

  /** Looks no more, and waits for the look that is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#look;
  }

  async #lookAt(changed: () => Promise<void>): Promise<void> {
    const paths = [...this.#noted.keys()];
    const stamps = await Promise.all(paths.map(stampOf));
    const now = stamps.join(";");
    const calm = now === this.#seen;
    this.#seen = now;
    const differs = paths.some((path, nth) => this.#noted.get(path) !== stamps[nth]);
    if (calm && differs) await changed();
  }
}
