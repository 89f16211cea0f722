/**
 * The workloads by which proxies are compared.
 *
 * @module
 */

import type { Workload } from "./_load.ts";
import type { SinkOrder } from "./_sink.ts";

/** A workload and its circumstances. */
export interface PeerWorkload extends Workload {
  /** Each turn has a process of its own, whose memory counts. */
  readonly fresh?: boolean;
  /** What a connection costs the upstream. */
  readonly setUp?: SinkOrder;
  /** What is counted is octets. */
  readonly bulk?: boolean;
}

const SMALL = 2_048;
const LARGE = 20_000_000;

/** By name. */
export const workloads = {
  W1: {
    title: "20 sessions, a connection for each message, 2 KB",
    sessions: 20,
    size: SMALL,
    once: true,
  },
  W2: { title: "10 persistent sessions, 2 KB", sessions: 10, size: SMALL },
  W3: {
    title: "10 persistent sessions, 2 KB, MAIL, RCPT and DATA in one write",
    sessions: 10,
    size: SMALL,
    pipelined: true,
  },
  W4: { title: "4 persistent sessions, 20 MB", sessions: 4, size: LARGE, bulk: true },
  W5: { title: "10 persistent sessions, 50 KB", sessions: 10, size: 51_200 },
  W6: {
    title: "1000 idle sessions, 300 messages of 2 KB a second by 10 others",
    sessions: 10,
    size: SMALL,
    idle: 1_000,
    rate: 300,
    fresh: true,
  },
  W7: {
    title: "50 messages of 20 MB at once",
    sessions: 50,
    size: LARGE,
    once: true,
    messages: 50,
    fresh: true,
    bulk: true,
  },
  W8: {
    title: "as W1, and a connection costs the upstream 5 ms and 0.3 ms of processor time",
    sessions: 20,
    size: SMALL,
    once: true,
    setUp: { delay: 5, work: 0.3 },
  },
} as const satisfies Record<string, PeerWorkload>;

/** Name of a workload. */
export type WorkloadName = keyof typeof workloads;

/** What is known of a name on the command line. */
export function isWorkload(name: string): name is WorkloadName {
  return Object.hasOwn(workloads, name);
}
