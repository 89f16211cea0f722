/**
 * Mailauth at its work: SPF, DKIM, DMARC and ARC of a message while it comes. It is loaded with the
 * first message.
 *
 * @module
 */

import { LF } from "../bytes.ts";
import type { RecordResolver, RecordType } from "../dns/records.ts";
import type { Findings } from "./results.ts";

/** Octets of a line: mailauth holds a line, and looks at it again with each piece of it. */
const MAX_LINE = 262_144;

/** Questions about one message; nobody needs more, but somebody may want us to ask them. */
const MAX_QUESTIONS = 200;

/** Who sends a message, and who asks. */
export interface Origin {
  /** IP address of the client. */
  readonly ip: string;
  /** Name in HELO or EHLO. */
  readonly helo: string;
  /** The reverse-path without brackets, `""` where it is null. */
  readonly sender: string;
  /** The authserv-id. */
  readonly mta: string;
}

/** A line is longer than anybody needs. */
export class LineTooLong extends Error {
  /** Tells it apart in logs, and where two copies of a module make `instanceof` fail. */
  override readonly name = "LineTooLong";
  constructor() {
    super(`Cannot authenticate the message: found a line of more than ${MAX_LINE} octets`);
  }
}

/** What mailauth asks for records. */
type Lookup = (name: string, type: string) => Promise<readonly unknown[]>;

/** What mailauth is asked. */
type Authenticate = (
  input: NodeSource,
  options: Origin & {
    readonly resolver: Lookup;
    readonly strict: boolean;
    readonly disableBimi: boolean;
  },
) => Promise<Findings>;

/** As much of a stream of Node as mailauth writes to. */
interface NodeSink {
  write(octets: Uint8Array): boolean;
  end(): void;
  destroy(error: unknown): void;
  on(event: "drain" | "close", listener: () => void): unknown;
}

/** As much of a stream of Node as mailauth reads from. */
interface NodeSource {
  on(event: string, listener: (error: unknown) => void): void;
  pipe(sink: NodeSink): void;
}

/**
 * Authenticates a message.
 *
 * @param signal Ends the questions.
 * @throws {LineTooLong}
 * @throws Whatever the stream fails with.
 */
export async function verify(
  stream: ReadableStream<Uint8Array>,
  origin: Origin,
  resolver: RecordResolver,
  signal: AbortSignal,
): Promise<Findings> {
  const module: unknown = await import("mailauth");
  const { authenticate } = module as { readonly authenticate: Authenticate };
  const reader = stream.getReader();
  try {
    return await authenticate(sourceOf(reader), {
      ...origin,
      resolver: lookupOf(resolver, signal),
      strict: true,
      // Logos are for those who show mail.
      disableBimi: true,
    });
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function lookupOf(resolver: RecordResolver, signal: AbortSignal): Lookup {
  let left = MAX_QUESTIONS;
  return async (name, type) => {
    if (left-- === 0) throw new Error(`Too many questions about one message: ${MAX_QUESTIONS}`);
    return await resolver.records(name, type as RecordType, signal);
  };
}

/** The message as mailauth takes it: it knows nothing but streams of Node. */
function sourceOf(reader: ReadableStreamDefaultReader<Uint8Array>): NodeSource {
  let failed: (error: unknown) => void = () => {};
  return {
    on: (event, listener) => {
      if (event === "error") failed = listener;
    },
    pipe: (sink) => {
      copy(reader, sink).catch((error) => {
        failed(error);
        sink.destroy(undefined);
      });
    },
  };
}

async function copy(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  sink: NodeSink,
): Promise<void> {
  let line = 0;
  let resume: () => void = () => {};
  for (const event of ["drain", "close"] as const) sink.on(event, () => resume());
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return sink.end();
    line = lineBehind(line, value);
    if (sink.write(value)) continue;
    await new Promise<void>((resolve) => void (resume = resolve));
  }
}

/**
 * @param line Octets of the line so far.
 * @returns Those of the last one in the next octets.
 * @throws {LineTooLong}
 */
function lineBehind(line: number, octets: Uint8Array): number {
  for (let begin = 0;;) {
    const feed = octets.indexOf(LF, begin);
    const length = line + (feed < 0 ? octets.length : feed + 1) - begin;
    if (length > MAX_LINE) throw new LineTooLong();
    if (feed < 0) return length;
    line = 0;
    begin = feed + 1;
  }
}
