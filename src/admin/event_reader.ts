/**
 * Reads server-sent events (HTML Standard §9.2) where there is no EventSource, or where it cannot be
 * used because it sends no Authorization header.
 *
 * @module
 */

import { type Clock, within } from "../clock.ts";

/** Characters of a line, and of the data of an event, at most. */
const MOST_CHARACTERS = 1_048_576;

/** Milliseconds for which a connection may say nothing: three heartbeats of ours. */
const MAX_SILENCE = 45_000;

/** Milliseconds for the headers of an answer. */
const OPENING_TIMEOUT = 30_000;

/** Milliseconds before the first new attempt, and the most before any. */
const MIN_PAUSE = 1_000;
const MAX_PAUSE = 30_000;

/** One event. */
export interface ServerEvent {
  /** The last id that the stream has given, with this event or before it. */
  readonly id?: string;
  /** Its type; `message` where none is given. */
  readonly event: string;
  /** Its lines, with LF between. */
  readonly data: string;
}

/** What a stream tells beside its events, and what the next connection goes on from. */
export interface StreamState {
  /** The last id. */
  lastEventId?: string;
  /** Milliseconds that the server wants between two connections. */
  retry?: number;
}

/** An answer, or a stream, that trying again would not mend. */
export class EventStreamError extends Error {
  /** Tells it apart in logs. */
  override readonly name = "EventStreamError";
  /**
   * Puts the two into one message.
   *
   * @param found What was there.
   * @param allowed What may be there.
   * @param status Of the answer, where that is the cause.
   */
  constructor(found: string, allowed: string, readonly status?: number) {
    super(`Cannot read events: found ${found}, allowed is ${allowed}`);
  }
}

/** Octets to events, in pieces as they come. */
class EventParser {
  readonly #state: StreamState;
  /**
   * Waits for the rest of a character that is cut. It would drop a byte order mark as well, but some
   * runtimes drop one that begins a later chunk with it, which is text.
   */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #begun = false;
  /** The line so far. */
  #line = "";
  /** The last line has ended with CR: LF would be the rest of that end. */
  #afterCr = false;
  /** Told to be the last, but not yet by a whole event: one that is cut off must come again. */
  #id: string | undefined;
  #event = "";
  /** The data so far; `undefined` before its first line. */
  #data: string | undefined;

  constructor(state: StreamState) {
    this.#state = state;
    this.#id = state.lastEventId;
  }

  *push(chunk: Uint8Array): Generator<ServerEvent> {
    let text = this.#decoder.decode(chunk, { stream: true });
    if (text === "") return;
    if (!this.#begun && text.startsWith("\ufeff")) text = text.slice(1);
    this.#begun = true;
    if (this.#afterCr && text.startsWith("\n")) text = text.slice(1);
    this.#afterCr = text.endsWith("\r");
    const lines = text.split(/\r\n|\r|\n/);
    const unfinished = lines.pop()!;
    for (const line of lines) {
      const event = this.#take(bounded(this.#line + line, "line"));
      this.#line = "";
      if (event !== undefined) yield event;
    }
    this.#line = bounded(this.#line + unfinished, "line");
  }

  #take(line: string): ServerEvent | undefined {
    if (line === "") return this.#finish();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const rest = colon < 0 ? "" : line.slice(colon + 1);
    const value = rest.startsWith(" ") ? rest.slice(1) : rest;
    if (name === "data") {
      this.#data = bounded(this.#data === undefined ? value : `${this.#data}\n${value}`, "event");
    } else if (name === "event") {
      this.#event = value;
    } else if (name === "id" && !value.includes("\0")) {
      this.#id = value;
    } else if (name === "retry" && /^[0-9]{1,9}$/.test(value)) {
      this.#state.retry = Number(value);
    }
    return undefined;
  }

  /** An event without data is none. */
  #finish(): ServerEvent | undefined {
    const data = this.#data;
    const event = this.#event || "message";
    const id = this.#id;
    if (id !== undefined) this.#state.lastEventId = id;
    this.#data = undefined;
    this.#event = "";
    if (data === undefined) return undefined;
    return id === undefined ? { event, data } : { id, event, data };
  }
}

function bounded(text: string, what: string): string {
  if (text.length <= MOST_CHARACTERS) return text;
  throw new EventStreamError(
    `more than ${MOST_CHARACTERS} characters in one ${what}`,
    "that many",
  );
}

