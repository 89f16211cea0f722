/**
 * What an operator should look at first.
 *
 * @module
 */

import { type Outcome, outcomes, type StatsView, type UpstreamView } from "../../../stats/views.ts";
import { count, duration, percent, visible } from "./words.ts";

/** Something that stands out. */
export interface Problem {
  /** `bad`: mail does not get through. */
  readonly weight: "bad" | "warn";
  /** Stays the same while the numbers in `text` change. */
  readonly key: string;
  readonly text: string;
  /** Where there is more about it. */
  readonly href?: string;
}

/** A share of the mail of the last minute that is worth a word, where there is enough mail. */
const unusualShare = 0.1;
const enoughMail = 20;
/** Milliseconds within which 99 of 100 answers should come. */
const slow = { policy: 1_000, upstream: 10_000 };
/** Milliseconds for which a failure is news. */
const recent = 60_000;

/** Snapshots of the last minute, so that totals can be told apart from what is happening now. */
export class LastMinute {
  #snapshots: StatsView[] = [];

  /** Takes the next one in; after a restart of the server it starts again. */
  add(snapshot: StatsView): void {
    const begun = this.#snapshots[0]?.startedAt;
    if (begun !== undefined && begun !== snapshot.startedAt) this.#snapshots = [];
    // Snapshots that come faster than one a second say nothing new.
    const last = this.#snapshots.at(-1);
    if (last !== undefined && snapshot.at - last.at < 500) return;
    this.#snapshots.push(snapshot);
    while (this.#snapshots[0].at < snapshot.at - 60_000) this.#snapshots.shift();
  }

  /** Mail transactions that have ended with each outcome since `milliseconds` before the last snapshot. */
  ended(milliseconds = 60_000): { within: number } & Record<Outcome, number> {
    const last = this.#snapshots.at(-1);
    const first = this.#snapshots.find(({ at }) => at >= (last?.at ?? 0) - milliseconds);
    const ended = (outcome: Outcome) =>
      (last?.transactions[outcome] ?? 0) - (first?.transactions[outcome] ?? 0);
    return {
      within: (last?.at ?? 0) - (first?.at ?? 0),
      accepted: ended("accepted"),
      discarded: ended("discarded"),
      quarantined: ended("quarantined"),
      rejected: ended("rejected"),
      deferred: ended("deferred"),
      abandoned: ended("abandoned"),
      broken: ended("broken"),
    };
  }
}

function ofUpstream(upstream: UpstreamView, now: number): Problem | undefined {
  const { name, health, lastError } = upstream;
  const why = lastError === undefined ? "" : `: ${visible(lastError.text)}`;
  const [key, href] = [`upstream ${name}`, "#upstreams"];
  if (health === "down") {
    return { weight: "bad", key, href, text: `Upstream “${visible(name)}” is down${why}` };
  }
  if (lastError === undefined || now - lastError.at > recent) return;
  const ago = duration(now - lastError.at);
  return { weight: "warn", key, href, text: `Upstream “${visible(name)}” failed ${ago} ago${why}` };
}

/** All that stands out, the worst first. */
export function problems(
  stats: StatsView,
  minute: LastMinute,
  upstreams: readonly UpstreamView[],
): Problem[] {
  const found = upstreams.map((upstream) => ofUpstream(upstream, stats.at));
  if (stats.draining) {
    const text = `Draining: no new sessions are taken, ${count(stats.sessions.open)} still open`;
    found.push({ weight: "warn", key: "draining", text, href: "#sessions" });
  }
  const ended = minute.ended();
  const all = outcomes.reduce((sum, outcome) => sum + ended[outcome], 0);
  for (const outcome of ["deferred", "broken"] as const) {
    const share = ended[outcome] / all;
    if (all < enoughMail || share < unusualShare) continue;
    const text = `${percent(share)} of all mail ${
      outcome === "deferred" ? "was deferred" : "broke off"
    } in the last minute`;
    found.push({ weight: "warn", key: outcome, text, href: `#transactions?outcome=${outcome}` });
  }
  for (const part of ["upstream", "policy"] as const) {
    const { p99 } = stats.latencies[part];
    if (p99 < slow[part]) continue;
    const who = part === "upstream" ? "The upstream takes" : "The policy takes";
    const href = part === "upstream" ? "#upstreams" : "#rules";
    found.push({ weight: "warn", key: part, text: `${who} ${duration(p99)} (p99)`, href });
  }
  const sorted = found.filter((problem) => problem !== undefined);
  return sorted.sort((a, b) => Number(b.weight === "bad") - Number(a.weight === "bad"));
}
