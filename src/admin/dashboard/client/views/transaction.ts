/**
 * One mail transaction: what became of it and why, its envelope, its phases in time, its dialogue.
 *
 * @module
 */

import type { PhaseView, RecipientView, TransactionDetail } from "../../../../stats/views.ts";
import { type App, failureText } from "../app.ts";
import { dialogueLine } from "../dialogue.ts";
import { cell, h, row, setPart } from "../dom.ts";
import { hashOf, type Route } from "../route.ts";
import { type Bar, bars } from "../timeline.ts";
import { account, address, duration, moment, octets, visible } from "../words.ts";
import { detailHeading, facts, openDetail } from "./detail.ts";

function table(label: string, kind: string, columns: readonly string[], rows: readonly Node[]) {
  const headings = columns.map((column) => h("th", { scope: "col" }, column));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    h(
      "table",
      { class: kind, "aria-label": label },
      h("thead", {}, h("tr", {}, ...headings)),
      h("tbody", {}, ...rows),
    ),
  );
}

function envelope(detail: TransactionDetail): HTMLElement {
  const { from, to, currentFrom, currentTo, upstream } = detail;
  const path = (text: string) => h("bdi", {}, h("code", {}, address(text)));
  const line = (name: string, original: Node | string, current: Node | string, reply = "") =>
    row(
      h("th", { scope: "row" }, name),
      cell("", original),
      cell("", current),
      cell("soft", visible(reply)),
    );
  const none = "–";
  const current = new Map(currentTo.map(({ address, reply }) => [address, reply]));
  const original = new Set(to.map(({ address }) => address));
  const kept = ({ address: text, reply }: RecipientView) =>
    line("To", path(text), current.has(text) ? path(text) : none, current.get(text) ?? reply);
  const added = ({ address: text, reply }: RecipientView) => line("To", none, path(text), reply);
  const asked = upstream === undefined ? none : path(currentFrom);
  return table("Envelope", "envelope", [
    "",
    "As the client gave it",
    "As the upstream has it",
    "Reply",
  ], [
    line("From", path(from), asked),
    ...to.map(kept),
    ...currentTo.filter(({ address }) => !original.has(address)).map(added),
  ]);
}

function steps({ steps }: PhaseView): HTMLElement | undefined {
  if (steps.length === 0) return;
  return h(
    "ul",
    { class: "steps" },
    ...steps.map(({ check, verdict, took }) =>
      h(
        "li",
        {},
        h("strong", {}, visible(check)),
        ` ${visible(verdict)} `,
        h("span", { class: "soft" }, duration(took)),
      )
    ),
  );
}

/** A line of numbers, and below it what came of them: replies are long. */
function phaseRows(phase: PhaseView, { left, width, before }: Bar): HTMLElement[] {
  const bar = h("i", { class: phase.kind });
  setPart(bar, "left", left);
  setPart(bar, "width", width);
  const began = before ? `${duration(-phase.at)} before` : `+${duration(Math.max(phase.at, 0))}`;
  const result = h("td", { colspan: "4", class: "result" }, visible(phase.result), steps(phase));
  return [
    h(
      "tr",
      { class: "phase" },
      cell(
        "",
        h("span", { class: phase.kind }, phase.kind),
        " ",
        h("strong", {}, visible(phase.name)),
      ),
      cell("track", h("div", { "aria-hidden": "true" }, before ? undefined : bar)),
      cell("number", began),
      cell("number", duration(phase.took)),
    ),
    h("tr", {}, result),
  ];
}

function fill(detail: TransactionDetail): Node[] {
  const { session, phases, dialogue } = detail;
  const places = bars(phases, detail.took);
  return [
    h("p", { class: `account ${detail.outcome}`, id: "transaction-account" }, account(detail)),
    facts([
      [
        "Client",
        [detail.name, detail.client].filter(Boolean).map((text) => visible(text!)).join(" · "),
      ],
      ["EHLO", visible(detail.hello)],
      ["TLS", detail.tls ?? "in the clear"],
      ["Login", visible(detail.login ?? "")],
      ["Began", `${moment(detail.startedAt, Date.now())}, took ${duration(detail.took)}`],
      ["Size", detail.octets === 0 ? "" : octets(detail.octets)],
      ["Listener", visible(detail.listener)],
      ["Upstream", visible(detail.upstream ?? "")],
      ["Session", h("a", { href: hashOf("sessions", session) }, session)],
      ["Id", h("code", {}, detail.id)],
    ]),
    h(
      "p",
      {},
      h("a", { href: hashOf("explain", detail.id) }, "Explain it with the policy of now"),
    ),
    h("h4", {}, "Envelope"),
    envelope(detail),
    h("h4", {}, "Phases"),
    table(
      "Phases",
      "timeline",
      ["Phase", "From MAIL to the end", "Began", "Took"],
      phases.flatMap((phase, place) => phaseRows(phase, places[place])),
    ),
    h("h4", {}, "Dialogue"),
    h("ol", { class: "dialogue", "aria-label": "Dialogue" }, ...dialogue.map(dialogueLine)),
  ];
}

/**
 * Opens the one that the route names, or closes what is open.
 *
 * @param back Where closing it leads to.
 */
export async function openTransaction(
  app: App,
  { id }: Route,
  back: string,
  viewSignal: AbortSignal,
): Promise<void> {
  const opened = openDetail("transaction", id, viewSignal);
  if (opened === undefined) return;
  const { element, signal } = opened;
  const heading = detailHeading("transaction", `Transaction ${id}`, back);
  element.replaceChildren(heading);
  heading.querySelector("h3")!.focus();
  try {
    const detail = await app.api.get<TransactionDetail>(
      `api/transactions/${encodeURIComponent(id)}`,
      signal,
    );
    element.append(...fill(detail));
  } catch (error) {
    if (!signal.aborted) {
      element.append(h("p", { class: "failure", role: "alert" }, failureText(error)));
    }
  }
}
