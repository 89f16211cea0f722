/**
 * The upstreams and how they do.
 *
 * @module
 */

import type { LatencyView, UpstreamView } from "../../../../stats/views.ts";
import type { App, View } from "../app.ts";
import { h, Keyed, onFrame, place, write } from "../dom.ts";
import { count, duration, moment, visible } from "../words.ts";

const facts = {
  open: "Open connections",
  connected: "Connections so far",
  failed: "Could not be had",
  connecting: "Connecting",
  answering: "Answering a message",
} as const;

function latency({ p50, p99, count: times }: LatencyView): string {
  if (times === 0) return "not asked in the last minute";
  return `p50 ${duration(p50)}, p99 ${duration(p99)} of ${count(times)}`;
}

function make({ name, url }: UpstreamView): HTMLElement {
  const rows = Object.entries(facts).map(([key, label]) =>
    h("div", {}, h("dt", {}, label), h("dd", { "data-fact": key }))
  );
  return h(
    "section",
    { class: "panel upstream" },
    h("h3", {}, visible(name), " ", h("span", { class: "health" })),
    h("p", { class: "soft" }, h("code", {}, visible(url))),
    h("p", { class: "last-error" }),
    h("dl", { class: "facts" }, ...rows),
    h("details", {}, h("summary", {}, "Offers"), h("ul", { class: "offers" })),
  );
}

function update(element: HTMLElement, upstream: UpstreamView): void {
  const { health, offers, lastError } = upstream;
  const part = (selector: string) => element.querySelector<HTMLElement>(selector)!;
  element.dataset.health = health;
  write(part(".health"), health);
  write(
    part(".last-error"),
    lastError === undefined
      ? ""
      : `Last failure ${moment(lastError.at, Date.now())}: ${visible(lastError.text)}`,
  );
  const said: Readonly<Record<keyof typeof facts, string>> = {
    open: count(upstream.connections),
    connected: count(upstream.connected),
    failed: count(upstream.failed),
    connecting: latency(upstream.connecting),
    answering: latency(upstream.answering),
  };
  for (const [key, text] of Object.entries(said)) write(part(`[data-fact=${key}]`), text);
  const list = part(".offers");
  const lines = offers ?? ["Unknown: nobody has asked it yet."];
  if (list.childElementCount !== lines.length || list.textContent !== lines.map(visible).join("")) {
    list.replaceChildren(...lines.map((line) => h("li", {}, visible(line))));
  }
}

/** The view `upstreams`. */
export function upstreams(app: App): View {
  const panels = new Keyed<UpstreamView, HTMLElement>(
    place("upstreams"),
    ({ name }) => name,
    make,
    update,
  );
  return {
    enter(_, signal) {
      app.upstreams.watch((list) => {
        if (list === undefined) return;
        onFrame("upstreams", () => {
          panels.show(list);
          place("no-upstreams").hidden = list.length > 0;
        });
      }, signal);
    },
  };
}
