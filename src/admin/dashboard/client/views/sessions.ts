/**
 * The sessions that are open.
 *
 * @module
 */

import type { SessionView } from "../../../../stats/views.ts";
import { type App, showFailure, type View } from "../app.ts";
import { cell, h, Keyed, onFrame, place, row, write } from "../dom.ts";
import { repeat } from "../live.ts";
import { hashOf } from "../route.ts";
import type { SessionsView } from "../../../views.ts";
import { clientOf, count, duration, visible } from "../words.ts";
import { openSession } from "./session.ts";
import { moveBetweenRows } from "./transactions.ts";

const most = 100;

/** To whole seconds, so that ages that are younger than that do not flicker. */
function age(milliseconds: number): string {
  return duration(Math.max(0, Math.floor(milliseconds / 1000)) * 1000).replace(/^0 ms$/, "0 s");
}

function make(session: SessionView): HTMLTableRowElement {
  const link = h("a", { href: hashOf("sessions", session.id) }, h("bdi", {}, clientOf(session)));
  return row(
    cell("path", link),
    cell("client"),
    cell("outcome"),
    cell("number"),
    cell("number"),
    cell("rule"),
    cell("reply"),
    cell("number"),
  );
}

function update(element: HTMLTableRowElement, session: SessionView): void {
  const [path, hello, doingNow, old, idle, tls, login, mail] = element.cells;
  const now = Date.now();
  write(path.querySelector("bdi")!, clientOf(session));
  write(hello, visible(session.hello));
  write(doingNow, session.doing || "greeted");
  write(old, age(now - session.startedAt));
  write(idle, age(now - session.activeAt));
  write(tls, session.tls ?? "");
  write(login, visible(session.login ?? ""));
  write(mail, count(session.transactions));
}

/** The view `sessions`. */
export function sessions(app: App): View {
  const rows = new Keyed<SessionView, HTMLTableRowElement>(
    place("sessions"),
    ({ id }) => id,
    make,
    update,
  );
  place("sessions").addEventListener("keydown", moveBetweenRows);
  let entered: AbortSignal | undefined;

  const show = ({ sessions, total }: SessionsView) => {
    rows.show(sessions);
    place("no-sessions").hidden = total > 0;
    const all = `${count(total)} open`;
    write(
      place("sessions-state"),
      total > sessions.length ? `${all}, ${count(sessions.length)} of them shown` : all,
    );
  };

  return {
    enter(route, signal) {
      if (entered !== signal) {
        const failed = (error: unknown) => showFailure(place("sessions-failure"), error);
        repeat({ signal, every: 2_000, failed }, async (signal) => {
          const page = await app.api.get<SessionsView>(`api/sessions?limit=${most}`, signal);
          showFailure(place("sessions-failure"));
          onFrame("sessions", () => show(page));
        });
      }
      entered = signal;
      openSession(app, route, signal);
    },
  };
}
