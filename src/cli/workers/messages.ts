/**
 * What the main thread and its workers can ask of each other.
 *
 * @module
 */

import type { AdminSource } from "../../admin/source.ts";
import type { DialogueView } from "../../admin/views.ts";
import type { SocketTarget } from "../../channel.ts";
import type { SharedMemory } from "../../state/shared_counters.ts";
import type { Span } from "../../stats/history.ts";
import type { StatsPart } from "../../stats/merge.ts";
import type { Family } from "../../stats/meters.ts";
import type { HistoryView, RuleView, UpstreamView } from "../../stats/views.ts";
import type { SentConfiguration } from "./share.ts";

/** A listening socket for one worker: its descriptor belongs to that worker. */
export interface SocketShare {
  readonly fd: number;
  readonly address: SocketTarget;
}

/** A configuration for a worker, with the sockets of the listeners that it does not have yet. */
export interface Assignment {
  readonly configuration: SentConfiguration;
  /** By the id of the listener. */
  readonly sockets: ReadonlyMap<string, SocketShare>;
}

/** A descriptor of each of these sockets, by the id of the listener. */
export type Copies = ReadonlyMap<string, number>;

/** What all workers have in common. */
export interface CommonMemory {
  /** What rules count by. */
  readonly counters: { readonly live: SharedMemory; readonly shadow: SharedMemory };
  /** The number of the last transaction of all, in one word of 64 bits. */
  readonly lastNumber: SharedArrayBuffer;
}

/** What a worker begins with. */
export interface Beginning extends Assignment {
  readonly memory: CommonMemory;
}

/** What a worker has counted since its start. */
export interface Totals {
  /** With long lists of the most frequent; see {@linkcode HITTERS}. */
  readonly stats: StatsPart;
  readonly metrics: readonly Family[];
  readonly rules: readonly RuleView[];
  readonly upstreams: readonly UpstreamView[];
}

/** How long a worker's lists of the most frequent are: all that it keeps. */
export const HITTERS = 200;

/** How far back each worker knows the past. */
export const SPANS: readonly Span[] = ["5m", "1h", "1d"];

/** How a worker has spent its life. */
export interface Obituary extends Totals {
  readonly histories: ReadonlyMap<Span, HistoryView>;
}

/** What the main thread asks of a worker. Type alias: an interface is no table of calls. */
export type WorkerCalls = {
  /** Serves. @throws {ConfigurationError | OptionError} */
  readonly begin: (beginning: Beginning) => Promise<void>;
  /** Makes another configuration ready. @throws {ConfigurationError | OptionError} */
  readonly prepare: (assignment: Assignment) => Promise<void>;
  /** Gives back what is not needed of the last assignment: where it listens now, another descriptor. */
  readonly giveBack: () => Copies;
  /** Puts in place what is ready. */
  readonly commit: () => void;
  /** Gives up what is ready, if something is. */
  readonly discard: () => Promise<void>;
  /** Takes no new sessions and lets all others go on, for so many milliseconds. */
  readonly leave: (deadline: number) => Promise<void>;
  /** Takes no new sessions and lets open transactions finish, for so many milliseconds. */
  readonly close: (deadline: number) => Promise<Obituary | undefined>;
  /** Sessions that are open. */
  readonly open: () => number;
  /** `undefined` where nobody counts. */
  readonly totals: () => Totals | undefined;
  /** The same of the present, with long lists of the most frequent. */
  readonly stats: () => StatsPart;
  /** What is said in an open session after a line; `undefined` where it is not known. */
  readonly said: (since: SaidSince) => DialogueView | undefined;
} & Pick<AdminSource, Asked>;

/** What of the admin's questions a worker answers as any other source would. */
export const asked = [
  "history",
  "metrics",
  "readiness",
  "sessions",
  "session",
  "disconnect",
  "transactions",
  "news",
  "transaction",
  "rules",
  "explain",
  "upstreams",
] as const satisfies readonly (keyof AdminSource)[];

/** The name of such a question. */
export type Asked = typeof asked[number];

/** What somebody wants to know of a dialogue. */
export interface SaidSince {
  readonly id: string;
  /** The number of the last line that is known. */
  readonly number: number;
}

/** What a worker asks of the main thread. */
export type MainCalls = {
  /** Writes whole lines of the log. */
  readonly write: (text: string) => Promise<void>;
  /** Says that it ends, as a policy may have wanted it. */
  readonly ending: () => void;
};
