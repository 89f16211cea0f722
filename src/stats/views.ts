/**
 * What statistics look like to whoever reads them: plain values that can be sent as JSON. The admin's
 * API answers in these shapes.
 *
 * @module
 */

/** A line of a session's dialogue. */
export interface DialogueLine {
  /** Counts the lines of a session, from 1. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Who said it; `note` is ours: mail data, TLS, a policy's verdict. */
  readonly from: "client" | "server" | "note";
  /** One line; of a reply with several, all of them, with LF between. Secrets are left out. */
  readonly text: string;
  /** Milliseconds that a reply took. */
  readonly took?: number;
}

/** A session that is open. */
export interface SessionView {
  /** As in logs. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Name of the listener. */
  readonly listener: string;
  /** IP address, or `""`. */
  readonly client: string;
  /** Host name; absent where unknown. */
  readonly name?: string;
  /** Name in HELO or EHLO, `""` before it. */
  readonly hello: string;
  /** `TLSv1.3`; absent in the clear. */
  readonly tls?: string;
  /** Absent where nobody has logged in. */
  readonly login?: string;
  /** What it is doing: the last verb, in upper case; `""` before the first. */
  readonly doing: string;
  /** Milliseconds since 1970 of the last command or reply. */
  readonly activeAt: number;
  /** Mail transactions that have ended. */
  readonly transactions: number;
  /** Id of the one that is open. */
  readonly transaction?: string;
}

/** A session with what has been said in it. */
export interface SessionDetail extends SessionView {
  /** The last lines, at most 200. */
  readonly dialogue: readonly DialogueLine[];
}

/** What became of a mail transaction. */
export type Outcome =
  /** The upstream has it. */
  | "accepted"
  /** Accepted to come to nothing. */
  | "discarded"
  /** Accepted and kept aside; nobody upstream has it. */
  | "quarantined"
  /** Refused for good: 5xx. */
  | "rejected"
  /** Refused for now: 4xx. */
  | "deferred"
  /** RSET, EHLO or QUIT before the message. */
  | "abandoned"
  /** The session ended in the midst of it. */
  | "broken";

/** All outcomes, in the order in which they are shown. */
export const outcomes: readonly Outcome[] = [
  "accepted",
  "discarded",
  "quarantined",
  "rejected",
  "deferred",
  "abandoned",
  "broken",
];

/** A recipient as the client gave it. */
export interface RecipientView {
  /** Address without brackets. */
  readonly address: string;
  /**
   * Code, enhanced code and text of the last reply: to RCPT, or to the message where the upstream gives
   * one for each recipient (LMTP); absent where there was none.
   */
  readonly reply?: string;
}

/** A mail transaction that has ended. */
export interface TransactionView {
  /** Counts transactions since the start, from 1; the id of events in streams. */
  readonly number: number;
  /** As in logs and in the trace header. */
  readonly id: string;
  /** Id of its session. */
  readonly session: string;
  /** Milliseconds since 1970, at MAIL. */
  readonly startedAt: number;
  /** Milliseconds from MAIL to the end. */
  readonly took: number;
  /** Name of the listener. */
  readonly listener: string;
  /** IP address, or `""`. */
  readonly client: string;
  /** Host name; absent where unknown. */
  readonly name?: string;
  /** Name in HELO or EHLO. */
  readonly hello: string;
  /** `TLSv1.3`; absent in the clear. */
  readonly tls?: string;
  /** Absent where nobody has logged in. */
  readonly login?: string;
  /** Reverse-path without brackets as the client gave it, `""` for null. */
  readonly from: string;
  /** Recipients as the client gave them. */
  readonly to: readonly RecipientView[];
  /** Octets of the message. */
  readonly octets: number;
  /** What became of it. */
  readonly outcome: Outcome;
  /** What was refused; absent where nothing was. */
  readonly refusedAt?: "mail" | "rcpt" | "data" | "message";
  /** The last reply: code, enhanced code and text; absent for `abandoned` and `broken`. */
  readonly reply?: string;
  /** Under this name it is kept, where it was quarantined. */
  readonly keptAs?: string;
  /** The rule or check that has refused, discarded, quarantined or routed; absent where none has. */
  readonly rule?: string;
  /** Name of the upstream; absent where it was not asked. */
  readonly upstream?: string;
}

/** What one check has said. */
export interface StepView {
  /** Name of the policy or rule. */
  readonly check: string;
  /** In words: `refused 550 5.7.1`, `proceeds`. */
  readonly verdict: string;
  /** Milliseconds. */
  readonly took: number;
}

