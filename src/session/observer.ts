/**
 * One-way reports: statistics, logs, the admin. An observer is told; it cannot decide, delay or
 * break anything (design rule: inform and decide are two channels).
 *
 * @module
 */

import type { TlsFacts } from "../channel.ts";
import type { Extensions } from "../rfc5321/extension.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { ParsedLine } from "../stages/command_parser.ts";
import type { SessionFacts, TransactionFacts } from "./facts.ts";
import type { Phase, PhaseFacts, Ruling } from "./phases.ts";
import type { ReplyName } from "./replies.ts";

/** How a session came to its end. */
export type SessionEnd =
  /** QUIT. */
  | "quit"
  /** The client ended or broke the connection. */
  | "vanished"
  /** We ended it with a last reply. */
  | "dismissed"
  /** We closed it without a word: a listed source was asked for, a handshake failed. */
  | "closed";

/** What a reply answers. */
export interface Answered {
  /** The verb of the command; `invalid` for a line that is none, `""` where nobody has asked. */
  readonly verb: string;
  /** When it is written, by the clock's `monotonic`. */
  readonly at: number;
  /** Milliseconds from the command, or the end of the mail data, to this. */
  readonly took: number;
  /** Which of our own replies it is; absent for the upstream's and the policy's. */
  readonly name?: ReplyName;
}

/** How a mail transaction came to its end. */
export type TransactionEnd =
  /** The upstream has taken the message; `reply` is its own. */
  | { readonly kind: "accepted"; readonly reply: Reply }
  /** The client was told so, and nobody gets the message. */
  | { readonly kind: "discarded"; readonly reply: Reply }
  /** The client was told so; it is kept aside under this name, and nobody upstream has it. */
  | { readonly kind: "quarantined"; readonly reply: Reply; readonly as: string }
  /** MAIL, every recipient, DATA or the message itself was refused with this. */
  | { readonly kind: "refused"; readonly at: RefusedAt; readonly reply: Reply }
  /** The client has thought better of it: RSET, another EHLO, or QUIT. */
  | { readonly kind: "abandoned" }
  /** The session has ended in the midst of it. */
  | { readonly kind: "broken" };

/** What of a mail transaction was refused; `message` is the reply to the end of mail data. */
export type RefusedAt = "mail" | "rcpt" | "data" | "message";

/** A connection to an upstream that has come about. */
export interface UpstreamOpened {
  /** Milliseconds from the wish to the end of EHLO, or to its being free. */
  readonly took: number;
  /** It was open already. */
  readonly reused: boolean;
  /** Absent in the clear. */
  readonly tls?: TlsFacts;
  /** What the connection offers. */
  readonly extensions: Extensions;
}

/** What an upstream has answered to one command. */
export interface UpstreamAnswered {
  /** Its verb; `message` for the end of mail data. */
  readonly verb: string;
  /** When it has come, or has turned out not to come, by the clock's `monotonic`. */
  readonly at: number;
  /** Milliseconds from the command to the reply. */
  readonly took: number;
  /** Absent where none came. */
  readonly reply?: Reply;
}

/** Whoever wants to know. Every method is optional and synchronous. */
export interface Observer {
  /** A client has connected; nothing of it has been read. */
  sessionOpened?(session: SessionFacts): void;
  /** The last of a session; `cause` is the fault that has ended it, if one has. */
  sessionClosed?(session: SessionFacts, end: SessionEnd, cause?: unknown): void;
  /** The client is under TLS now. */
  secured?(session: SessionFacts): void;
  /** The name of a client was looked up; `took` in milliseconds. It is in `client.name`, or unknown. */
  lookedUp?(session: SessionFacts, took: number): void;
  /**
   * A command line was taken in `at` this moment of the clock's `monotonic`; what it holds of AUTH is a
   * secret.
   */
  command?(session: SessionFacts, command: ParsedLine, at: number): void;
  /** A reply as it is written to the client. */
  reply?(session: SessionFacts, reply: Reply, to: Answered): void;
  /** The policy has been asked, or need not be: `ruling` is what it said, and what it was told. */
  ruling?<P extends Phase>(phase: P, facts: PhaseFacts[P], ruling: Ruling): void;
  /** The option `shadow` would have decided otherwise. */
  difference?(session: SessionFacts, phase: Phase, live: Ruling, shadow: Ruling): void;
  /** A mail transaction begins: MAIL has come, and nobody has been asked about it. */
  transactionOpened?(transaction: TransactionFacts): void;
  /** A mail transaction is over; one that was refused at MAIL is one too. */
  transaction?(transaction: TransactionFacts, end: TransactionEnd): void;
  /** A connection to the upstream of that name is open. */
  upstreamOpened?(session: SessionFacts, upstream: string, opened: UpstreamOpened): void;
  /** None could be opened; `took` in milliseconds. */
  upstreamFailed?(session: SessionFacts, upstream: string, error: unknown, took: number): void;
  /** The upstream has answered a command, or has failed to. */
  upstreamReply?(session: SessionFacts, upstream: string, answered: UpstreamAnswered): void;
  /** The session has let go of its connection. */
  upstreamClosed?(session: SessionFacts, upstream: string): void;
  /** Octets that stood in a buffer at a TLS handshake and were dropped (CVE-2011-0411). */
  dropped?(session: SessionFacts, octets: number): void;
  /** Something went wrong on our side, in a policy or upstream; for logs, never for the client. */
  trouble?(session: SessionFacts | undefined, error: unknown): void;
}

