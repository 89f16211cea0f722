/**
 * One mail transaction (RFC 5321 §3.3) from MAIL to the reply to its mail data.
 *
 * @module
 */

import type { Path } from "../rfc5321/path.ts";
import type { MailParameters } from "../rfc5321/parameter.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { Envelope, Recipient, SessionFacts, TransactionFacts } from "./facts.ts";
import type { RefusedAt, TransactionEnd } from "./observer.ts";
import type { Phase, Step } from "./phases.ts";
import type { RecipientReplies } from "./recipient_replies.ts";
import type { UpstreamLink } from "./upstream.ts";

/** An envelope while it grows. */
export interface OpenEnvelope extends Envelope {
  reversePath: Path;
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

/** What of a mail transaction is refused in its phases. */
export const refusedAt: { readonly [P in Phase]?: RefusedAt } = {
  mail: "mail",
  rcpt: "rcpt",
  data: "data",
  headers: "message",
  filter: "message",
  content: "message",
};

interface Refusal {
  readonly at: RefusedAt;
  readonly reply: Reply;
  readonly decisive: boolean;
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
  /** What the upstream has said to it then, where that was a refusal. */
  mailRefusal: Reply | undefined;
  /** Accepted to come to nothing. */
  discarded = false;
  /** Under this name it is kept aside, and nobody upstream has it. */
  kept: string | undefined;
  /** What was last refused in it. */
  #refusal: Refusal | undefined;
  /** What the policy has said so far. */
  readonly steps: Step[] = [];
  /** Octets of mail data so far. */
  octets = 0;
  /** RCPT commands taken in, whatever became of them; one that became several counts as so many. */
  attempted = 0;
  message: MessageInChunks | undefined;
  /** For each of the current recipients the client's own of which it came. */
  readonly sources: Recipient[] = [];
  /** The replies to its message, in LMTP, once that has been handed over. */
  replies: RecipientReplies | undefined;
  /** Its mail data are being taken back. */
  undoing: Promise<void> | undefined;

  constructor(
    readonly id: string,
    readonly session: SessionFacts,
    original: Omit<Envelope, "recipients">,
    current: Omit<Envelope, "recipients">,
  ) {
    this.original = { ...original, recipients: [] };
    this.current = { ...current, recipients: [] };
  }

  /**
   * Something of it is refused.
   *
   * @param decisive Nothing can come of it any more. Default: a recipient is one of several.
   * @returns The reply.
   */
  refuse(at: RefusedAt, reply: Reply, decisive: boolean = at !== "rcpt"): Reply {
    this.#refusal = { at, reply, decisive };
    return reply;
  }

  /** A later command has succeeded where one was refused. */
  forgive(): void {
    this.#refusal = undefined;
  }

  /** How it ends where no message has been taken; `otherwise` unless that was for a refusal. */
  endWithout(otherwise: "abandoned" | "broken"): TransactionEnd {
    if (this.#refusal === undefined) return { kind: otherwise };
    const { at, reply, decisive } = this.#refusal;
    const left = !decisive && this.original.recipients.some(({ reply }) => reply?.positive);
    return left ? { kind: otherwise } : { kind: "refused", at, reply };
  }

  /** The recipients that the client was told are accepted. */
  get accepted(): readonly Recipient[] {
    return this.original.recipients.filter(({ reply }) => reply?.positive);
  }

  /** The upstream has answered the message for one of the current recipients. */
  hear(nth: number, outcome: Reply): void {
    const { recipients } = this.current;
    recipients[nth] = { ...recipients[nth], outcome };
    this.replies?.heard(this.sources[nth], outcome);
  }

  /** How it ends with this reply to its mail data; in LMTP, one that somebody has is accepted. */
  endWith(last: Reply): TransactionEnd {
    const taken = this.replies &&
      this.current.recipients.find(({ outcome }) => outcome?.positive)?.outcome;
    const reply = taken ?? last;
    if (!reply.positive) return { kind: "refused", at: "message", reply };
    if (this.kept !== undefined) return { kind: "quarantined", reply, as: this.kept };
    return { kind: this.discarded ? "discarded" : "accepted", reply };
  }

  /** What policies and observers are shown. */
  get facts(): TransactionFacts {
    const { id, session, original, current, octets, upstream, steps } = this;
    return { id, session, original, current, octets, upstream, steps };
  }
}
