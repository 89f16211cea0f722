/**
 * What an operator can do to the whole: reload and drain.
 *
 * @module
 */

import type { App } from "./app.ts";
import { ask } from "./dialogs.ts";
import { byId } from "./dom.ts";
import type { DrainView } from "../../views.ts";
import { count, duration } from "./words.ts";

/** Makes the buttons work, for those who may use them. */
export function startOperations(app: App, changeToken: () => void): void {
  const reload = byId("reload", HTMLButtonElement);
  const drain = byId("drain", HTMLButtonElement);
  const token = byId("change-token", HTMLButtonElement);
  reload.addEventListener("click", () =>
    ask({
      title: "Reload the configuration?",
      text: "All of it is taken over or, if anything is wrong, nothing. " +
        "Sessions that have begun keep what they began with.",
      action: "Reload",
      doing: "Reloading…",
      act: async () => {
        await app.api.send("POST", "api/reload");
        return "Reloaded. New sessions have the new configuration.";
      },
    }));
  drain.addEventListener("click", () =>
    ask({
      title: "Drain?",
      text: `No new sessions are taken, and transactions of the ${
        count(app.stats.value?.sessions.open ?? 0)
      } open ones have 30 seconds to end. This cannot be taken back from here.`,
      action: "Drain",
      grave: true,
      doing: "Draining… You may close this; it goes on.",
      act: async () => {
        const { took } = await app.api.send<DrainView>("POST", "api/drain");
        return `Drained in ${duration(took)}. Nobody is connected any more.`;
      },
    }));
  token.addEventListener("click", changeToken);
  const show = () => {
    const operator = app.access.value?.role === "operator";
    reload.hidden = !operator || app.policy.value?.reloadable !== true;
    drain.hidden = !operator;
    token.hidden = app.access.value?.tokens !== true;
  };
  app.access.watch(show);
  app.policy.watch(show);
  app.stats.watch((stats) => drain.disabled = stats?.draining === true);
}