/** Observers that are told together. */
export type ObserverGroup = readonly Observer[] | ReadonlySet<Observer>;

/** Tells one observer of one event. */
type Teller<A, B, C, D> = (one: Observer, a: A, b: B, c: C, d: D) => void;

/** For each event how one observer is told of it. */
const tellers: {
  readonly [Event in keyof Required<Observer>]: (
    one: Observer,
    ...told: Parameters<Required<Observer>[Event]>
  ) => void;
} = {
  sessionOpened: (one, session) => one.sessionOpened?.(session),
  sessionClosed: (one, session, end, cause) => one.sessionClosed?.(session, end, cause),
  secured: (one, session) => one.secured?.(session),
  lookedUp: (one, session, took) => one.lookedUp?.(session, took),
  command: (one, session, command, at) => one.command?.(session, command, at),
  reply: (one, session, reply, to) => one.reply?.(session, reply, to),
  ruling: (one, phase, facts, ruling) => one.ruling?.(phase, facts, ruling),
  difference: (one, session, phase, live, shadow) => one.difference?.(session, phase, live, shadow),
  transactionOpened: (one, transaction) => one.transactionOpened?.(transaction),
  transaction: (one, transaction, end) => one.transaction?.(transaction, end),
  upstreamOpened: (one, session, upstream, opened) =>
    one.upstreamOpened?.(session, upstream, opened),
  upstreamFailed: (one, session, upstream, error, took) =>
    one.upstreamFailed?.(session, upstream, error, took),
  upstreamReply: (one, session, upstream, answered) =>
    one.upstreamReply?.(session, upstream, answered),
  upstreamClosed: (one, session, upstream) => one.upstreamClosed?.(session, upstream),
  dropped: (one, session, octets) => one.dropped?.(session, octets),
  trouble: (one, session, error) => one.trouble?.(session, error),
};

function guarded<A, B, C, D>(
  tell: Teller<A, B, C, D>,
  one: Observer,
  a: A,
  b: B,
  c: C,
  d: D,
): void {
  try {
    tell(one, a, b, c, d);
  } catch {
    // An observer's own fault is its own; there is nobody here to tell.
  }
}

/**
 * Makes one observer of several; what one throws reaches neither the session nor the others.
 *
 * @param groups Read at each event, so that one that is added later is told from then on.
 */
export function observers(groups: readonly ObserverGroup[]): Required<Observer> {
  // Mail passes here: no closure and no list of arguments is made for an event. Each event calls from
  // its own place, and each kind of group is gone through at its own.
  const each = <A, B, C, D>(tell: Teller<A, B, C, D>, a: A, b?: B, c?: C, d?: D): void => {
    for (let nth = 0; nth < groups.length; nth++) {
      const group = groups[nth];
      if ("size" in group) {
        for (const one of group) guarded(tell, one, a, b!, c!, d!);
      } else {
        for (const one of group) guarded(tell, one, a, b!, c!, d!);
      }
    }
  };
  return {
    sessionOpened: (session) => each(tellers.sessionOpened, session),
    sessionClosed: (session, end, cause) => each(tellers.sessionClosed, session, end, cause),
    secured: (session) => each(tellers.secured, session),
    lookedUp: (session, took) => each(tellers.lookedUp, session, took),
    command: (session, command, at) => each(tellers.command, session, command, at),
    reply: (session, reply, to) => each(tellers.reply, session, reply, to),
    ruling: (phase, facts, ruling) => each(tellers.ruling, phase, facts, ruling),
    difference: (session, phase, live, shadow) =>
      each(tellers.difference, session, phase, live, shadow),
    transactionOpened: (transaction) => each(tellers.transactionOpened, transaction),
    transaction: (transaction, end) => each(tellers.transaction, transaction, end),
    upstreamOpened: (session, upstream, opened) =>
      each(tellers.upstreamOpened, session, upstream, opened),
    upstreamFailed: (session, upstream, error, took) =>
      each(tellers.upstreamFailed, session, upstream, error, took),
    upstreamReply: (session, upstream, answered) =>
      each(tellers.upstreamReply, session, upstream, answered),
    upstreamClosed: (session, upstream) => each(tellers.upstreamClosed, session, upstream),
    dropped: (session, octets) => each(tellers.dropped, session, octets),
    trouble: (session, error) => each(tellers.trouble, session, error),
  };
}
