/**
 * What the admin answers that no statistics are. With `stats/views.ts`, all shapes of the API.
 *
 * @module
 */

import type {
  DialogueLine,
  RuleView,
  SessionView,
  StepView,
  TransactionView,
  UpstreamView,
} from "../stats/views.ts";

/** `GET api/access`: what this viewer may do. */
export interface AccessView {
  /** Null without a token where one is asked for. */
  readonly role: "reader" | "operator" | null;
  /** Tokens are asked for. */
  readonly tokens: boolean;
}

/** `GET healthz`. */
export interface HealthView {
  /** It answers, so it is. */
  readonly alive: true;
}

/** `GET readyz`; 503 where not ready. */
export interface ReadinessView {
  /** All of the following are good. */
  readonly ready: boolean;
  /** Whether each is good, and in words what was found. */
  readonly checks: Readonly<
    Record<
      "listening" | "accepting" | "upstream",
      { readonly good: boolean; readonly found: string }
    >
  >;
}

/** `GET api/sessions`: the newest first. */
export interface SessionsView {
  /** As many as were asked for. */
  readonly sessions: readonly SessionView[];
  /** How many are open. */
  readonly total: number;
}

/** Event `dialogue` of `GET api/sessions/{id}/stream`. */
export interface DialogueView {
  /** What has been said since. */
  readonly lines: readonly DialogueLine[];
  /** The session is over, and so is the stream. */
  readonly ended: boolean;
}

/** `GET api/transactions`: the newest first. */
export interface TransactionsView {
  /** As many as were asked for. */
  readonly transactions: readonly TransactionView[];
  /** For the query `before`, to get those that come next; absent where there are no more. */
  readonly next?: number;
}

/** Event `transactions` of `GET api/transactions/stream`: the newest first. */
export interface TransactionBatchView {
  /** Those that have ended since the last event. */
  readonly transactions: readonly TransactionView[];
  /** How many more there were. */
  readonly skipped: number;
}

/** `GET api/policy`. */
export interface PolicyView {
  /** In the order in which they are asked. */
  readonly rules: readonly RuleView[];
  /** `POST api/policy/explain` has an answer. */
  readonly explainable: boolean;
  /** `POST api/reload` has an effect. */
  readonly reloadable: boolean;
}

/** `POST api/policy/explain`: what the policy would do, phase by phase. */
export interface ExplanationView {
  /** What would become of it. */
  readonly outcome: "accepted" | "discarded" | "quarantined" | "refused";
  /** In the order in which they are asked. */
  readonly phases: readonly {
    readonly phase: string;
    /** What it was about: an address, a name. */
    readonly about: string;
    /** What came of it, in words. */
    readonly result: string;
    /** The refusal that the client would be told. */
    readonly reply?: string;
    readonly steps: readonly StepView[];
    /** Checks that have failed, in words. */
    readonly failures: readonly string[];
  }[];
  /** As the upstream would get it; addresses without brackets. */
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
  /** Name of the upstream. */
  readonly upstream?: string;
}

/** `GET api/upstreams`. */
export interface UpstreamsView {
  /** By name. */
  readonly upstreams: readonly UpstreamView[];
}

/** `POST api/drain`, when it is done. */
export interface DrainView {
  /** No session is left. */
  readonly drained: true;
  /** Milliseconds. */
  readonly took: number;
}

/** A message that might come, in the words of `POST api/policy/explain`. */
export interface ExplainRequest {
  /** IP address of the client. */
  readonly client: string;
  /** Host name of the client. */
  readonly name?: string;
  /** Name in EHLO. */
  readonly hello?: string;
  /** Version of TLS; absent in the clear. */
  readonly tls?: "1.2" | "1.3";
  /** Who has logged in; absent for nobody. */
  readonly login?: string;
  /** Name of the listener. */
  readonly listener?: string;
  /** The sender, with brackets or without; `<>` or `""` for the null reverse-path. */
  readonly from: string;
  /** Forward-paths, with brackets or without. */
  readonly to: readonly string[];
  /** Octets, as MAIL declares them. */
  readonly size?: number;
  /** Header and body. Without it the envelope alone is judged. */
  readonly message?: string;
}
