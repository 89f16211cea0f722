/**
 * Moves octets from a source through a stage to a sink.
 *
 * @module
 */

import { concat } from "../bytes.ts";
import type { Out, Stage } from "./stage.ts";
import { toTransformStream } from "./to_transform_stream.ts";

/** The reading half of a channel. What it returns is valid until the next `read`. */
export interface Reader {
  /**
   * Waits for octets.
   *
   * @param size Wanted size of the read buffer in octets; a hint.
   * @returns At least one octet, or `undefined` at the end.
   */
  read(size?: number): Promise<Uint8Array | undefined>;
}

/** The writing half of a channel. */
export interface Writer {
  /** Resolves when all of it has been taken, and the memory may be used again. */
  write(octets: Uint8Array): Promise<void>;
}

/** Options of {@linkcode pump}. */
export interface PumpOptions {
  /** Ends the pump: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Outputs are joined into one write up to this many octets: a copy is cheaper than a call. */
const JOIN = 16_384;

/**
 * Sends all that `source` yields through `stage` into `sink`, flushes the stage, and resolves when
 * the last octet has been taken. Reads on only when the sink has taken what came before.
 *
 * Streams are locked, closed at the end, and cancelled and aborted on an error or by the signal. A reader
 * or a writer remains its owner's, who also ends a read that is still waiting when the signal
 * comes.
 *
 * @example From a stream to a writer
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { DotStuffer, pump } from "@sluice/sluice/stages";
 *
 * const source = new Blob(["Subject: Hi\r\n\r\n.signed\r\n"]).stream();
 * let sent = "";
 * const sink = {
 *   write(octets: Uint8Array): Promise<void> {
 *     sent += new TextDecoder().decode(octets);
 *     return Promise.resolve();
 *   },
 * };
 * await pump(source, new DotStuffer(), sink);
 * assertEquals(sent, "Subject: Hi\r\n\r\n..signed\r\n.\r\n");
 * ```
 *
 * @throws What the source, the stage or the sink throws, or the reason of the signal.
 */
export async function pump(
  source: ReadableStream<Uint8Array> | Reader,
  stage: Stage<Uint8Array, Uint8Array>,
  sink: WritableStream<Uint8Array> | Writer,
  options: PumpOptions = {},
): Promise<void> {
  if (source instanceof ReadableStream && sink instanceof WritableStream) {
    await source.pipeThrough(toTransformStream(stage)).pipeTo(sink, options);
    return;
  }
  const input = source instanceof ReadableStream ? streamInput(source) : plainInput(source);
  const output = sink instanceof WritableStream ? streamOutput(sink) : plainOutput(sink);
  try {
    await run(input, stage, output, options.signal);
  } catch (error) {
    stage.cancel?.(error);
    await Promise.allSettled([input.cancel(error), output.abort(error)]);
    throw error;
  }
}

/** A source, whatever it is. */
interface Input extends Reader {
  cancel(reason: unknown): Promise<void>;
}

/** A sink, whatever it is. */
interface Output extends Writer {
  close(): Promise<void>;
  abort(reason: unknown): Promise<void>;
}

const nothing = () => Promise.resolve();

function plainInput(reader: Reader): Input {
  return { read: () => reader.read(), cancel: nothing };
}

function plainOutput(writer: Writer): Output {
  return { write: (octets) => writer.write(octets), close: nothing, abort: nothing };
}

function streamInput(stream: ReadableStream<Uint8Array>): Input {
  const reader = stream.getReader();
  return {
    read: async () => (await reader.read()).value,
    cancel: (reason) => reader.cancel(reason),
  };
}

function streamOutput(stream: WritableStream<Uint8Array>): Output {
  const writer = stream.getWriter();
  return {
    write: (octets) => writer.write(octets),
    close: () => writer.close(),
    abort: (reason) => writer.abort(reason),
  };
}

async function run(
  input: Input,
  stage: Stage<Uint8Array, Uint8Array>,
  output: Output,
  signal: AbortSignal | undefined,
): Promise<void> {
  let pieces: Uint8Array[] = [];
  const out: Out<Uint8Array> = { enqueue: (piece) => pieces.push(piece) };
  for (;;) {
    const chunk = await unlessAborted(() => input.read(), signal);
    if (chunk) stage.transform(chunk, out);
    else stage.flush?.(out);
    for (const octets of joined(pieces)) {
      await unlessAborted(() => output.write(octets), signal);
    }
    pieces = [];
    if (!chunk) break;
  }
  await unlessAborted(() => output.close(), signal);
}

/** Joins neighbours that are small together; passes on large pieces as they are. */
function* joined(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  let start = 0;
  let length = 0;
  for (let at = 0; at < pieces.length; at++) {
    if (at > start && length + pieces[at].length > JOIN) {
      yield join(pieces.slice(start, at));
      start = at;
      length = 0;
    }
    length += pieces[at].length;
  }
  if (start < pieces.length) yield join(pieces.slice(start));
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.length === 1 ? pieces[0] : concat(pieces);
}

/** Waits for what `start` begins; rejects as soon as the signal comes, and begins nothing then. */
function unlessAborted<T>(start: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return start();
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    start().then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