/** One phase of a transaction, or one exchange with the upstream, on its timeline. */
export interface PhaseView {
  /** `policy`: the checks of a phase; `upstream`: connecting, or the reply to one command. */
  readonly kind: "policy" | "upstream";
  /** `rcpt`, `data`; `connect`, `MAIL`, `message`. */
  readonly name: string;
  /** Milliseconds since the transaction's MAIL; below 0 for what came before it. */
  readonly at: number;
  /** Milliseconds. */
  readonly took: number;
  /** What came of it, in words, or the upstream's reply. */
  readonly result: string;
  /** Who said what; empty for the upstream. */
  readonly steps: readonly StepView[];
}

/** A transaction with all that is known of it. */
export interface TransactionDetail extends TransactionView {
  /** Reverse-path as the upstream was told it. */
  readonly currentFrom: string;
  /** Recipients that the upstream has accepted. */
  readonly currentTo: readonly RecipientView[];
  /** Policy and upstream, in the order in which they ended. At most 500. */
  readonly phases: readonly PhaseView[];
  /** From MAIL to the last reply. At most 200 lines. */
  readonly dialogue: readonly DialogueLine[];
}

/** A share of a flow of values, in milliseconds. */
export interface LatencyView {
  /** Half of them took at most so long; 0 where there were none. */
  readonly p50: number;
  /** 99 of 100. */
  readonly p99: number;
  /** How many there were in the last minute. */
  readonly count: number;
}

/** One of the most frequent. */
export interface HitterView {
  /** An address or a domain; `""` for none. */
  readonly key: string;
  /** Of transactions, halved each hour; never below the true number. */
  readonly count: number;
  /** By how much `count` may be too high. */
  readonly error: number;
}

/** What goes on as a whole. */
export interface StatsView {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** When counting began. */
  readonly startedAt: number;
  /** No new sessions are taken. */
  readonly draining: boolean;
  /** Open now, and since the start. */
  readonly sessions: { readonly open: number; readonly total: number };
  /** Since the start. */
  readonly transactions: Readonly<Record<Outcome, number>>;
  /** Octets of accepted messages since the start. */
  readonly octets: number;
  /** A second, over the last ten. */
  readonly rates: {
    readonly sessions: number;
    readonly transactions: number;
    readonly octets: number;
  };
  /** Of the last minute. */
  readonly latencies: {
    /** From a command to its reply. */
    readonly command: LatencyView;
    /** One question to the policy. */
    readonly policy: LatencyView;
    /** The upstream's reply to the end of mail data. */
    readonly upstream: LatencyView;
  };
  /** The most frequent of the last hours, by transactions: all counts are halved each hour. */
  readonly top: {
    readonly clients: readonly HitterView[];
    readonly senderDomains: readonly HitterView[];
    readonly recipientDomains: readonly HitterView[];
  };
  /** Who watches, and who was dropped because it did not read. */
  readonly viewers: { readonly open: number; readonly dropped: number };
}

/** A stretch of the past in equal steps, the oldest first. */
export interface HistoryView {
  /** Milliseconds since 1970 at which the first step begins. */
  readonly from: number;
  /** Length of a step in milliseconds. */
  readonly step: number;
  /** One number a step. */
  readonly series: {
    /** Mail transactions of each outcome that ended in it. */
    readonly transactions: Readonly<Record<Outcome, readonly number[]>>;
    /** Octets of accepted messages. */
    readonly octets: readonly number[];
    /** Sessions open at its end. */
    readonly sessions: readonly number[];
    /** Milliseconds, 99 of 100 replies of the upstream to messages. */
    readonly upstreamP99: readonly number[];
    /** The same for questions to the policy. */
    readonly policyP99: readonly number[];
  };
}

/** A rule or check of the policy. */
export interface RuleView {
  /** As in logs. */
  readonly name: string;
  /** Phases in which it is asked. */
  readonly phases: readonly string[];
  /** How often it was looked at; 0 for a rule whose index says that it cannot apply. */
  readonly asked: number;
  /** How often its conditions were met, or it had something to say. */
  readonly hits: number;
  /** Milliseconds spent in it altogether. */
  readonly spent: number;
}

/** An upstream and how it does. */
export interface UpstreamView {
  /** `default`, or its name in the configuration. */
  readonly name: string;
  /** Where it is: `smtp://127.0.0.1:25`. */
  readonly url: string;
  /** `unknown` before anybody has asked it. */
  readonly health: "up" | "down" | "unknown";
  /** Extensions of its EHLO reply, one a line as they stand there; absent where unknown. */
  readonly offers?: readonly string[];
  /** Open connections. */
  readonly connections: number;
  /** New connections since the start. */
  readonly connected: number;
  /** Connections that could not be had. */
  readonly failed: number;
  /** From the wish to the end of EHLO, of the last minute. */
  readonly connecting: LatencyView;
  /** The reply to the end of mail data, of the last minute. */
  readonly answering: LatencyView;
  /** The last failure, in words. */
  readonly lastError?: { readonly at: number; readonly text: string };
}
