/**
 * The places at which a session asks a policy, and what it can be told there.
 *
 * @module
 */

import type { Path } from "../rfc5321/path.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { MailParameters, RcptParameters } from "../rfc5321/parameter.ts";
import type { SessionFacts, TransactionFacts } from "./facts.ts";

/** What each phase is told. A phase comes only after the session's own checks have passed. */
export interface PhaseFacts {
  /**
   * Before the greeting, once the client is known: behind a PROXY header and implicit TLS, and again
   * after XCLIENT. A refusal takes the greeting's place and ends the session.
   *
   * `silence` waits so many milliseconds and says whether the client has sent nothing; one that speaks
   * ends the wait, and what it says is obeyed in its turn.
   */
  connect: SessionFacts & { readonly silence: (milliseconds: number) => Promise<boolean> };
  /** HELO and EHLO. `name` is as the client gave it; `client.hello` is still the one before. */
  ehlo: SessionFacts & { readonly name: string };
  /** STARTTLS, before its 220. Implicit TLS does not come here. */
  starttls: SessionFacts;
  /** AUTH, before anything of it is relayed. `mechanism` is in upper case (RFC 4422 §3.1). */
  auth: SessionFacts & { readonly mechanism: string };
  /**
   * MAIL, before an upstream connection is taken for it. `reversePath` is as earlier checks have left
   * it, `given` as the client gave it.
   */
  mail: SessionFacts & {
    readonly reversePath: Path;
    readonly given: Path;
    readonly parameters: MailParameters;
  };
  /**
   * RCPT, once for each; the envelope does not have this recipient yet. `forwardPath` is as earlier
   * checks have left it, `given` as the client gave it.
   */
  rcpt: TransactionFacts & {
    readonly forwardPath: Path;
    readonly given: Path;
    readonly parameters: RcptParameters;
  };
  /** DATA, or the first BDAT of a message: the envelope is complete. */
  data: TransactionFacts;
  /** The header section has come; a part of it may be on its way to the upstream already. */
  headers: TransactionFacts;
  /** The whole message has come and is sound; the upstream does not know of its end yet. */
  content: TransactionFacts;
  /** The session is over; an answer has no effect. */
  close: SessionFacts;
}

/** Name of a phase. */
export type Phase = keyof PhaseFacts;

/** All phases, in the order in which a session meets them. */
export const phases: readonly Phase[] = [
  "connect",
  "ehlo",
  "starttls",
  "auth",
  "mail",
  "rcpt",
  "data",
  "headers",
  "content",
  "close",
];

/** Refuse the command, at `headers` and `content` the message, with a 4xx or 5xx reply. */
export interface Reject {
  /** Name of the rule that said it, where that is not the policy's own. */
  readonly by?: string;
  /** Tells verdicts apart. */
  readonly kind: "reject";
  /** 4xx or 5xx. */
  readonly reply: Reply;
}

/** Send a 4xx or 5xx reply and close the connection. */
export interface Disconnect {
  /** Name of the rule that said it, where that is not the policy's own. */
  readonly by?: string;
  /** Tells verdicts apart. */
  readonly kind: "disconnect";
  /** 4xx or 5xx. */
  readonly reply: Reply;
  /**
   * At `data`: only after so many octets of mail data, and then without a word, as if the network had
   * failed.
   */
  readonly after?: number;
}

/**
 * Put other addresses in the place of one: exactly one for a reverse-path; for a forward-path one,
 * several, or none (the recipient is accepted and gets nothing).
 */
export interface Rewrite<Paths extends readonly Path[] = readonly Path[]> {
  /** Name of the rule that said it, where that is not the policy's own. */
  readonly by?: string;
  /** Tells verdicts apart. */
  readonly kind: "rewrite";
  /** What stands in the envelope from here on. */
  readonly paths: Paths;
  /**
   * What the same check says of each of several paths, before those that follow it are asked. Default:
   * nothing more.
   */
  readonly next?: (
    path: Path,
  ) => readonly Verdicts["rcpt"][] | Promise<readonly Verdicts["rcpt"][]>;
}

/** Send the transaction to another upstream. */
export interface Route {
  /** Name of the rule that said it, where that is not the policy's own. */
  readonly by?: string;
  /** Tells verdicts apart. */
  readonly kind: "route";
  /** A name of the option `upstreams`. */
  readonly upstream: string;
}

/** Accept it and let it come to nothing: at `rcpt` the recipient, elsewhere the message. */
export interface Discard {
  /** Name of the rule that said it, where that is not the policy's own. */
  readonly by?: string;
  /** Tells verdicts apart. */
  readonly kind: "discard";
}

/** Proceed, and ask nobody else in this phase. */
export interface Proceed {
  /** Name of the rule that said it, where that is not the policy's own. */
  readonly by?: string;
  /** Tells verdicts apart. */
  readonly kind: "proceed";
}

/** What every phase but `close` can decide. */
export type Refusal = Reject | Disconnect | Proceed;

/** What can be decided in each phase; nothing stands for proceed. */
export interface Verdicts {
  /** Who is let in. */
  connect: Refusal;
  /** Under which name. */
  ehlo: Refusal;
  /** Whether TLS may begin. */
  starttls: Refusal;
  /** Whether this mechanism may be used. */
  auth: Refusal;
  /** Whose mail is taken, in whose name, and where it goes. */
  mail: Refusal | Rewrite<readonly [Path]> | Route | Discard;
  /** Who gets it. */
  rcpt: Refusal | Rewrite | Route | Discard;
  /** Whether the envelope as a whole is good. */
  data: Refusal | Discard;
  /** Whether the header is. */
  headers: Refusal | Discard;
  /** Whether the message is. */
  content: Refusal | Discard;
  /** Nothing any more. */
  close: never;
}

/** A verdict of one phase, or of any. */
export type Verdict<P extends Phase = Phase> = Verdicts[P];

/** One check's verdict, in the order in which they were given. */
export interface Step {
  /** When it was asked. */
  readonly phase: Phase;
  /** Name of the policy or rule. */
  readonly check: string;
  /** What it said. */
  readonly verdict: Verdict;
  /** Milliseconds that it took, with fractions. */
  readonly took: number;
}

/** How long one check has thought. */
export interface Inquiry {
  /** Name of the policy. */
  readonly check: string;
  /** Milliseconds, with fractions. */
  readonly took: number;
}

/** What all checks together have decided in one phase. */
export interface Ruling {
  /** The command's answer, where it is refused. */
  readonly refusal?: Reply;
  /** The connection is to be closed after `refusal`. */
  readonly close?: boolean;
  /** The connection is to be lost after so many octets of mail data. */
  readonly cut?: number;
  /** See {@linkcode Discard}. */
  readonly discard?: boolean;
  /** What stands in the place of the path that was asked about; absent: itself. */
  readonly paths?: readonly Path[];
  /** See {@linkcode Route}. */
  readonly upstream?: string;
  /** Who said what. */
  readonly steps: readonly Step[];
  /** Who was asked, those that had nothing to say among them. */
  readonly asked?: readonly Inquiry[];
}

/** Whoever decides: one for all sessions of a configuration. A policy becomes one by `judgeOf`. */
export interface Judge {
  /** Begins a session, with whatever the checks keep for it. */
  open(): SessionJudge;
}

/** Whoever decides in one session. */
export interface SessionJudge {
  /** Whether there is anything to ask in a phase: what nobody looks at need not be prepared. */
  asks(phase: Phase): boolean;
  /** Never rejects and always settles in bounded time. `mail` begins a transaction. */
  judge<P extends Phase>(phase: P, facts: PhaseFacts[P]): Promise<Ruling>;
}
