/**
 * What workers have counted that are no more: sums must not fall when one is replaced.
 *
 * @module
 */

import type { Span } from "../../stats/history.ts";
import {
  endedFamilies,
  endedStats,
  endedUpstreams,
  mergeFamilies,
  mergeHistories,
  mergeRules,
  mergeStats,
  mergeUpstreams,
} from "../../stats/merge.ts";
import type { HistoryView } from "../../stats/views.ts";
import { HITTERS, type Obituary, type Totals } from "./messages.ts";

/** All of them together; nothing where there are none. */
export type Departed = Partial<Obituary>;

/** With one more. */
export function withDeparted(departed: Departed, one: Totals | Obituary): Departed {
  const { stats, metrics = [], rules = [], upstreams = [], histories } = departed;
  const ended = endedStats(one.stats);
  return {
    stats: stats === undefined ? ended : mergeStats([stats, ended], HITTERS, 0),
    metrics: mergeFamilies([metrics, endedFamilies(one.metrics)]),
    rules: mergeRules([rules, one.rules]),
    upstreams: mergeUpstreams([upstreams, endedUpstreams(one.upstreams)]),
    histories: "histories" in one ? joined(histories, one.histories) : histories,
  };
}

function joined(
  before: ReadonlyMap<Span, HistoryView> | undefined,
  histories: ReadonlyMap<Span, HistoryView>,
): ReadonlyMap<Span, HistoryView> {
  return new Map([...histories].map(([span, history]) => {
    const earlier = before?.get(span);
    return [span, earlier === undefined ? history : mergeHistories([earlier, history])];
  }));
}
