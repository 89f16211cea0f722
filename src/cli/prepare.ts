/**
 * Everything that `serve` needs before a configuration takes effect: what it is assembled to, and the
 * recording, which goes on from one configuration to the next.
 *
 * @module
 */

import type { Configuration, RecordSource } from "../config/configuration.ts";
import { ConfigurationError, shown } from "../config/mistake.ts";
import type { ProxyOptions } from "../options.ts";
import { assemble } from "./assemble.ts";
import type { Surroundings } from "./work.ts";
import { type RecordingFile, recordingFile } from "./recording_file.ts";

/** A configuration that can take effect. */
export interface Prepared {
  readonly configuration: Configuration;
  readonly options: ProxyOptions;
  readonly recording: SharedRecording | undefined;
  /** Ends what is its own, once its last session has ended. */
  close(): Promise<void>;
  /** The same where no proxy has become the owner of its upstreams. */
  discard(): Promise<void>;
}

/**
 * Prepares a configuration.
 *
 * @param last The one that is in effect: a recording into the same file goes on.
 * @throws {ConfigurationError} Nothing is left open then.
 */
export async function prepare(
  configuration: Configuration,
  surroundings: Surroundings,
  last?: Prepared,
): Promise<Prepared> {
  const assembly = await assemble(configuration, surroundings);
  let recording: SharedRecording | undefined;
  try {
    recording = await recordingOf(configuration, surroundings, last);
  } catch (error) {
    await assembly.discard();
    throw error;
  }
  const observers = recording === undefined ? [] : [recording.file.observer];
  return {
    configuration,
    options: { ...assembly.options, observers: [...surroundings.observers, ...observers] },
    recording,
    async close() {
      await assembly.close();
      await recording?.release();
    },
    async discard() {
      await assembly.discard();
      await recording?.release();
    },
  };
}

/** A recording that is closed when nobody uses it any more. */
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

async function recordingOf(
  configuration: Configuration,
  { clock, trouble }: Surroundings,
  last: Prepared | undefined,
): Promise<SharedRecording | undefined> {
  const { record } = configuration;
  if (record === undefined) return undefined;
  const before = last?.recording;
  if (before?.source.file === record.file && before.source.addresses === record.addresses) {
    return before.use();
  }
  try {
    return new SharedRecording(record, await recordingFile(record, clock, trouble)).use();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError([
      configuration.mistake(["record"], shown(record.file), `a file that can be written (${why})`),
    ]);
  }
}
