/**
 * Charts, the most frequent, and the last refusals.
 *
 * @module
 */

import {
  type HistoryView,
  type HitterView,
  outcomes,
  type TransactionView,
} from "../../../../stats/views.ts";
import { type App, showFailure, type View } from "../app.ts";
import { Chart } from "../chart.ts";
import { h, Keyed, onFrame, place, setPart, write } from "../dom.ts";
import { repeat } from "../live.ts";
import { hashOf } from "../route.ts";
import { chartData, unstacked } from "../series.ts";
import type { TransactionsView } from "../../../views.ts";
import {
  address,
  brief,
  count,
  duration,
  octets,
  recipients,
  timeOfDay,
  visible,
} from "../words.ts";

const spans = ["5m", "1h", "1d"] as const;
const shownRefusals = 8;
const shownHitters = 8;

function charts() {
  return {
    outcomes: new Chart({
      id: "chart-outcomes",
      least: 1,
      kind: "areas",
      series: outcomes.map((outcome) => ({ label: outcome, colour: `--${outcome}` })),
      words: brief,
      axis: brief,
      own: unstacked,
    }),
    octets: new Chart({
      id: "chart-octets",
      least: 1000,
      kind: "areas",
      series: [{ label: "accepted", colour: "--accepted" }],
      words: octets,
      axis: octets,
    }),
    latency: new Chart({
      id: "chart-latency",
      least: 10,
      kind: "lines",
      series: [{ label: "upstream", colour: "--first" }, { label: "policy", colour: "--second" }],
      words: duration,
      axis: duration,
    }),
    sessions: new Chart({
      id: "chart-sessions",
      least: 4,
      kind: "lines",
      series: [{ label: "open", colour: "--first" }],
      words: count,
      axis: brief,
    }),
  };
}

function hitters(id: string, filter: "address" | "client"): (list: readonly HitterView[]) => void {
  const rows = new Keyed<HitterView & { most: number }, HTMLLIElement>(
    place(id),
    ({ key }) => key,
    ({ key }) => {
      const href = key === "" ? undefined : hashOf("transactions", "", { [filter]: key });
      const name = h("a", { href }, key === "" ? "none" : visible(key));
      return h("li", {}, h("i", { "aria-hidden": "true" }), name, h("span", { class: "number" }));
    },
    (item, { count: times, error, most }) => {
      const [bar, , number] = item.children as unknown as HTMLElement[];
      setPart(bar, "width", times / most);
      // The sketch never counts too little.
      write(number, count(times));
      number.title = error === 0 ? "" : `at most ${count(error)} too many`;
    },
  );
  return (list) => {
    const most = list[0]?.count ?? 1;
    rows.show(list.slice(0, shownHitters).map((hitter) => ({ ...hitter, most })));
  };
}

function refusal(transaction: TransactionView): HTMLLIElement {
  const { id, outcome, startedAt, from, to, reply, rule, upstream } = transaction;
  const by = rule ?? upstream;
  return h(
    "li",
    { class: outcome },
    h("time", {}, timeOfDay(startedAt)),
    h("a", { href: hashOf("transactions", id) }, `${address(from)} → ${recipients(to)}`),
    h("p", {}, [reply, by].filter((text) => text !== undefined).map(visible).join(" · ")),
  );
}

/** The view `overview`. */
export function overview(app: App): View {
  const shown = charts();
  const top = {
    clients: hitters("top-clients", "client"),
    senderDomains: hitters("top-senders", "address"),
    recipientDomains: hitters("top-recipients", "address"),
  };
  const refusals = new Keyed<TransactionView, HTMLLIElement>(
    place("refusals"),
    ({ id }) => id,
    refusal,
  );
  const failed = (error: unknown) => showFailure(place("overview-failure"), error);
  place("span").addEventListener("change", (event) => {
    const { value } = event.target as HTMLInputElement;
    location.hash = hashOf("overview", "", { span: value });
  });

  const showHistory = (history: HistoryView) => {
    const data = chartData(history);
    for (const name of ["outcomes", "octets", "latency", "sessions"] as const) {
      shown[name].show(data[name]);
    }
  };

  return {
    enter({ query }, signal) {
      const span = spans.find((span) => span === query.get("span")) ?? "5m";
      const choice = place("span").querySelector<HTMLInputElement>(`[value="${span}"]`)!;
      choice.checked = true;
      // A step of a day's history is minutes long: asking more often would say nothing new.
      const every = { "5m": 2_000, "1h": 10_000, "1d": 60_000 }[span];
      repeat({ signal, every, failed }, async (signal) => {
        const history = await app.api.get<HistoryView>(`api/history?span=${span}`, signal);
        onFrame("history", () => showHistory(history));
        showFailure(place("overview-failure"));
      });
      repeat({ signal, every: 5_000, failed }, async (signal) => {
        const pages = await Promise.all(
          (["rejected", "deferred"] as const).map((outcome) =>
            app.api.get<TransactionsView>(
              `api/transactions?outcome=${outcome}&limit=${shownRefusals}`,
              signal,
            )
          ),
        );
        const last = pages.flatMap(({ transactions }) => transactions)
          .sort((a, b) => b.number - a.number).slice(0, shownRefusals);
        onFrame("refusals", () => {
          refusals.show(last);
          place("no-refusals").hidden = last.length > 0;
        });
      });
      app.stats.watch((stats) => {
        if (stats === undefined) return;
        onFrame("top", () => {
          top.clients(stats.top.clients);
          top.senderDomains(stats.top.senderDomains);
          top.recipientDomains(stats.top.recipientDomains);
        });
      }, signal);
    },
  };
}
