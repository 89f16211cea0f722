/**
 * What is beside a list when one of its rows is open.
 *
 * @module
 */

import { h, place } from "../dom.ts";
import type { ViewName } from "../route.ts";

/** Such a part of the page. */
export interface Detail {
  readonly element: HTMLElement;
  /** What it shows is still wanted. */
  readonly signal: AbortSignal;
}

const open = new Map<string, { readonly key: string; readonly end: AbortController }>();

/**
 * Opens, changes or closes the part beside a list; focus goes to its heading, and back to its row.
 *
 * @param id Of its element.
 * @param key What is open; `""` for nothing.
 * @param viewSignal Ends it with its view.
 * @returns What is to be filled; `undefined` where nothing is open, or the same still is.
 */
export function openDetail(
  id: "transaction" | "session",
  key: string,
  viewSignal: AbortSignal,
): Detail | undefined {
  const element = place(id);
  const before = open.get(id);
  if (before?.key === key && !before.end.signal.aborted) return;
  before?.end.abort();
  open.delete(id);
  const view: ViewName = `${id}s`;
  element.hidden = key === "";
  element.replaceChildren();
  place(`view-${view}`).classList.toggle("opened", key !== "");
  for (const row of document.querySelectorAll(`#${view} [aria-current]`)) {
    row.removeAttribute("aria-current");
  }
  if (key === "") {
    if (before !== undefined) rowOf(view, before.key)?.focus();
    return;
  }
  rowOf(view, key)?.setAttribute("aria-current", "true");
  const end = new AbortController();
  viewSignal.addEventListener("abort", () => end.abort(), { signal: end.signal });
  open.set(id, { key, end });
  return { element, signal: end.signal };
}

function rowOf(view: ViewName, key: string): HTMLElement | null {
  const path = `#${view}/${encodeURIComponent(key)}`;
  const links = document.querySelectorAll<HTMLAnchorElement>(`#${view} a`);
  return [...links].find(({ hash }) => hash === path || hash.startsWith(`${path}?`)) ?? null;
}

/** Its heading, with the link that closes it. */
export function detailHeading(id: string, title: string, back: string): HTMLElement {
  const heading = h("h3", { id: `${id}-title`, tabindex: "-1" }, title);
  const close = h("a", { id: `${id}-close`, class: "button", href: back }, "Close");
  return h("header", {}, heading, close);
}

/** Names and values; what has no value is left out. */
export function facts(
  list: readonly (readonly [name: string, value: Node | string])[],
): HTMLElement {
  const rows = list.filter(([, value]) => value !== "").map(([name, value]) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value))
  );
  return h("dl", { class: "facts" }, ...rows);
}
