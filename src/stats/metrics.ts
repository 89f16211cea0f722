/**
 * What is counted, under which names. No label has values that a stranger could make up: verbs, codes
 * and our own reply names come from tables, rules and upstreams from the configuration.
 *
 * @module
 */

import { phases } from "../session/phases.ts";
import type {
  Answered,
  Observer,
  TransactionEnd,
  UpstreamAnswered,
  UpstreamOpened,
} from "../session/observer.ts";
import { CheckError } from "../policy/asking.ts";
import type { Phase, PhaseFacts, Ruling } from "../session/phases.ts";
import type { SessionEnd } from "../session/observer.ts";
import type { SessionFacts, TransactionFacts } from "../session/facts.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { ReplyName } from "../session/replies.ts";
import type { ParsedLine } from "../stages/command_parser.ts";
import { version } from "../version.ts";
import { AnswerMeters } from "./answer_meters.ts";
import { type Counter, type Gauge, type LabelledOptions, Meters } from "./meters.ts";
import { type Outcome, outcomes } from "./views.ts";
import { outcomeOf } from "./transaction_record.ts";
import { isCalledOff } from "./upstream_log.ts";

/** Octets of a message, from an empty one to the largest that anybody takes. */
const SIZES = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

const MILLISECONDS = 1000;

/** What of our own replies is an attempt to smuggle a message or a command past somebody. */
const SMUGGLING: ReadonlySet<ReplyName> = new Set([
  "bareNewlineInCommand",
  "bareNewlineInData",
  "nulBeforeDot",
  "dataSynchronization",
]);

/** What is done by way of an admin, or attempted. */
export type AdminAction = "disconnect" | "reload" | "drain" | "wrong-token";

const adminActions: readonly AdminAction[] = ["disconnect", "reload", "drain", "wrong-token"];

/** The counter of those. */
export const DEEDS: LabelledOptions<readonly [action: string]> = {
  name: "sluice_admin_deeds_total",
  help: "What operators have done by way of the admin, and wrong tokens.",
  labels: ["action"],
};

