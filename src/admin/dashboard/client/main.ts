/**
 * The dashboard's program.
 *
 * @module
 */

import type { StatsView } from "../../../stats/views.ts";
import { Api, baseOf } from "./api.ts";
import { type App, type Connection, showFailure, type View, Watched } from "./app.ts";
import { startBand } from "./band.ts";
import { askForToken } from "./dialogs.ts";
import { place } from "./dom.ts";
import { follow, repeat } from "./live.ts";
import { startOperations } from "./operations.ts";
import { parseHash, type Route, type ViewName, views } from "./route.ts";
import type { AccessView, PolicyView, UpstreamsView } from "../../views.ts";
import { startTheme } from "./theme.ts";
import { explain } from "./views/explain.ts";
import { overview } from "./views/overview.ts";
import { rules } from "./views/rules.ts";
import { sessions } from "./views/sessions.ts";
import { transactions } from "./views/transactions.ts";
import { upstreams } from "./views/upstreams.ts";

const app: App = {
  api: new Api(baseOf(location)),
  access: new Watched<AccessView | undefined>(undefined),
  connection: new Watched<Connection>("connecting"),
  policy: new Watched<PolicyView | undefined>(undefined),
  stats: new Watched<StatsView | undefined>(undefined),
  upstreams: new Watched<UpstreamsView["upstreams"] | undefined>(undefined),
};

startTheme();

const all: Readonly<Record<ViewName, View>> = {
  overview: overview(app),
  transactions: transactions(app),
  sessions: sessions(app),
  rules: rules(app),
  upstreams: upstreams(app),
  explain: explain(app),
};

let shown: { readonly view: ViewName; readonly end: AbortController } | undefined;

function show(route: Route): void {
  const { view } = route;
  if (shown?.view !== view) {
    shown?.end.abort();
    for (const name of views) place(`view-${name}`).hidden = name !== view;
    document.body.dataset.view = view;
    for (const link of place("nav").querySelectorAll("a")) {
      if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    // Only whoever goes from view to view is taken there; at the start focus is the browser's.
    if (shown !== undefined && route.id === "") place(`${view}-title`).focus();
    shown = { view, end: new AbortController() };
  }
  all[view].enter(route, shown.end.signal);
}

/** Follows the numbers, and asks for upstreams beside them. */
function watchNumbers(signal: AbortSignal): void {
  app.connection.value = "connecting";
  follow<StatsView>({
    api: app.api,
    path: "api/stats/stream",
    signal,
    on: (stats) => {
      app.connection.value = "live";
      app.stats.value = stats;
    },
    state: (state) => app.connection.value = state,
    failed: ({ status }) => {
      if (status !== 401) app.connection.value = "reconnecting";
    },
  });
  const failed = (error: unknown) => showFailure(place("upstreams-failure"), error);
  repeat({ signal, every: 5_000, failed }, async (signal) => {
    app.upstreams.value = (await app.api.get<UpstreamsView>("api/upstreams", signal)).upstreams;
    showFailure(place("upstreams-failure"));
  });
}

let running = new AbortController();

/** Begins everything again: at the start, and with another token. */
async function start(): Promise<void> {
  running.abort();
  shown?.end.abort();
  shown = undefined;
  running = new AbortController();
  const { signal } = running;
  try {
    const access = await app.api.get<AccessView>("api/access", signal);
    app.access.value = access;
    if (access.role === null) return needToken();
    app.policy.value = await app.api.get<PolicyView>("api/policy", signal);
  } catch (error) {
    if (signal.aborted) return;
    app.connection.value = "reconnecting";
    showFailure(place("failure"), error);
    setTimeout(start, 5_000);
    return;
  }
  showFailure(place("failure"));
  watchNumbers(signal);
  show(parseHash(location.hash));
}

function needToken(): void {
  running.abort();
  shown?.end.abort();
  app.connection.value = "token needed";
  changeToken(app.api.hasToken ? "The one that was given is not accepted." : "");
}

function changeToken(reason: string): void {
  askForToken((token) => {
    app.api.setToken(token);
    app.connection.value = "connecting";
    start();
  }, reason);
}

app.api.onUnauthorized = needToken;
startBand(app);
startOperations(app, () => changeToken(""));
addEventListener("hashchange", () => {
  if (shown !== undefined && !shown.end.signal.aborted) show(parseHash(location.hash));
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented) return;
  // A field has its own use for it, and so has a dialog.
  if (event.target instanceof HTMLInputElement) return;
  if (document.querySelector("dialog[open]") !== null) return;
  const close = document.querySelector<HTMLAnchorElement>(
    "#view-transactions:not([hidden]) #transaction-close, #view-sessions:not([hidden]) #session-close",
  );
  close?.click();
});
start();
