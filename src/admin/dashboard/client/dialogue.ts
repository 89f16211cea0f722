/**
 * What client and server have said, line by line.
 *
 * @module
 */

import type { DialogueLine } from "../../../stats/views.ts";
import { h } from "./dom.ts";
import { duration, timeOfDay, visible } from "./words.ts";

const speakers = { client: "C", server: "S", note: "" } as const;
const spoken = { client: "Client", server: "Server", note: "Note" } as const;

const refusals: Readonly<Record<string, string>> = { "4": "for-now", "5": "for-good" };

/** One of them. */
export function dialogueLine({ at, from, text, took }: DialogueLine): HTMLLIElement {
  const lines = text.split("\n").map(visible).join("\n");
  const time = new Date(at);
  const refusal = from === "server" ? refusals[text[0]] ?? "" : "";
  return h(
    "li",
    { class: `${from} ${refusal}` },
    h("time", { datetime: time.toISOString(), title: time.toLocaleString() }, timeOfDay(at)),
    h(
      "span",
      { title: spoken[from] },
      h("span", { "aria-hidden": "true" }, speakers[from]),
      h("span", { class: "unseen" }, spoken[from]),
    ),
    h("code", {}, lines),
    took === undefined ? undefined : h("span", { class: "took" }, duration(took)),
  );
}
