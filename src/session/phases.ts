/**
 * The places at which a session asks a policy, and what it can be told there.
 *
 * @module
 */

import type { Path } from "../rfc5321/path.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { MailParameters, RcptParameters } from "../rfc5321/parameter.ts";
import type { SessionFacts, TransactionFacts } from "./facts.ts";

/** What each phase is told. */
export interface PhaseFacts {
  connect: SessionFacts;
  ehlo: SessionFacts & { readonly name: string };
  starttls: SessionFacts;
  auth: SessionFacts & { readonly mechanism: string };
  mail: SessionFacts & { readonly reversePath: Path; readonly parameters: MailParameters };
  rcpt: TransactionFacts & { readonly forwardPath: Path; readonly parameters: RcptParameters };
  data: TransactionFacts;
  headers: TransactionFacts;
  content: TransactionFacts;
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
