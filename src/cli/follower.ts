/**
 * Reloads a service on SIGHUP and when its files have changed.
 *
 * @module
 */

import type { Announce } from "./announcement.ts";
import { complain } from "./complain.ts";
import type { FileWatch } from "./file_watch.ts";

/** See the module. One reload at a time; one that fails is told and changes nothing. */
export class Follower {
  readonly #load: () => Promise<void>;
  readonly #announce: Announce;
  readonly #watch: FileWatch;
  #reload: Promise<void> = Promise.resolve();
  /** One that has not begun yet: it is for all who ask until it does. */
  #next: Promise<void> | undefined;
  readonly #ask = (): void => void this.reload();

  /**
   * @param watch Notes what is read, and is started and stopped here.
   * @param load Reloads, or throws and has changed nothing.
   * @param announce Told of each that has not failed.
   */
  constructor(watch: FileWatch, load: () => Promise<void>, announce: Announce) {
    this.#load = load;
    this.#announce = announce;
    this.#watch = watch;
    Deno.addSignalListener("SIGHUP", this.#ask);
    watch.start(() => this.reload());
  }

  /** Reloads once what is under way has ended. Never rejects. */
  reload(): Promise<void> {
    return this.#next ??= this.#reload = this.#reload.then(async () => {
      this.#next = undefined;
      try {
        await this.#load();
        this.#announce({ event: "reloaded" });
      } catch (error) {
        complain(error);
      }
    });
  }

  /** Waits for the reload that is under way. */
  async stop(): Promise<void> {
    Deno.removeSignalListener("SIGHUP", this.#ask);
    await this.#watch.stop();
    await this.#reload;
  }
}
