/**
 * One session: its dialogue as it is spoken, and the button that ends it.
 *
 * @module
 */

import type { DialogueLine, SessionDetail } from "../../../../stats/views.ts";
import { announce, type App, failureText } from "../app.ts";
import { dialogueLine } from "../dialogue.ts";
import { ask } from "../dialogs.ts";
import { h, onFrame } from "../dom.ts";
import { follow } from "../live.ts";
import { hashOf, type Route } from "../route.ts";
import type { DialogueView } from "../../../views.ts";
import { clientOf, moment, visible } from "../words.ts";
import { detailHeading, facts, openDetail } from "./detail.ts";

/** Lines that are kept; the server keeps no more of them either. */
const most = 200;

/** Lines as they come; the last one stays in view for whoever is at the end. */
class Dialogue {
  readonly element = h("ol", { class: "dialogue live", "aria-label": "Dialogue", tabindex: "0" });
  #last = 0;

  add(lines: readonly DialogueLine[]): void {
    const list = this.element;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 30;
    const fresh = lines.filter(({ number }) => number > this.#last);
    this.#last = fresh.at(-1)?.number ?? this.#last;
    list.append(...fresh.map(dialogueLine));
    while (list.childElementCount > most) list.firstElementChild!.remove();
    if (atEnd) list.scrollTop = list.scrollHeight;
  }
}

function disconnect(app: App, session: SessionDetail): void {
  const risk = session.transaction === undefined
    ? ""
    : " Its open mail transaction is lost; the client keeps the message and may try again.";
  ask({
    title: `Disconnect ${clientOf(session)}?`,
    text: `The client is told 421 and the connection is closed.${risk}`,
    action: "Disconnect",
    grave: true,
    doing: "Disconnecting…",
    act: async () => {
      await app.api.send("DELETE", `api/sessions/${encodeURIComponent(session.id)}`);
      return "Disconnected.";
    },
  });
}

function show(app: App, session: SessionDetail, element: HTMLElement, signal: AbortSignal): void {
  const dialogue = new Dialogue();
  const button = h("button", { type: "button", id: "disconnect", class: "grave" }, "Disconnect…");
  const over = h("p", { class: "nothing", hidden: true }, "The session is over.");
  const end = () => {
    over.hidden = false;
    button.hidden = true;
    announce("The session is over");
  };
  button.hidden = app.access.value?.role !== "operator";
  button.addEventListener("click", () => disconnect(app, session));
  element.append(
    facts([
      [
        "Client",
        [session.name, session.client].filter(Boolean).map((text) => visible(text!)).join(" · "),
      ],
      ["EHLO", visible(session.hello)],
      ["TLS", session.tls ?? "in the clear"],
      ["Login", visible(session.login ?? "")],
      ["Since", moment(session.startedAt, Date.now())],
      ["Listener", visible(session.listener)],
      ["Open transaction", session.transaction ?? ""],
    ]),
    h("p", {}, button),
    over,
    h("h4", {}, "Dialogue"),
    dialogue.element,
  );
  dialogue.add(session.dialogue);
  // An event may come more than once a frame, and lines must not be lost for that.
  let waiting: DialogueLine[] = [];
  follow<DialogueView>({
    api: app.api,
    path: `api/sessions/${encodeURIComponent(session.id)}/stream`,
    after: session.dialogue.length > 0 ? String(session.dialogue.at(-1)!.number) : undefined,
    signal,
    on: ({ lines, ended }) => {
      waiting = [...waiting, ...lines].slice(-most);
      onFrame(dialogue, () => dialogue.add(waiting.splice(0)));
      if (ended) end();
    },
    failed: end,
  });
}

/** Opens the one that the route names, or closes what is open. */
export async function openSession(app: App, { id }: Route, viewSignal: AbortSignal): Promise<void> {
  const opened = openDetail("session", id, viewSignal);
  if (opened === undefined) return;
  const { element, signal } = opened;
  const heading = detailHeading("session", `Session ${id}`, hashOf("sessions"));
  element.replaceChildren(heading);
  heading.querySelector("h3")!.focus();
  try {
    const path = `api/sessions/${encodeURIComponent(id)}`;
    show(app, await app.api.get<SessionDetail>(path, signal), element, signal);
  } catch (error) {
    if (!signal.aborted) {
      element.append(h("p", { class: "failure", role: "alert" }, failureText(error)));
    }
  }
}
