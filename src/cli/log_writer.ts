/**
 * Gathers lines: at thousands of messages a second a write for each would cost more than they, and
 * whoever reads the log slowly must not hold up the mail.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";

/** Milliseconds that a line waits at most for others to be written with it. */
const DELAY = 50;
/** Characters that are not waited with. */
const BATCH = 65_536;
/** Characters in memory at most, those of a write under way included. */
const BACKLOG = 1_048_576;

/** What a writer needs. */
export interface LineWriterOptions {
  /** Times the batches. */
  readonly clock: Clock;
  /**
   * Takes whole lines with their ends. Where it returns a promise, the next call waits for it. What
   * it throws costs those lines.
   */
  readonly write: (text: string) => void | Promise<void>;
  /** The line that says how many lines are missing, without its end. */
  readonly lost: (lines: number) => string;
}

/** See the module. */
export class LineWriter {
  readonly #options: LineWriterOptions;
  #pending = "";
  /** How many lines that is. */
  #lines = 0;
  /** Lines for which there was no room, or that could not be written. */
  #lost = 0;
  /** Characters of the write that is under way. */
  #underWay = 0;
  #writing: Promise<void> | undefined;
  #timer: Timer | undefined;

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  /** Takes a line without its end; one for which there is no room is counted instead. */
  write(line: string): void {
    if (this.#underWay + this.#pending.length + line.length >= BACKLOG) {
      this.#lost++;
      return;
    }
    this.#pending += `${line}\n`;
    this.#lines++;
    this.#schedule();
  }

  /** Resolves when every line so far has been written or lost; writes at once where it can. */
  async flush(): Promise<void> {
    do {
      this.#send();
      await this.#writing;
    } while (this.#pending !== "");
    // What was lost meanwhile is told, if it can be.
    this.#send();
    await this.#writing;
  }

  #schedule(): void {
    if (this.#pending.length >= BATCH) return this.#send();
    this.#timer ??= this.#options.clock.after(DELAY, () => {
      this.#timer = undefined;
      this.#send();
    });
  }

  #send(): void {
    if (this.#writing !== undefined) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    const lost = this.#lost;
    if (lost > 0) this.#pending += `${this.#options.lost(lost)}\n`;
    if (this.#pending === "") return;
    const text = this.#pending;
    const lines = this.#lines + lost;
    this.#pending = "";
    this.#lines = this.#lost = 0;
    try {
      const written = this.#options.write(text);
      if (written !== undefined) this.#wait(written, text.length, lines);
    } catch {
      this.#lost += lines;
    }
  }

  #wait(written: Promise<void>, length: number, lines: number): void {
    this.#underWay = length;
    this.#writing = written.catch(() => void (this.#lost += lines)).then(() => {
      this.#underWay = 0;
      this.#writing = undefined;
      if (this.#pending !== "") this.#schedule();
    });
  }
}
