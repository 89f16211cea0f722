/**
 * What the address of the page says: `#transactions/ID?outcome=rejected`.
 *
 * @module
 */

/** The views, in the order of the navigation. */
export const views = [
  "overview",
  "transactions",
  "sessions",
  "rules",
  "upstreams",
  "explain",
] as const;

/** One of them. */
export type ViewName = typeof views[number];

/** Where the page is. */
export interface Route {
  readonly view: ViewName;
  /** Of a transaction or a session; `""` for none. */
  readonly id: string;
  /** Filters, or the span of charts. */
  readonly query: URLSearchParams;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Reads `location.hash`; what names no view is the overview. */
export function parseHash(hash: string): Route {
  const [path, query] = splitOnce(hash.replace(/^#/, ""), "?");
  const [name, id] = splitOnce(path, "/");
  const view = views.find((view) => view === name) ?? "overview";
  return { view, id: decoded(id), query: new URLSearchParams(query) };
}

function splitOnce(text: string, at: string): [string, string] {
  const place = text.indexOf(at);
  return place < 0 ? [text, ""] : [text.slice(0, place), text.slice(place + 1)];
}

/** The hash of a place; parameters without a value are left out. */
export function hashOf(
  view: ViewName,
  id = "",
  query: URLSearchParams | Readonly<Record<string, string>> = {},
): string {
  const all = query instanceof URLSearchParams ? query : Object.entries(query);
  const kept = new URLSearchParams();
  for (const [name, value] of all) if (value !== "") kept.append(name, value);
  const path = id === "" ? view : `${view}/${encodeURIComponent(id)}`;
  return kept.size === 0 ? `#${path}` : `#${path}?${kept}`;
}
