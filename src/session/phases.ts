/**
 * The places at which a session asks a policy, and what it can be told there.
 *
 * @module
 */

import type { HeaderEdit, HeaderSection } from "../message/header_section.ts";
import type { Message } from "../message/message.ts";
import type { Path } from "../rfc5321/path.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { MailParameters, RcptParameters } from "../rfc5321/parameter.ts";
import type { SessionFacts, TransactionFacts } from "./facts.ts";
import type { MessageTransform } from "./transforming.ts";

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
  /**
   * The header section has come, or as much of it as the window holds; nothing of the message is on
   * its way yet.
   */
  headers: TransactionFacts & {
    readonly headers: HeaderSection;
    /** Whether that is all of it. */
    readonly complete: boolean;
  };
  /**
   * Asked behind `headers`, all at once, while the message comes: `message` is to be read. The first
   * refusal ends the transfer; the end of the message waits for all of them. `headers` has the edits
   * of the phase `headers`; the message has them not.
   */
  filter: TransactionFacts & { readonly headers: HeaderSection; readonly message: Message };
  /**
   * The whole message has come and is sound, and every filter has answered; the upstream does not know
   * of its end yet.
   */
  content: TransactionFacts & {
    /** With the edits of the phase `headers`. */
    readonly headers: HeaderSection;
    /** The sum of what filters have given. */
    readonly score: number;
    /** Whether the header section can still be changed: the whole message is in the window. */
    readonly editable: boolean;
  };
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
  "filter",
  "content",
  "close",
];

/** Refuse the command, behind `data` the message, with a 4xx or 5xx reply. */
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

/** Change the header section of the message. */
export interface Edit {
  /** Name of the rule that said it, where that is not the policy's own. */
  readonly by?: string;
  /** Tells verdicts apart. */
  readonly kind: "edit";
  /** One after the other. */
  readonly edits: readonly HeaderEdit[];
  /**
   * The answer where that comes too late, because the message is larger than the window and its
   * beginning on its way. Default: it goes on as it is.
   */
  readonly beyond?: Reply;
}

/** Say how suspicious a message is, in whatever unit the policy has. */
export interface Score {
  /** Name of the rule that said it, where that is not the policy's own. */
  readonly by?: string;
  /** Tells verdicts apart. */
  readonly kind: "score";
  /** Added to what others have given; below 0 for what speaks in its favour. */
  readonly points: number;
}

/** Accept it and let it come to nothing: at `rcpt` the recipient, elsewhere the message. */
export interface Discard {
  /** Name of the rule that said it, where that is not the policy's own. */
  readonly by?: string;
  /** Tells verdicts apart. */
  readonly kind: "discard";
}

/** Accept the message and keep it aside: nobody upstream gets it. */
export interface Quarantine {
  /** Name of the rule that said it, where that is not the policy's own. */
  readonly by?: string;
  /** Tells verdicts apart. */
  readonly kind: "quarantine";
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
  /** Whether the header is, and what is to be changed in it. */
  headers: Refusal | Discard | Quarantine | Edit | Score;
  /** What somebody who reads the message makes of it. */
  filter: Refusal | Discard | Quarantine | Edit | Score;
  /** Whether the message is good. */
  content: Refusal | Discard | Quarantine | Edit;
  /** Nothing any more. */
  close: never;
}

/** What is told about a message when nobody else has anything to say about it any more. */
export interface SealFacts extends TransactionFacts {
  /** As it goes to the upstream, below the trace header; as it came where `body` is absent. */
  readonly headers: HeaderSection;
  /**
   * What stands behind the empty line, as it goes to the upstream; valid until the answer. Absent where
   * nothing can be put on top any more: the beginning is on its way, or a stream is to change it.
   */
  readonly body?: Uint8Array;
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
  /** See {@linkcode Quarantine}. */
  readonly quarantine?: boolean;
  /** What stands in the place of the path that was asked about; absent: itself. */
  readonly paths?: readonly Path[];
  /** See {@linkcode Route}. */
  readonly upstream?: string;
  /** See {@linkcode Edit}; in their order. */
  readonly edits?: readonly HeaderEdit[];
  /** The answer where they come too late. */
  readonly beyond?: Reply;
  /** See {@linkcode Score}; the sum. */
  readonly score?: number;
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
  /** What the message goes through, in this order. Never throws. */
  transforms?(transaction: TransactionFacts): readonly MessageTransform[];
  /** Octets of a message that it wants to be held, if not as many as everybody. */
  readonly window?: number;
  /**
   * Whether it may want a message to be kept aside when its beginning is on its way: then a copy is
   * made meanwhile.
   */
  readonly quarantines?: boolean;
  /** Whether it has anything to say in `seal`. */
  readonly seals?: boolean;
  /** The last question about a message, with the answers of `content`. As `judge`. */
  seal?(facts: SealFacts): Promise<Ruling>;
  /** Never rejects and always settles in bounded time. `mail` begins a transaction. */
  judge<P extends Phase>(phase: P, facts: PhaseFacts[P]): Ruling | Promise<Ruling>;
}
