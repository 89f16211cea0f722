/**
 * What all views share: the API, the newest numbers, and how to say something.
 *
 * @module
 */

import type { StatsView, UpstreamView } from "../../../stats/views.ts";
import { type Api, ApiFailure } from "./api.ts";
import { place, write } from "./dom.ts";
import type { AccessView, PolicyView } from "../../views.ts";
import type { Route } from "./route.ts";

/** A value that is watched. */
export class Watched<Value> {
  #value: Value;
  #watchers = new Set<(value: Value) => void>();

  constructor(value: Value) {
    this.#value = value;
  }

  get value(): Value {
    return this.#value;
  }

  set value(value: Value) {
    this.#value = value;
    for (const watcher of this.#watchers) watcher(value);
  }

  /** Calls `watcher` with the value now, and with each one to come until `signal`. */
  watch(watcher: (value: Value) => void, signal?: AbortSignal): void {
    this.#watchers.add(watcher);
    signal?.addEventListener("abort", () => this.#watchers.delete(watcher));
    watcher(this.#value);
  }
}

/** How the stream of the numbers does. */
export type Connection = "connecting" | "live" | "silent" | "reconnecting" | "token needed";

/** What every view gets. */
export interface App {
  readonly api: Api;
  readonly access: Watched<AccessView | undefined>;
  readonly connection: Watched<Connection>;
  readonly policy: Watched<PolicyView | undefined>;
  readonly stats: Watched<StatsView | undefined>;
  readonly upstreams: Watched<readonly UpstreamView[] | undefined>;
}

/** One view of the page. */
export interface View {
  /** It is to be seen until `signal`. */
  enter(route: Route, signal: AbortSignal): void;
}

/** Says something to screen readers, without moving anything. */
export function announce(text: string): void {
  write(place("announcements"), text);
}

/** Shows what went wrong in an element with the role `alert`, or that all is well again. */
export function showFailure(element: HTMLElement, error?: unknown): void {
  element.hidden = error === undefined;
  write(element, error === undefined ? "" : failureText(error));
}

/** In words. */
export function failureText(error: unknown): string {
  if (error instanceof ApiFailure) return error.message;
  return error instanceof Error ? `Cannot reach Sluice: ${error.message}` : String(error);
}
