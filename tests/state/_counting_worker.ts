/**
 * A thread that counts under one key together with others.
 *
 * @module
 */

import { SharedCounters, type SharedMemory } from "../../src/state/shared_counters.ts";

/** What it is to do. */
export interface Task {
  readonly memory: SharedMemory;
  readonly times: number;
}

// What a worker has beside this is in no type library that the tests use.
const port = self as unknown as Pick<Worker, "postMessage" | "onmessage">;

port.onmessage = ({ data: { memory, times } }: MessageEvent<Task>) => {
  const counters = new SharedCounters({ now: () => 0 }, memory);
  const said = Array.from({ length: times }, () => counters.count("a", 60_000));
  port.postMessage(said);
};
port.postMessage("ready");
