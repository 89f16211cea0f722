/**
 * One-way reports: statistics, logs, the admin. An observer is told; it cannot decide, delay or
 * break anything (design rule: inform and decide are two channels).
 *
 * @module
 */

import type { Reply } from "../rfc5321/reply.ts";
import type { SessionFacts, TransactionFacts } from "./facts.ts";
import type { Phase, PhaseFacts, Ruling } from "./phases.ts";

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

/** Whoever wants to know. Every method is optional and synchronous. */
export interface Observer {
  /** A client has connected; nothing of it has been read. */
  sessionOpened?(session: SessionFacts): void;
  /** The last of a session; `cause` is the fault that has ended it, if one has. */
  sessionClosed?(session: SessionFacts, end: SessionEnd, cause?: unknown): void;
  /** A reply as it is written to the client; `label` is the verb it answers. */
  reply?(session: SessionFacts, reply: Reply, label: string): void;
  /** The policy has been asked, or need not be: `ruling` is what it said, and what it was told. */
  ruling?<P extends Phase>(phase: P, facts: PhaseFacts[P], ruling: Ruling): void;
  /** The option `shadow` would have decided otherwise. */
  difference?(session: SessionFacts, phase: Phase, live: Ruling, shadow: Ruling): void;
  /** A mail transaction has ended with this reply to its mail data. */
  transaction?(transaction: TransactionFacts, reply: Reply): void;
  /** Octets that stood in a buffer at a TLS handshake and were dropped (CVE-2011-0411). */
  dropped?(session: SessionFacts, octets: number): void;
  /** Something went wrong on our side, in a policy or upstream; for logs, never for the client. */
  trouble?(session: SessionFacts | undefined, error: unknown): void;
}

type Event = keyof Observer;
type Arguments<E extends Event> = Parameters<NonNullable<Observer[E]>>;

/** Makes one observer of several; what one throws reaches neither the session nor the others. */
export function observers(all: readonly Observer[]): Required<Observer> {
  const tell = <E extends Event>(event: E, ...args: Arguments<E>): void => {
    for (const observer of all) {
      try {
        (observer[event] as ((...args: Arguments<E>) => void) | undefined)?.call(observer, ...args);
      } catch {
        // An observer's own fault is its own; there is nobody here to tell.
      }
    }
  };
  return {
    sessionOpened: (...args) => tell("sessionOpened", ...args),
    sessionClosed: (...args) => tell("sessionClosed", ...args),
    reply: (...args) => tell("reply", ...args),
    ruling: (...args) => tell("ruling", ...args),
    difference: (...args) => tell("difference", ...args),
    transaction: (...args) => tell("transaction", ...args),
    dropped: (...args) => tell("dropped", ...args),
    trouble: (...args) => tell("trouble", ...args),
  };
}
