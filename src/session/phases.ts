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
   */
  connect: SessionFacts;
  /** HELO and EHLO. `name` is as the client gave it; `client.hello` is still the one before. */
  ehlo: SessionFacts & { readonly name: string };
  /** STARTTLS, before its 220. Implicit TLS does not come here. */
  starttls: SessionFacts;
  /** AUTH, before anything of it is relayed. `mechanism` is in upper case (RFC 4422 §3.1). */
  auth: SessionFacts & { readonly mechanism: string };
  /** MAIL, before an upstream connection is taken for it. */
  mail: SessionFacts & { readonly reversePath: Path; readonly parameters: MailParameters };
  /** RCPT, once for each; the envelope does not have this recipient yet. */
  rcpt: TransactionFacts & { readonly forwardPath: Path; readonly parameters: RcptParameters };
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

/** A decision; `undefined` stands for proceed. */
export type Verdict =
  /** Refuse the command with this 4xx or 5xx reply. */
  | { readonly kind: "reject"; readonly reply: Reply }
  /** Send this 4xx or 5xx reply and close the connection. */
  | { readonly kind: "disconnect"; readonly reply: Reply };

/** Whoever decides. The session asks one; a policy becomes one by `judgeOf`. */
export interface Judge {
  /** Whether there is anything to ask in a phase: what nobody looks at need not be prepared. */
  asks(phase: Phase): boolean;
  /** Never rejects and always settles in bounded time. */
  judge<P extends Phase>(phase: P, facts: PhaseFacts[P]): Promise<Verdict | undefined>;
}
