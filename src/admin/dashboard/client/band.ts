/**
 * The band on top of every view: how much, how fast, what stands out.
 *
 * @module
 */

import { outcomes, type StatsView } from "../../../stats/views.ts";
import { announce, type App } from "./app.ts";
import { h, Keyed, onFrame, place, write } from "./dom.ts";
import { LastMinute, type Problem, problems } from "./problems.ts";
import { count, durationOf, moment, octets, rate } from "./words.ts";

/** Milliseconds after which the last numbers are old news. */
const silence = 5_000;

function problemItem({ weight, text, href }: Problem): HTMLLIElement {
  return h("li", { class: weight }, h("a", { href }, text));
}

/** Keeps the band up to date. */
export function startBand(app: App): void {
  const minute = new LastMinute();
  let known = "";
  const list = new Keyed<Problem, HTMLLIElement>(
    place("attention"),
    ({ key, weight }) => `${weight} ${key}`,
    problemItem,
    (item, { text }) => write(item.querySelector("a")!, text),
  );

  const showProblems = (stats: StatsView) => {
    const found = problems(stats, minute, app.upstreams.value ?? []);
    list.show(found);
    place("all-clear").hidden = found.length > 0;
    // Numbers in the texts change each second; only what is new is worth a word.
    const keys = found.map(({ key }) => key).join();
    if (keys !== known) announce(found.map(({ text }) => text).join(". ") || "Nothing stands out");
    known = keys;
  };

  const show = (stats: StatsView) => {
    const { rates, sessions, latencies: { policy, upstream }, viewers } = stats;
    const texts: Readonly<Record<string, string>> = {
      "now-messages": rate(rates.transactions),
      "now-octets": octets(rates.octets),
      "now-sessions": count(sessions.open),
      "now-sessions-rate": `${rate(rates.sessions)} new a second`,
      "now-policy": durationOf(policy.count, policy.p99),
      "now-policy-p50": `p50 ${durationOf(policy.count, policy.p50)}`,
      "now-upstream": durationOf(upstream.count, upstream.p99),
      "now-upstream-p50": `p50 ${durationOf(upstream.count, upstream.p50)}`,
      "since": `Counting since ${moment(stats.startedAt, stats.at)}`,
      "viewers": `${count(viewers.open)} watching, ${count(viewers.dropped)} dropped`,
    };
    for (const [id, text] of Object.entries(texts)) write(place(id), text);
    const lately = minute.ended(10_000);
    for (const outcome of outcomes) {
      write(place(`verdict-${outcome}`), count(stats.transactions[outcome]));
      const text = lately.within === 0 ? "" : `${rate(lately[outcome] * 1000 / lately.within)}/s`;
      write(place(`verdict-${outcome}-rate`), text);
    }
    document.title = `${rate(rates.transactions)}/s · Sluice`;
    showProblems(stats);
  };

  let timer: number | undefined;
  app.stats.watch((stats) => {
    if (stats === undefined) return;
    minute.add(stats);
    onFrame("band", () => show(stats));
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (app.connection.value === "live" && !document.hidden) app.connection.value = "silent";
    }, silence);
  });
  app.upstreams.watch(() => {
    const stats = app.stats.value;
    if (stats !== undefined) onFrame("attention", () => showProblems(stats));
  });
  app.connection.watch((state) => {
    write(place("connection"), state);
    document.body.dataset.connection = state.replace(" ", "-");
  });
  write(place("zone"), `Times in ${Intl.DateTimeFormat().resolvedOptions().timeZone}`);
}