/** See the module. */
export class Metrics implements Observer {
  readonly meters = new Meters();
  /** Sessions that are open. */
  readonly sessions: Gauge;
  /** Connections to upstreams that are open, by name. */
  readonly upstreamConnections;
  /** Connections that are kept, by name and state, and sessions that wait for one. */
  readonly pool;
  readonly poolWaiting;
  /** Who watches the admin. */
  readonly viewers: Gauge;
  readonly viewersDropped;
  readonly adminDeeds;
  readonly ruleHits;
  readonly ruleSeconds;
  readonly #sessionsEnded;
  readonly #commands;
  readonly #replies;
  readonly #ownReplies;
  readonly #commandSeconds;
  readonly #transactions: Readonly<Record<Outcome, Counter>>;
  readonly #recipients;
  readonly #messageOctets;
  readonly #messageSizes;
  readonly #policySeconds;
  readonly #policyFailures;
  readonly #differences;
  readonly #connects;
  readonly #connectSeconds;
  readonly #upstreamSeconds;
  readonly #upstreamReplies;
  readonly #tls;
  readonly #lookups;
  readonly #lookupSeconds;
  readonly #dropped;
  readonly #smuggling;
  readonly #faults;
  /** By the verb that is answered; there are as many as there are verbs. */
  readonly #answers = new Map<string, AnswerMeters>();
  /** The same of the upstream that was met last. */
  #upstreamAnswers: { readonly of: string; readonly byVerb: Map<string, AnswerMeters> } = {
    of: "",
    byVerb: new Map(),
  };

  /** @param startedAt Milliseconds since 1970. */
  constructor(startedAt: number) {
    const { meters } = this;
    meters.gauge({
      name: "sluice_build_info",
      help: "Always 1; the version is a label.",
      labels: ["version"],
    }).with(version).set(1);
    meters.gauge({ name: "sluice_start_time_seconds", help: "When counting began, since 1970." })
      .set(startedAt / MILLISECONDS);
    this.sessions = meters.gauge({ name: "sluice_sessions", help: "Sessions that are open." });
    this.#sessionsEnded = meters.counter({
      name: "sluice_sessions_ended_total",
      help: "Sessions that have ended, by how.",
      labels: ["end"],
    });
    this.#commands = meters.counter({
      name: "sluice_commands_total",
      help: "Commands of clients; invalid: lines that are none.",
      labels: ["verb"],
    });
    this.#replies = meters.counter({
      name: "sluice_replies_total",
      help: "Replies to clients, by the verb that they answer.",
      labels: ["phase", "code"],
    });
    this.#ownReplies = meters.counter({
      name: "sluice_own_replies_total",
      help: "Replies that are neither the upstream's nor the policy's, by name.",
      labels: ["reply"],
    });
    this.#commandSeconds = meters.histogram({
      name: "sluice_command_duration_seconds",
      help: "From a command, or the end of mail data, to its reply.",
      labels: ["phase"],
    });
    const transactions = meters.counter({
      name: "sluice_transactions_total",
      help: "Mail transactions that have ended, by how.",
      labels: ["outcome"],
    });
    this.#recipients = meters.counter({
      name: "sluice_recipients_total",
      help: "Recipients of ended mail transactions, by the reply to RCPT.",
      labels: ["result"],
    });
    this.#messageOctets = meters.counter({
      name: "sluice_message_bytes_total",
      help: "Octets of accepted messages.",
    });
    this.#messageSizes = meters.histogram({
      name: "sluice_message_size_bytes",
      help: "Octets of each accepted message.",
      bounds: SIZES,
    });
    this.#policySeconds = meters.histogram({
      name: "sluice_policy_duration_seconds",
      help: "Time that each check of the policy takes for a question.",
      labels: ["rule"],
    });
    this.ruleHits = meters.counter({
      name: "sluice_rule_hits_total",
      help: "How often the conditions of a rule were met.",
      labels: ["rule"],
      maxChildren: 20_000,
    });
    this.ruleSeconds = meters.counter({
      name: "sluice_rule_seconds_total",
      help: "Time spent on the conditions of a rule.",
      labels: ["rule"],
      maxChildren: 20_000,
    });
    this.#policyFailures = meters.counter({
      name: "sluice_policy_failures_total",
      help: "Checks of the policy that have failed or taken too long.",
    });
    this.#differences = meters.counter({
      name: "sluice_policy_differences_total",
      help: "Decisions that the shadow policy would have made otherwise.",
      labels: ["phase"],
    });
    this.upstreamConnections = meters.gauge({
      name: "sluice_upstream_connections",
      help: "Connections to upstreams that are open.",
      labels: ["upstream"],
    });
    this.pool = meters.gauge({
      name: "sluice_upstream_pool_connections",
      help:
        "Connections that are kept for an upstream, lent ones or those being made, and idle ones.",
      labels: ["upstream", "state"],
    });
    this.poolWaiting = meters.gauge({
      name: "sluice_upstream_pool_waiting",
      help: "Sessions that wait for a connection to an upstream.",
      labels: ["upstream"],
    });
    this.#connects = meters.counter({
      name: "sluice_upstream_connects_total",
      help:
        "New connections to upstreams, by whether they came about; called-off: the session ended.",
      labels: ["upstream", "result"],
    });
    this.#connectSeconds = meters.histogram({
      name: "sluice_upstream_connect_seconds",
      help: "From the wish for a connection to the end of its EHLO.",
      labels: ["upstream"],
    });
    this.#upstreamSeconds = meters.histogram({
      name: "sluice_upstream_reply_seconds",
      help: "From a command to the upstream's reply; message: from the end of mail data.",
      labels: ["upstream", "verb"],
    });
    this.#upstreamReplies = meters.counter({
      name: "sluice_upstream_replies_total",
      help: "Replies of upstreams; none: it was lost or too slow.",
      labels: ["upstream", "verb", "code"],
    });
    this.#tls = meters.counter({
      name: "sluice_tls_sessions_total",
      help: "TLS handshakes of clients, by version.",
      labels: ["version"],
    });
    this.#lookups = meters.counter({
      name: "sluice_name_lookups_total",
      help: "Names of clients that were looked up.",
      labels: ["result"],
    });
    this.#lookupSeconds = meters.histogram({
      name: "sluice_name_lookup_seconds",
      help: "Time that the name of a client took.",
    });
    this.#dropped = meters.counter({
      name: "sluice_dropped_bytes_total",
      help: "Octets that came before a TLS handshake and were dropped.",
      labels: ["side"],
    });
    this.#smuggling = meters.counter({
      name: "sluice_smuggling_attempts_total",
      help: "Messages and commands refused for what could hide others in them.",
      labels: ["kind"],
    });
    this.#faults = meters.counter({
      name: "sluice_faults_total",
      help: "What went wrong on our side, in a policy or with an upstream.",
    });
    this.viewers = meters.gauge({
      name: "sluice_admin_viewers",
      help: "Live streams of the admin.",
    });
    this.viewersDropped = meters.counter({
      name: "sluice_admin_viewers_dropped_total",
      help: "Live streams that were ended because nobody read them.",
    });
    this.adminDeeds = meters.counter(DEEDS);
    // What is there from the beginning is seen to rise by its first count.
    this.#transactions = Object.fromEntries(
      outcomes.map((outcome) => [outcome, transactions.with(outcome)]),
    ) as Record<Outcome, Counter>;
    for (const side of ["client", "upstream"]) this.#dropped.with(side);
    for (const phase of phases) this.#differences.with(phase);
    for (const kind of SMUGGLING) this.#smuggling.with(kind);
    for (const action of adminActions) this.adminDeeds.with(action);
  }

  /** Octets that stood behind an upstream's reply to STARTTLS. */
  upstreamDropped(octets: number): void {
    this.#dropped.with("upstream").add(octets);
  }

  /** The conditions of a rule were looked at; `took` in milliseconds. */
  looked(rule: string, met: boolean, took: number): void {
    if (met) this.ruleHits.with(rule).add();
    if (took > 0) this.ruleSeconds.with(rule).add(took / MILLISECONDS);
  }

  sessionClosed(_session: SessionFacts, end: SessionEnd): void {
    this.#sessionsEnded.with(end).add();
  }

  secured({ client }: SessionFacts): void {
    this.#tls.with(client.tls?.version ?? "").add();
  }

  lookedUp({ client }: SessionFacts, took: number): void {
    this.#lookups.with(client.name === undefined ? "unknown" : "found").add();
    this.#lookupSeconds.observe(took / MILLISECONDS);
  }

  command(_session: SessionFacts, command: ParsedLine): void {
    this.#commands.with("fault" in command ? "invalid" : command.verb).add();
  }

  reply(_session: SessionFacts, { code }: Reply, { verb, took, name }: Answered): void {
    (this.#answers.get(verb) ?? this.#meetVerb(verb)).add(code, took);
    if (name === undefined) return;
    this.#ownReplies.with(name).add();
    if (SMUGGLING.has(name)) this.#smuggling.with(name).add();
  }

  ruling<P extends Phase>(_phase: P, _facts: PhaseFacts[P], { asked = [] }: Ruling): void {
    for (const { check, took } of asked) {
      this.#policySeconds.with(check).observe(took / MILLISECONDS);
    }
  }

  difference(_session: SessionFacts, phase: Phase): void {
    this.#differences.with(phase).add();
  }

  transaction({ original, octets }: TransactionFacts, end: TransactionEnd): void {
    this.#transactions[outcomeOf(end)].add();
    for (const { reply } of original.recipients) {
      this.#recipients.with(reply?.positive ? "accepted" : "refused").add();
    }
    if (end.kind !== "accepted") return;
    this.#messageOctets.add(octets);
    this.#messageSizes.observe(octets);
  }

  upstreamOpened(_session: SessionFacts, upstream: string, opened: UpstreamOpened): void {
    const { took, reused } = opened;
    if (reused) return;
    this.#connects.with(upstream, "ok").add();
    this.#connectSeconds.with(upstream).observe(took / MILLISECONDS);
  }

  upstreamFailed(_session: SessionFacts, upstream: string, error: unknown): void {
    this.#connects.with(upstream, isCalledOff(error) ? "called-off" : "failed").add();
  }

  upstreamReply(
    _session: SessionFacts,
    upstream: string,
    { verb, took, reply }: UpstreamAnswered,
  ): void {
    if (this.#upstreamAnswers.of !== upstream) {
      this.#upstreamAnswers = { of: upstream, byVerb: new Map() };
    }
    const { byVerb } = this.#upstreamAnswers;
    (byVerb.get(verb) ?? this.#meetUpstreamVerb(upstream, verb)).add(reply?.code, took);
  }

  #meetVerb(verb: string): AnswerMeters {
    const phase = phaseOf(verb);
    const counterOf = (code: string): Counter => this.#replies.with(phase, code);
    const meters = new AnswerMeters(this.#commandSeconds.with(phase), counterOf);
    this.#answers.set(verb, meters);
    return meters;
  }

  #meetUpstreamVerb(upstream: string, verb: string): AnswerMeters {
    const counterOf = (code: string): Counter => this.#upstreamReplies.with(upstream, verb, code);
    const meters = new AnswerMeters(this.#upstreamSeconds.with(upstream, verb), counterOf);
    this.#upstreamAnswers.byVerb.set(verb, meters);
    return meters;
  }

  dropped(_session: SessionFacts, octets: number): void {
    this.#dropped.with("client").add(octets);
  }

  trouble(_session: SessionFacts | undefined, error: unknown): void {
    this.#faults.add();
    if (error instanceof CheckError) this.#policyFailures.add();
  }
}

/** The label for a reply to that verb; the greeting answers none. */
export function phaseOf(verb: string): string {
  return verb === "" ? "connect" : verb.toLowerCase();
}

/** Names of all metrics. */
export function metricNames(): readonly string[] {
  return new Metrics(0).meters.collect().map(({ name }) => name);
}
