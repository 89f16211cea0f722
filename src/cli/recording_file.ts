/**
 * A recording in a file: JSON lines, appended.
 *
 * @module
 */

import { encode } from "../bytes.ts";
import type { Clock } from "../clock.ts";
import type { RecordSource } from "../config/configuration.ts";
import { recorder } from "../policy/record.ts";
import type { Observer } from "../session/observer.ts";

/** Octets that wait for the disk; lines beyond are lost rather than kept in memory. */
const BACKLOG = 16_777_216;

/** A recording that is being written. */
export interface RecordingFile {
  readonly observer: Observer;
  /** Writes what is left and closes the file. Never rejects. */
  close(): Promise<void>;
}

/**
 * Opens the file for its owner alone: what is in it is not everybody's business.
 *
 * @param failed Told once where it cannot be written any more.
 * @throws {Error} If the file cannot be opened.
 */
export async function recordingFile(
  { file: path, addresses }: RecordSource,
  clock: Clock,
  failed: (error: Error) => void,
): Promise<RecordingFile> {
  const file = await Deno.open(path, { append: true, create: true, mode: 0o600 });
  const writer = file.writable.getWriter();
  let waiting = 0;
  let broken = false;
  const write = (line: string): void => {
    const octets = encode(`${line}\n`);
    if (broken || waiting + octets.length > BACKLOG) return;
    waiting += octets.length;
    writer.write(octets).then(() => void (waiting -= octets.length), (cause) => {
      if (!broken) failed(new Error(`Cannot record into ${path}: ${cause}`, { cause }));
      broken = true;
    });
  };
  const recording = recorder({ write, addresses, now: () => clock.now() });
  return {
    observer: recording.observer,
    async close() {
      await recording.settled();
      // A writer that has failed has closed the file already.
      await writer.close().catch(() => {});
    },
  };
}

/** A recording that goes on from one configuration to the next, and ends with its last user. */
export class SharedRecording {
  #users = 0;

  constructor(readonly source: RecordSource, readonly file: RecordingFile) {}

  use(): this {
    this.#users++;
    return this;
  }

  async release(): Promise<void> {
    this.#users--;
    if (this.#users === 0) await this.file.close();
  }
}
