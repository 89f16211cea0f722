/**
 * The last mail transactions: searched by the server, live until somebody looks closer.
 *
 * @module
 */

import type { TransactionView } from "../../../../stats/views.ts";
import { announce, type App, showFailure, type View } from "../app.ts";
import { byId, cell, h, Keyed, onFrame, place, row, settled, write } from "../dom.ts";
import { follow } from "../live.ts";
import { hashOf, type Route } from "../route.ts";
import type { TransactionBatchView, TransactionsView } from "../../../views.ts";
import { address, clientOf, count, octets, recipients, timeOfDay, visible } from "../words.ts";
import { openTransaction } from "./transaction.ts";

const filters = ["address", "client", "outcome", "rule", "reply"] as const;
const most = 100;
const canHover = matchMedia("(hover: hover)");

function make(transaction: TransactionView): HTMLTableRowElement {
  const { outcome, from, to, startedAt, reply, rule } = transaction;
  const path = h(
    "a",
    {},
    h("bdi", {}, address(from)),
    " → ",
    h("bdi", {}, recipients(to)),
  );
  return row(
    cell("time", h("time", { datetime: new Date(startedAt).toISOString() }, timeOfDay(startedAt))),
    cell("outcome", h("span", { class: `tag ${outcome}` }, outcome)),
    cell("path", path),
    cell("client", clientOf(transaction)),
    cell("number", transaction.octets === 0 ? "" : octets(transaction.octets)),
    cell("reply", visible(reply ?? "")),
    cell("rule", visible(rule ?? "")),
  );
}

/** Rows and where they come from. */
class List {
  readonly #app: App;
  readonly #rows: Keyed<TransactionView, HTMLTableRowElement>;
  readonly #body = place("transactions");
  /** The newest first. */
  #shown: readonly TransactionView[] = [];
  /** What came while somebody looked at a row: none of them moves under the pointer or the focus. */
  #held: readonly TransactionView[] = [];
  #skipped = 0;
  #next: number | undefined;
  #query = new URLSearchParams();
  #signal: AbortSignal = AbortSignal.abort();
  #stream = new AbortController();

  constructor(app: App) {
    this.#app = app;
    // A row that stays when the filters change leads to its transaction beside the new ones.
    const update = (row: HTMLTableRowElement, { id }: TransactionView) => {
      const link = row.querySelector("a")!;
      const href = hashOf("transactions", id, this.#query);
      if (link.getAttribute("href") !== href) link.setAttribute("href", href);
    };
    this.#rows = new Keyed(this.#body, ({ id }) => id, make, update);
    for (const end of ["pointerleave", "focusout"]) {
      this.#body.addEventListener(end, () => onFrame(this, () => this.#show()));
    }
    this.#body.addEventListener("keydown", moveBetweenRows);
    place("tail").addEventListener("click", () => this.#setLive(!this.#live));
    place("older").addEventListener("click", () => this.#load(this.#next));
  }

  get #live(): boolean {
    return place("tail").getAttribute("aria-pressed") === "true";
  }

  /** Whether somebody is on the rows, or has one of them open. */
  get #busy(): boolean {
    // A finger leaves its hover behind.
    return canHover.matches && this.#body.matches(":hover") ||
      this.#body.contains(document.activeElement) ||
      !place("transaction").hidden;
  }

  /** Shows none, before the first of a new visit. */
  clear(): void {
    this.#shown = [];
    this.#held = [];
    this.#rows.show([]);
  }

  /** Begins again, with these filters. */
  start(query: URLSearchParams, signal: AbortSignal): void {
    this.#query = query;
    this.#signal = signal;
    this.#setLive(true);
  }

  #setLive(live: boolean): void {
    place("tail").setAttribute("aria-pressed", String(live));
    this.#stream.abort();
    if (live) this.#load();
    else this.#showState();
  }

