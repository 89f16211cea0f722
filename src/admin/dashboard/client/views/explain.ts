/**
 * A dry run: what the policy would do with a message.
 *
 * @module
 */

import type { TransactionDetail } from "../../../../stats/views.ts";
import { type App, showFailure, type View } from "../app.ts";
import { byId, h, place, write } from "../dom.ts";
import { typedAddresses, typedMessage, withoutBrackets } from "../message.ts";
import type { ExplainRequest, ExplanationView } from "../../../views.ts";
import { address, duration, visible } from "../words.ts";

type Field =
  | ("client" | "name" | "hello" | "tls" | "login" | "listener")
  | ("from" | "to" | "size" | "message");

function input(form: HTMLFormElement, name: Field): HTMLInputElement {
  return form.elements.namedItem(name) as HTMLInputElement;
}

function requestOf(form: HTMLFormElement): ExplainRequest {
  const text = (name: Field) => input(form, name).value.trim();
  const tls = text("tls");
  return {
    client: text("client"),
    name: text("name") || undefined,
    hello: text("hello") || undefined,
    tls: tls === "1.2" || tls === "1.3" ? tls : undefined,
    login: text("login") || undefined,
    listener: text("listener") || undefined,
    from: withoutBrackets(text("from")),
    to: typedAddresses(text("to")),
    size: text("size") === "" ? undefined : Number(text("size")),
    message: typedMessage(input(form, "message").value),
  };
}

function phaseItem(phase: ExplanationView["phases"][number]): HTMLElement {
  const said = phase.steps.map(({ check, verdict, took }) =>
    h(
      "li",
      {},
      h("strong", {}, visible(check)),
      ` ${visible(verdict)} `,
      h("span", { class: "soft" }, duration(took)),
    )
  );
  return h(
    "li",
    { class: phase.reply === undefined ? "" : "refusing" },
    h(
      "p",
      {},
      h("strong", { class: "phase" }, phase.phase),
      " ",
      h("bdi", {}, h("code", {}, visible(phase.about))),
      " ",
      h("span", { class: "result" }, visible(phase.result)),
    ),
    phase.reply === undefined ? undefined : h("p", { class: "said" }, visible(phase.reply)),
    said.length === 0 ? undefined : h("ul", { class: "steps" }, ...said),
    ...phase.failures.map((failure) => h("p", { class: "failure" }, visible(failure))),
  );
}

type Outcome = ExplanationView["outcome"];

const endings: Readonly<Record<Outcome, string>> = {
  accepted: "It would be passed on",
  discarded: "It would be accepted, and come to nothing",
  quarantined: "It would be accepted, and kept aside",
  refused: "It would be refused",
};

/** Colours are those of transactions. */
const kinds: Readonly<Record<Outcome, string>> = {
  accepted: "accepted",
  discarded: "discarded",
  quarantined: "quarantined",
  refused: "rejected",
};

function answer({ outcome, phases, envelope, upstream }: ExplanationView): Node[] {
  const last = phases.findLast(({ reply }) => reply !== undefined);
  const why = outcome === "refused" && last?.reply !== undefined ? `: ${visible(last.reply)}` : "";
  const where = outcome === "accepted" && upstream !== undefined
    ? ` to upstream “${visible(upstream)}”`
    : "";
  const path = (text: string) => h("bdi", {}, h("code", {}, address(text)));
  const to = h("ul", {}, ...envelope.to.map((text) => h("li", {}, path(text))));
  return [
    h("p", { class: `account ${kinds[outcome]}` }, `${endings[outcome]}${where}${why}`),
    h("h3", {}, "Phases"),
    h("ol", { class: "phases" }, ...phases.map(phaseItem)),
    ...(outcome === "accepted"
      ? [h("h3", {}, "Envelope"), h("p", {}, "From ", path(envelope.from)), h("p", {}, "To"), to]
      : []),
  ];
}

/** The view `explain`. */
export function explain(app: App): View {
  const form = byId("explain-form", HTMLFormElement);
  const result = place("explanation");
  form.addEventListener("reset", () => result.replaceChildren());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    showFailure(place("explain-failure"));
    try {
      const body = requestOf(form);
      result.replaceChildren(
        ...answer(await app.api.send<ExplanationView>("POST", "api/policy/explain", body)),
      );
      result.querySelector(".account")!.scrollIntoView({ block: "nearest" });
    } catch (error) {
      result.replaceChildren();
      showFailure(place("explain-failure"), error);
    }
  });

  const describe = (transaction: TransactionDetail) => {
    const values: Readonly<Record<Field, string>> = {
      client: transaction.client,
      name: transaction.name ?? "",
      hello: transaction.hello,
      tls: transaction.tls?.replace("TLSv", "") ?? "",
      login: transaction.login ?? "",
      listener: transaction.listener,
      from: transaction.from,
      to: transaction.to.map(({ address }) => address).join("\n"),
      size: transaction.octets === 0 ? "" : String(transaction.octets),
      message: "",
    };
    for (const [name, value] of Object.entries(values)) input(form, name as Field).value = value;
  };

  const showAllowed = () => {
    const operator = app.access.value?.role === "operator";
    const allowed = operator && app.policy.value?.explainable === true;
    place("explain-off").hidden = allowed;
    write(
      place("explain-off"),
      operator ? "The policy that runs here cannot explain itself." : "Only operators may ask.",
    );
    byId("explain-submit", HTMLButtonElement).disabled = !allowed;
  };
  app.access.watch(showAllowed);
  app.policy.watch(showAllowed);

  return {
    async enter({ id }, signal) {
      if (id === "") return;
      try {
        const path = `api/transactions/${encodeURIComponent(id)}`;
        describe(await app.api.get<TransactionDetail>(path, signal));
        if (!byId("explain-submit", HTMLButtonElement).disabled) form.requestSubmit();
      } catch (error) {
        if (!signal.aborted) showFailure(place("explain-failure"), error);
      }
    },
  };
}
