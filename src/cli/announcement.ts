/**
 * What `serve` says of itself on standard output, at each level of the log.
 *
 * | event | as text | fields as JSON |
 * |-------|---------|----------------|
 * | `listening` | `listening smtp 127.0.0.1:2525` | `service`, `address` |
 * | `listener-closed` | `closed 127.0.0.1:2525`, `closed admin http://127.0.0.1:8025/` | `service` of the admin, `address` |
 * | `reloaded`, `restarted` | the same | |
 * | `draining` | `draining 3 sessions` | `sessions` |
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { lineFormats } from "./log_line.ts";
import type { LogOptions } from "./log.ts";

/** See the module. */
export type Announcement =
  | { readonly event: "listening"; readonly service: string; readonly address: string }
  | { readonly event: "listener-closed"; readonly service?: string; readonly address: string }
  | { readonly event: "reloaded" | "restarted" }
  | { readonly event: "draining"; readonly sessions: number };

/** Tells of one. */
export type Announce = (announcement: Announcement) => void;

/** Makes lines of them, which look as those of the log do. */
export function announcer(
  format: LogOptions["format"],
  clock: Clock,
  print: (line: string) => void,
): Announce {
  if (format === "text") return (announcement) => print(announcementText(announcement));
  return ({ event, ...fields }) =>
    print(lineFormats.json({ at: clock.now(), level: "info", event, fields }));
}

/** `listening smtp 127.0.0.1:2525` */
export function announcementText(announcement: Announcement): string {
  switch (announcement.event) {
    case "listening":
      return `listening ${announcement.service} ${announcement.address}`;
    case "listener-closed": {
      const { service, address } = announcement;
      return service === undefined ? `closed ${address}` : `closed ${service} ${address}`;
    }
    case "draining":
      return `draining ${announcement.sessions} sessions`;
    default:
      return announcement.event;
  }
}
