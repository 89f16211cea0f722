/**
 * The rules by what they do and what they cost.
 *
 * @module
 */

import type { RuleView } from "../../../../stats/views.ts";
import { type App, showFailure, type View } from "../app.ts";
import { cell, h, Keyed, onFrame, place, row, setPart, write } from "../dom.ts";
import { repeat } from "../live.ts";
import { hashOf } from "../route.ts";
import type { PolicyView } from "../../../views.ts";
import { count, duration, durationOf, percent, visible } from "../words.ts";

type Order = "name" | "asked" | "hits" | "spent";
const shown = 100;

function make({ name, phases }: RuleView): HTMLTableRowElement {
  const href = hashOf("transactions", "", { rule: name });
  const number = () => cell("number");
  return row(
    cell("name", h("a", { href }, visible(name))),
    cell("soft", phases.join(" ")),
    number(),
    number(),
    number(),
    cell("number share", h("i", { "aria-hidden": "true" }), h("span")),
    number(),
  );
}

function update(element: HTMLTableRowElement, rule: RuleView & { share: number }): void {
  const [, , asked, hits, part, spent, each] = element.cells;
  const none = rule.asked === 0;
  write(asked, count(rule.asked));
  write(hits, count(rule.hits));
  write(part, none ? "–" : percent(rule.hits / rule.asked));
  const [bar, text] = spent.children as unknown as HTMLElement[];
  setPart(bar, "width", rule.share);
  write(text, duration(rule.spent));
  write(each, durationOf(rule.asked, rule.spent / rule.asked));
}

/** The view `rules`. */
export function rules(app: App): View {
  const rows = new Keyed<RuleView & { share: number }, HTMLTableRowElement>(
    place("rules"),
    ({ name }) => name,
    make,
    update,
  );
  const buttons = document.querySelectorAll<HTMLButtonElement>("#view-rules .sort");
  let order: Order = "hits";
  const show = () => {
    const all = app.policy.value?.rules ?? [];
    const most = Math.max(...all.map(({ spent }) => spent), Number.MIN_VALUE);
    const sorted = all.toSorted((a, b) =>
      order === "name" ? a.name.localeCompare(b.name) : b[order] - a[order]
    );
    rows.show(sorted.slice(0, shown).map((rule) => ({ ...rule, share: rule.spent / most })));
    place("no-rules").hidden = all.length > 0;
    for (const button of buttons) {
      const direction = order === "name" ? "ascending" : "descending";
      const by = button.dataset.sort === order;
      button.closest("th")!.setAttribute("aria-sort", by ? direction : "none");
    }
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      order = button.dataset.sort as Order;
      onFrame("rules", show);
    });
  }

  return {
    enter(_, signal) {
      const failed = (error: unknown) => showFailure(place("rules-failure"), error);
      repeat({ signal, every: 3_000, failed }, async (signal) => {
        app.policy.value = await app.api.get<PolicyView>("api/policy", signal);
        showFailure(place("rules-failure"));
        onFrame("rules", show);
      });
    },
  };
}