  /** Shows a page, and goes on from the first one live. */
  async #load(before?: number): Promise<void> {
    this.#stream.abort();
    const stream = this.#stream = new AbortController();
    const signal = AbortSignal.any([stream.signal, this.#signal]);
    const query = new URLSearchParams([...this.#query, ["limit", String(most)]]);
    if (before !== undefined) {
      query.set("before", String(before));
      place("tail").setAttribute("aria-pressed", "false");
    }
    try {
      const page = await this.#app.api.get<TransactionsView>(`api/transactions?${query}`, signal);
      this.#shown = page.transactions;
      this.#held = [];
      this.#skipped = 0;
      this.#next = page.next;
      onFrame(this, () => this.#show());
      showFailure(place("transactions-failure"));
      if (this.#query.size > 0) announce(`${count(page.transactions.length)} transactions found`);
      if (before === undefined && this.#live) this.#follow(signal);
    } catch (error) {
      if (!signal.aborted) showFailure(place("transactions-failure"), error);
    }
  }

  #follow(signal: AbortSignal): void {
    follow<TransactionBatchView>({
      api: this.#app.api,
      path: `api/transactions/stream?${this.#query}`,
      // Behind an empty list everything is new: something may have come since it was asked for.
      after: String(this.#shown[0]?.number ?? 0),
      signal,
      on: ({ transactions, skipped }) => {
        this.#held = [...transactions, ...this.#held].slice(0, most);
        this.#skipped += skipped;
        onFrame(this, () => this.#show());
      },
      failed: (error) => showFailure(place("transactions-failure"), error),
    });
  }

  #show(): void {
    if (!this.#busy) {
      const known = new Set(this.#held.map(({ id }) => id));
      const before = this.#shown.filter(({ id }) => !known.has(id));
      this.#shown = [...this.#held, ...before].slice(0, most);
      // The oldest that is shown is where the next page begins.
      if (this.#held.length > 0 && this.#shown.length === most) {
        this.#next = this.#shown[most - 1].number;
      }
      this.#held = [];
    }
    this.#rows.show(this.#shown);
    this.#showState();
  }

  #showState(): void {
    const said = [];
    if (!this.#live) said.push("Paused");
    if (this.#held.length > 0) {
      said.push(`${count(this.#held.length)} new wait while you look`);
    }
    if (this.#skipped > 0) said.push(`${count(this.#skipped)} more went by unshown`);
    write(place("tail-state"), said.join(" · "));
    byId("older", HTMLButtonElement).disabled = this.#next === undefined;
    place("no-transactions").hidden = this.#shown.length > 0;
  }
}

/** Up and down go from row to row. */
export function moveBetweenRows(event: KeyboardEvent): void {
  const steps = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" } as const;
  const step = steps[event.key as keyof typeof steps];
  const next = step && (event.target as Element).closest("tr")?.[step]?.querySelector("a");
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** The view `transactions`. */
export function transactions(app: App): View {
  const list = new List(app);
  const form = byId("filters", HTMLFormElement);
  let filtered: string | undefined;
  let entered: AbortSignal | undefined;

  const field = (name: string) =>
    form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
  const typed = () => {
    const query = new URLSearchParams();
    for (const name of filters) {
      const value = field(name).value.trim();
      if (value !== "") query.set(name, value);
    }
    return query;
  };
  const go = () => location.replace(hashOf("transactions", "", typed()));
  form.addEventListener("input", settled(250, go));
  form.addEventListener("reset", () => setTimeout(go));
  form.addEventListener("submit", (event) => (event.preventDefault(), go()));

  const showFilters = ({ query }: Route) => {
    for (const name of filters) {
      const value = query.get(name) ?? "";
      // What is being typed is not taken away: its blanks at the end, for one.
      if (field(name).value.trim() !== value) field(name).value = value;
    }
  };

  return {
    enter(route, signal) {
      showFilters(route);
      const query = typed();
      if (entered !== signal) list.clear();
      // Opening one of the rows leaves them as they are.
      if (filtered !== query.toString() || entered !== signal) list.start(query, signal);
      filtered = query.toString();
      entered = signal;
      openTransaction(app, route, hashOf("transactions", "", query), signal);
    },
  };
}
