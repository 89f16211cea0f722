/**
 * One worker, as the main thread has it.
 *
 * @module
 */

import { type Clock, type Timer, within } from "../../clock.ts";
import { Line } from "./line.ts";
import type { MainCalls, Totals, WorkerCalls } from "./messages.ts";

/** Milliseconds between two looks at what it has counted. */
const BEAT = 5_000;
/** Milliseconds in which a worker answers that is alive, beside what it was given time for. */
export const SILENCE = 15_000;

/** What a worker is given beside its work. */
export interface EmployeeOptions {
  readonly clock: Clock;
  /** Writes whole lines of the log. */
  readonly write: (text: string) => Promise<void>;
}

/** See the module. */
export class Employee {
  /** Counts them from 1, also those that take another's place. */
  readonly number: number;
  readonly line: Line<WorkerCalls>;
  /** Settles where it has ended without being told to. */
  readonly lost: Promise<Error>;
  /** What it had counted when it was asked last. */
  totals: Totals | undefined;
  readonly #worker: Worker;
  readonly #clock: Clock;
  readonly #lose: (why: string) => void;
  #timer: Timer | undefined;
  #watched = false;
  #ended = false;

  constructor(number: number, { clock, write }: EmployeeOptions) {
    this.number = number;
    this.#clock = clock;
    const lost = Promise.withResolvers<Error>();
    this.lost = lost.promise;
    this.#lose = (why) => {
      if (this.#ended) return;
      const error = new Error(`Worker ${number} has ended: ${why}`);
      this.end(error);
      lost.resolve(error);
    };
    const url = new URL("./worker.ts", import.meta.url);
    this.#worker = new Worker(url, { type: "module", name: `sluice ${number}` });
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#lose(event.message);
    });
    const ours: MainCalls = { write, ending: () => this.#lose("it has asked for its end") };
    this.line = new Line(this.#worker, ours);
  }

  /** Looks after it from now on: one that does not answer any more is lost. */
  watch(): void {
    if (this.#ended) return;
    this.#watched = true;
    this.#timer = this.#clock.after(BEAT, async () => {
      try {
        const totals = this.line.call("totals");
        this.totals = await within(this.#clock, SILENCE, "what it has counted", totals);
        if (this.#watched) this.watch();
      } catch {
        if (this.#watched) this.#lose("it does not answer");
      }
    });
  }

  /** Looks after it no longer: what it does may take its time. */
  unwatch(): void {
    this.#watched = false;
    this.#timer?.cancel();
  }

  /**
   * Ends it at once, with all that it has under way. Deno does not interrupt one that is in an endless
   * loop: that one goes on until the process ends, and accepts nothing any more.
   */
  end(why: Error = new Error(`Worker ${this.number} has been ended`)): void {
    this.#ended = true;
    this.unwatch();
    this.line.close(why);
    this.#worker.terminate();
  }
}
