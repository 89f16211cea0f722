/**
 * Light or dark: as the system says, until the viewer says otherwise.
 *
 * @module
 */

import { byId, h, write } from "./dom.ts";

const choices = ["auto", "light", "dark"] as const;
const key = "sluice-theme";
const systemDark = matchMedia("(prefers-color-scheme: dark)");
const changed = new Set<() => void>();

function apply(choice: typeof choices[number]): void {
  document.documentElement.dataset.theme = choice;
  const button = byId("theme", HTMLButtonElement);
  write(button, `Theme: ${choice}`);
  for (const tell of changed) tell();
}

/** Makes the button work, and remembers its choice. */
export function startTheme(): void {
  let choice = choices.find((choice) => choice === localStorage.getItem(key)) ?? "auto";
  byId("theme", HTMLButtonElement).addEventListener("click", () => {
    choice = choices[(choices.indexOf(choice) + 1) % choices.length];
    localStorage.setItem(key, choice);
    apply(choice);
  });
  systemDark.addEventListener("change", () => apply(choice));
  apply(choice);
}

/** Calls `tell` whenever colours have changed. */
export function onTheme(tell: () => void): void {
  changed.add(tell);
}

const probe = h("i", { hidden: true });

/** A colour of the style sheet as a canvas understands it: `--ink` as `rgb(…)`. */
export function colour(name: string): string {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}
