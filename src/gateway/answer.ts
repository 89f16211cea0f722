/**
 * Replies of SMTP as an answer of HTTP.
 *
 * @module
 */

import type { Reply } from "../rfc5321/reply.ts";
import type { GivenRecipient } from "./envelope.ts";

/** What has become of the message for one recipient. */
export interface RecipientAnswer {
  /** As the request has it, without brackets. */
  readonly address: string;
  /** Reply code (RFC 5321 §4.2): of the message where the recipient was taken, else of RCPT or MAIL. */
  readonly code: number;
  /** Enhanced status code (RFC 3463), such as `5.1.1`; absent where the reply has none. */
  readonly enhanced?: string;
  /** The reply's text without codes, its lines joined by spaces. */
  readonly text: string;
}

/** An answer of 200 or 207: the message was taken, for all recipients or for some. */
export interface MessageAnswer {
  /** In the order of the request. */
  readonly recipients: readonly RecipientAnswer[];
}

/** An answer of 400 and above: nobody gets the message. */
export interface RefusalAnswer {
  /** Why. */
  readonly error: {
    /** For programs, and never changed: `rejected`. */
    readonly code: string;
    /** For people: what was attempted, what was found, what is allowed. */
    readonly message: string;
  };
  /** Absent where there was no mail transaction. */
  readonly recipients?: readonly RecipientAnswer[];
}

/** Status and body. */
export interface Answer {
  /** 503 may be tried again; all others are final. */
  readonly status: 200 | 207 | RefusalStatus;
  /** To be sent as JSON. */
  readonly body: MessageAnswer | RefusalAnswer;
}

type RefusalStatus = 403 | 413 | 422 | 503;

/** Codes of errors by status. */
const codes: Readonly<Record<RefusalStatus, string>> = {
  403: "forbidden",
  413: "too-large",
  422: "rejected",
  503: "deferred",
};

/**
 * Makes the answer.
 *
 * @param replies One for each recipient.
 */
export function answerOf(
  recipients: readonly GivenRecipient[],
  replies: readonly Reply[],
): Answer {
  const each = recipients.map(({ forwardPath }, nth) => told(forwardPath.address, replies[nth]));
  if (replies.some((reply) => reply.positive)) {
    const status = replies.every((reply) => reply.positive) ? 200 : 207;
    return { status, body: { recipients: each } };
  }
  const status = common(replies.map(statusOf));
  const first = replies.find((reply) => statusOf(reply) === status) ?? replies[0];
  const message = `Cannot send the message to any recipient: ${first.code} ${first.text}`;
  return { status, body: { error: { code: codes[status], message }, recipients: each } };
}

/** One that may be tried again makes the whole so: whoever has been refused is refused again. */
function common(statuses: readonly RefusalStatus[]): RefusalStatus {
  if (statuses.includes(503)) return 503;
  return statuses.every((status) => status === statuses[0]) ? statuses[0] : 422;
}

function statusOf(reply: Reply): RefusalStatus {
  if (!reply.permanent) return 503;
  const { subject, detail } = reply.enhanced ?? { subject: 0, detail: 0 };
  // RFC 3463 §3.4: X.3.4, message too big for the system; RFC 1870 §6.1 has 552 for it.
  if (subject === 3 && detail === 4) return 413;
  if (reply.code === 552 && subject === 0) return 413;
  // RFC 3463 §3.8: X.7.YYY, security and policy.
  return subject === 7 ? 403 : 422;
}

/** RFC 3463 §2, at the beginning of a line of text. */
const enhancedCode = /^[245]\.[0-9]{1,3}\.[0-9]{1,3} /;

function told(address: string, reply: Reply): RecipientAnswer {
  const { code, enhanced, lines } = reply;
  if (enhanced === undefined) return { address, code, text: reply.text };
  return {
    address,
    code,
    enhanced: `${enhanced.class}.${enhanced.subject}.${enhanced.detail}`,
    text: lines.map((line) => `${line} `.replace(enhancedCode, "").trim()).join(" ").trim(),
  };
}
