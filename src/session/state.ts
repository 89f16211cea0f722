/**
 * Which command is allowed when (RFC 5321 §4.1.4). Everything that decides legality lives here:
 * no octets, no promises, no clocks, no policy. What is not in the table is 503.
 *
 * A session is in exactly one state. A command that is accepted moves it to `next`; a refused one
 * leaves it where it is, unless the refusal itself ends the transaction (`refused`).
 *
 * A row with `refuse` names the reply to a command that is out of place through no fault of the
 * client: with pipelining it could not know (RFC 2920 §3.1). What is in no row is its mistake.
 *
 * @module
 */

import type { Verb } from "../rfc5321/command.ts";
import type { MailProtocol } from "./facts.ts";
import type { ReplyName } from "./replies.ts";

/** Where a session stands. */
export type State =
  /** Greeted; the client has not said HELO or EHLO. */
  | "connected"
  /** No mail transaction is open. */
  | "ready"
  /** As `ready`, after a refusal: what the client has sent behind it is refused without blame. */
  | "refused"
  /** MAIL has been accepted, is on its way upstream, or waits for RCPT; no recipient is accepted. */
  | "sender"
  /** At least one recipient has been accepted. */
  | "recipients"
  /** A BDAT chunk without LAST has been taken. */
  | "chunks"
  /** Nothing more is read. */
  | "ended";

/** What an accepted command does, or the reply that refuses it. */
export type Row = { readonly next: State } | { readonly refuse: ReplyName };

type Rows = { readonly [V in Verb]?: Row };

const to = (next: State): Row => ({ next });
const refuse = (name: ReplyName): Row => ({ refuse: name });

/** RFC 5321 §4.1.1.5 and following: these leave everything as it is. */
const anywhere = (state: State): Rows => ({
  NOOP: to(state),
  HELP: to(state),
  VRFY: to(state),
  EXPN: to(state),
  QUIT: to("ended"),
});

/** RFC 5321 §4.1.4: EHLO and RSET clear an open transaction. */
const clearing: Rows = {
  HELO: to("ready"),
  EHLO: to("ready"),
  LHLO: to("ready"),
  RSET: to("ready"),
};

const ready: Rows = {
  ...anywhere("ready"),
  ...clearing,
  // RFC 3207 §4.2: what was learnt before TLS is forgotten.
  STARTTLS: to("connected"),
  AUTH: to("ready"),
  MAIL: to("sender"),
  XCLIENT: to("connected"),
  XFORWARD: to("ready"),
};

/** state × verb → row. */
export const table: Readonly<Record<State, Rows>> = {
  connected: {
    ...anywhere("connected"),
    LHLO: to("ready"),
    HELO: to("ready"),
    EHLO: to("ready"),
    RSET: to("connected"),
    // Before or after EHLO, never inside a transaction (Postfix XCLIENT_README).
    XCLIENT: to("connected"),
    XFORWARD: to("connected"),
  },
  ready,
  refused: {
    ...ready,
    ...anywhere("refused"),
    RCPT: refuse("badSequence"),
    DATA: refuse("badSequence"),
    BDAT: refuse("badSequence"),
  },
  sender: {
    ...anywhere("sender"),
    ...clearing,
    RCPT: to("recipients"),
    DATA: refuse("noRecipients"),
    BDAT: refuse("noRecipients"),
  },
  recipients: {
    ...anywhere("recipients"),
    ...clearing,
    RCPT: to("recipients"),
    DATA: to("ready"),
    BDAT: to("chunks"),
  },
  // RFC 3030 §2: DATA and BDAT do not mix; RCPT is over.
  chunks: {
    ...anywhere("chunks"),
    ...clearing,
    BDAT: to("chunks"),
  },
  ended: {},
};

/** What LMTP has otherwise: RFC 2033 §4.2 asks for 503. */
const inLmtp: Readonly<Partial<Record<State, Rows>>> = {
  sender: { DATA: refuse("noRecipientsInLmtp"), BDAT: refuse("noRecipientsInLmtp") },
};

/**
 * Commands that are judged only when every earlier reply is known: they end a group
 * (RFC 2920 §3.1) or mean something else after a refusal.
 */
export const barriers: ReadonlySet<Verb> = new Set<Verb>([
  "HELO",
  "EHLO",
  "LHLO",
  "STARTTLS",
  "AUTH",
  "MAIL",
  "DATA",
  "BDAT",
  "RSET",
  "QUIT",
  "XCLIENT",
  "XFORWARD",
]);

/** What the table says of a command; nothing: the client's mistake. */
export function legality(
  state: State,
  verb: Verb,
  protocol: MailProtocol = "smtp",
): Row | undefined {
  const own = protocol === "lmtp" ? inLmtp[state]?.[verb] : undefined;
  return own ?? table[state][verb];
}
