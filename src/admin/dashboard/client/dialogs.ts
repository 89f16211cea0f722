/**
 * Questions before something happens, and the request for a token.
 *
 * @module
 */

import { failureText } from "./app.ts";
import { ApiFailure } from "./api.ts";
import { byId, h, place, write } from "./dom.ts";

/** Something that is asked about first. */
export interface Question {
  readonly title: string;
  /** What it does. */
  readonly text: string;
  /** The button that does it. */
  readonly action: string;
  /** It cannot be taken back. */
  readonly grave?: true;
  /** Said while it lasts. */
  readonly doing: string;
  /** Does it, and says what came of it. */
  readonly act: () => Promise<string>;
}

/**
 * Asks, does it, and stays to say what came of it. Escape and the focus belong to the dialog; where
 * it opens, the focus is on the button that does nothing.
 */
export function ask(question: Question): void {
  const dialog = byId("question", HTMLDialogElement);
  const act = byId("question-act", HTMLButtonElement);
  const close = byId("question-close", HTMLButtonElement);
  const result = place("question-result");
  const mistakes = place("question-mistakes");
  write(place("question-title"), question.title);
  write(place("question-text"), question.text);
  write(act, question.action);
  write(close, "Cancel");
  write(result, "");
  mistakes.replaceChildren();
  act.hidden = false;
  act.disabled = false;
  act.classList.toggle("grave", question.grave === true);
  act.onclick = async () => {
    act.disabled = true;
    write(result, question.doing);
    write(close, "Close");
    close.focus();
    try {
      write(result, await question.act());
    } catch (error) {
      write(result, failureText(error));
      const found = error instanceof ApiFailure ? error.mistakes : [];
      mistakes.replaceChildren(...found.map((mistake) => h("li", {}, mistake)));
    }
    act.hidden = true;
  };
  close.onclick = () => dialog.close();
  dialog.showModal();
  close.focus();
}

/**
 * Asks for a token; one that is wrong leads to the next request for one.
 *
 * @param reason Why, in words; `""` where it is plain.
 */
export function askForToken(given: (token: string) => void, reason: string): void {
  const dialog = byId("token", HTMLDialogElement);
  const input = byId("token-input", HTMLInputElement);
  write(place("token-reason"), reason);
  byId("token-form", HTMLFormElement).onsubmit = () => {
    const token = input.value.trim();
    input.value = "";
    if (token !== "") given(token);
  };
  byId("token-cancel", HTMLButtonElement).onclick = () => dialog.close();
  if (!dialog.open) dialog.showModal();
  input.focus();
}
