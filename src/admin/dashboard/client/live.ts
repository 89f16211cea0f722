/**
 * What comes by itself: event streams and repeated questions. Both rest while nobody looks: a
 * browser has six connections to a host, and a hidden tab should hold none of them.
 *
 * @module
 */

import { systemClock } from "../../../clock.ts";
import { EventStreamError, followEvents } from "../../event_reader.ts";
import type { Api } from "./api.ts";

/** Runs `task` whenever the page is to be seen, until `signal`. */
function whileVisible(signal: AbortSignal, task: (signal: AbortSignal) => void): void {
  let current: AbortController | undefined;
  const change = () => {
    current?.abort();
    current = undefined;
    if (document.hidden) return;
    current = new AbortController();
    task(current.signal);
  };
  document.addEventListener("visibilitychange", change, { signal });
  signal.addEventListener("abort", () => current?.abort());
  change();
}

/** Waits, and leaves nothing behind: a page that is open for days waits often. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end);
  });
}

/** Options of {@linkcode repeat}. */
export interface RepeatOptions {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Milliseconds from an answer to the next question. */
  readonly every: number;
  /** Called with what a question has thrown; the next one is asked all the same. */
  readonly failed: (error: unknown) => void;
}

/** Asks at once and then again and again. */
export function repeat(
  { signal, every, failed }: RepeatOptions,
  ask: (signal: AbortSignal) => Promise<void>,
): void {
  whileVisible(signal, async (signal) => {
    while (!signal.aborted) {
      try {
        await ask(signal);
      } catch (error) {
        if (!signal.aborted) failed(error);
      }
      await pause(every, signal);
    }
  });
}

/** Options of {@linkcode follow}. */
export interface FollowOptions<Data> {
  readonly api: Api;
  /** Such as `api/stats/stream`. */
  readonly path: string;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** An event has come. */
  readonly on: (data: Data) => void;
  /** The id after which events are wanted. @default those from now on */
  readonly after?: string;
  /** The stream stands, or does not. */
  readonly state?: (state: "live" | "reconnecting") => void;
  /** It was refused and is not tried again. */
  readonly failed?: (error: EventStreamError) => void;
}

/** Follows an event stream; after an interruption, and after a rest, from where it was. */
export function follow<Data>(options: FollowOptions<Data>): void {
  const { api, path, on, state, failed } = options;
  let last = options.after;
  const open = async (id: string | undefined, signal: AbortSignal) => {
    const from = id ?? last;
    const headers = new Headers(from === undefined ? [] : [["last-event-id", from]]);
    const response = await api.open(path, { headers, signal });
    if (response.ok) state?.("live");
    return response;
  };
  const lost = () => state?.("reconnecting");
  whileVisible(options.signal, async (signal) => {
    try {
      for await (const event of followEvents({ open, clock: systemClock, signal, lost })) {
        last = event.id ?? last;
        on(JSON.parse(event.data));
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof EventStreamError)) throw error;
      failed?.(error);
    }
  });
}