/** How a stream is read. */
export interface ReadOptions {
  /** Ends the reading, without an error. */
  readonly signal?: AbortSignal;
  /** Where there is one, a stream that says nothing for 45 seconds, not even a comment, is lost. */
  readonly clock?: Clock;
  /** Kept up to date while reading. Default one of its own. */
  readonly state?: StreamState;
}

/**
 * Reads events to the end of the stream, and cancels it when nobody wants any more. What is
 * unfinished at the end is no event.
 *
 * @param body Of an answer.
 * @throws {EventStreamError} If a line, or the data of an event, is longer than 1,048,576 characters.
 * @throws {TimeoutError} If it falls silent.
 * @throws What the stream ends with.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  options: ReadOptions = {},
): AsyncGenerator<ServerEvent> {
  const { signal, clock, state = {} } = options;
  const parser = new EventParser(state);
  const reader = body.getReader();
  // A stream that has failed refuses to be cancelled; whoever reads is told that already.
  const cancel = () => reader.cancel().catch(() => {});
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    while (!signal?.aborted) {
      const reading = reader.read();
      const { done, value } = clock === undefined
        ? await reading
        : await within(clock, MAX_SILENCE, "the next event or heartbeat", reading);
      if (done) return;
      yield* parser.push(value);
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    signal?.removeEventListener("abort", cancel);
    await cancel();
  }
}

/** What is followed, and how. */
export interface FollowOptions {
  /** Asks for the stream, with `Last-Event-ID` where there is one; must give up with the signal. */
  readonly open: (lastEventId: string | undefined, signal: AbortSignal) => Promise<Response>;
  /** Times pauses, answers and silence. */
  readonly clock: Clock;
  /** Ends it all, without an error. */
  readonly signal: AbortSignal;
  /**
   * Told why a connection was lost or not had, `undefined` where the server has ended it in order,
   * and of the milliseconds until the next attempt.
   */
  readonly lost?: (error: unknown, pause: number) => void;
  /** From 0 up to, and not including, 1. Default `Math.random`. */
  readonly random?: () => number;
}

/**
 * Reads events over as many connections as it takes, each from where the last one stopped.
 *
 * Between two of them it waits from 1 s, or what the server wants, up to a limit that doubles to
 * 30 s with each connection that has brought no event. A status of 204 ends it.
 *
 * @throws {EventStreamError} If an answer is neither a stream of events nor 408, 429 or 5xx, and for
 * what {@linkcode readEvents} refuses.
 */
export async function* followEvents(options: FollowOptions): AsyncGenerator<ServerEvent> {
  const { clock, signal, lost, random = Math.random } = options;
  const state: StreamState = {};
  for (let vain = 0; !signal.aborted; vain++) {
    const attempt = new AbortController();
    let cause: unknown;
    try {
      const body = await connect(options, state, attempt);
      if (body === undefined) return;
      for await (const event of readEvents(body, { signal, clock, state })) {
        vain = 0;
        yield event;
      }
    } catch (error) {
      if (error instanceof EventStreamError) throw error;
      cause = error;
    } finally {
      attempt.abort();
    }
    if (signal.aborted) return;
    const shortest = Math.min(Math.max(state.retry ?? 0, MIN_PAUSE), MAX_PAUSE);
    const longest = Math.min(shortest * 2 ** (vain + 1), MAX_PAUSE);
    const pause = shortest + random() * (longest - shortest);
    lost?.(cause, pause);
    await waited(clock, pause, signal);
  }
}

/** The body of an answer that can be read; `undefined` where the server wants nobody to come again. */
async function connect(
  { open, clock, signal }: FollowOptions,
  { lastEventId }: StreamState,
  attempt: AbortController,
): Promise<ReadableStream<Uint8Array> | undefined> {
  const opening = open(lastEventId || undefined, AbortSignal.any([signal, attempt.signal]));
  const response = await within(clock, OPENING_TIMEOUT, "the answer that opens a stream", opening);
  const { status, body, headers } = response;
  const type = headers.get("content-type") ?? "none";
  if (status === 200 && body !== null && /^text\/event-stream(?:;|$)/i.test(type)) return body;
  await body?.cancel();
  if (status === 204) return undefined;
  const found = `status ${status} and type ${type}`;
  if (status >= 500 || status === 408 || status === 429) {
    throw new Error(`Cannot read events for now: found ${found}`);
  }
  throw new EventStreamError(found, "200 and text/event-stream", status);
}

/** Waits for a time, or for the signal if that comes first. */
function waited(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      timer.cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.after(milliseconds, end);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
