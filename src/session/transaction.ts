/**
 * One mail transaction (RFC 5321 §3.3) from MAIL to the reply to its mail data.
 *
 * @module
 */

import type { MailParameters } from "../rfc5321/parameter.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { Envelope, Recipient, SessionFacts, TransactionFacts } from "./facts.ts";
import type { Step } from "./phases.ts";
import type { UpstreamLink } from "./upstream.ts";

/** An envelope while it grows. */
export interface OpenEnvelope extends Envelope {
  parameters: MailParameters;
  readonly recipients: Recipient[];
}

/** A message that comes in BDAT chunks, between its first and its last. */
export interface MessageInChunks {
  /** The reply that the message will get whatever follows. */
  readonly refusal: Reply | undefined;
  /** Takes one chunk to its last octet, even where nobody wants it any more. */
  chunk(size: number): Promise<void>;
  /** The last chunk has been taken. */
  finish(): Promise<Reply>;
  /** The client is gone or has thought better of it. */
  cancel(): Promise<void>;
}

/** See the module. */
export class Transaction {
  readonly original: OpenEnvelope;
  readonly current: OpenEnvelope;
  /** Where it is open upstream; nowhere before the first recipient, or where it is discarded. */
  link: UpstreamLink | undefined;
  /** Name of that upstream. */
  upstream: string | undefined;
  /** The upstream that the policy has chosen at MAIL. */
  route: string | undefined;
  /** The upstream's reply to MAIL. Never rejects. */
  mailReply: Promise<Reply> | undefined;
  /** MAIL has been answered before the upstream was asked. */
  mailWaited = false;
  /** Accepted to come to nothing. */
  discarded = false;
  /** What the policy has said so far. */
  readonly steps: Step[] = [];
  /** Octets of mail data so far. */
  octets = 0;
  /** RCPT commands taken in, whatever became of them; one that became several counts as so many. */
  attempted = 0;
  message: MessageInChunks | undefined;

  constructor(
    readonly id: string,
    readonly session: SessionFacts,
    original: Omit<Envelope, "recipients">,
    current: Omit<Envelope, "recipients">,
  ) {
    this.original = { ...original, recipients: [] };
    this.current = { ...current, recipients: [] };
  }

  /** What policies and observers are shown. */
  get facts(): TransactionFacts {
    const { id, session, original, current, octets, upstream, steps } = this;
    return { id, session, original, current, octets, upstream, steps };
  }
}
