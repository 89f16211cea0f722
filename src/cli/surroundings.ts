/**
 * What the sessions of `serve` have around them whatever the configuration says.
 *
 * @module
 */

import { sharedTimers } from "../shared_timers.ts";
import type { Configuration } from "../config/configuration.ts";
import { MemoryCounters } from "../state/counters.ts";
import { telemetryIsOn } from "../stats/telemetry/is_on.ts";
import type { Log } from "./log.ts";
import type { Surroundings } from "./work.ts";

/** What several who serve have in common. */
export type Common = Required<Pick<Surroundings, "counters" | "nextNumber">>;

/**
 * Makes them.
 *
 * @param common Default: nobody else serves.
 */
export async function surroundingsOf(
  { admin }: Configuration,
  log: Log,
  common?: Common,
): Promise<Surroundings> {
  const clock = sharedTimers();
  const observers = [log.observer];
  const traced = telemetryIsOn();
  // Whoever does not look need not load what it takes to count.
  const stats = admin === undefined && !traced
    ? undefined
    : new (await import("../stats/stats.ts")).Stats({ clock, nextNumber: common?.nextNumber });
  if (traced) {
    const { telemetry } = await import("../stats/telemetry.ts");
    observers.push(telemetry({ clock, meters: stats?.metrics.meters }));
  }
  return {
    clock,
    observers,
    stats,
    counters: { live: new MemoryCounters(clock), shadow: new MemoryCounters(clock) },
    ...common,
    dropped(octets) {
      log.upstreamDropped(octets);
      stats?.metrics.upstreamDropped(octets);
    },
    trouble: log.trouble,
    audit: log.audit,
  };
}
