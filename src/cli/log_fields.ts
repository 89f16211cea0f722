/**
 * The fields of the log's events, in their order. What is unknown is absent.
 *
 * @module
 */

import type { TlsFacts } from "../channel.ts";
import { codesOf } from "../policy/decision.ts";
import type { Reply } from "../rfc5321/reply.ts";
import type { Recipient, SessionFacts, TransactionFacts } from "../session/facts.ts";
import type { TransactionEnd } from "../session/observer.ts";
import type { Fields } from "./log_line.ts";
import type { Pen } from "../stats/pen.ts";
import { decisiveStep, sameReply } from "../stats/transaction_record.ts";
import type { Cost } from "./log_tally.ts";

/** Milliseconds with one decimal. */
export function milliseconds(took: number | undefined): number | undefined {
  return took === undefined ? undefined : Math.round(took * 10) / 10;
}

/** Whose session it is. */
export function clientFields(pen: Pen, { id, listener, client }: SessionFacts): Fields {
  const { address, name, hello, tls, login } = client;
  return {
    session: id,
    listener: listener || undefined,
    client: address || undefined,
    name: name || undefined,
    hello: hello || undefined,
    ...tlsFields(tls),
    login: login === undefined ? undefined : pen.login(login),
  };
}

/** Of a connection under TLS. */
export function tlsFields(tls: TlsFacts | undefined): Fields {
  return { tls: tls?.version, cipher: tls?.cipher };
}

/** A reply in its parts. */
export function replyFields(pen: Pen, reply: Reply | undefined): Fields {
  return {
    code: reply?.code,
    enhanced: reply && codesOf(reply).slice(4) || undefined,
    // RFC 4954 §4: a challenge is part of the exchange; other 3yz replies say nothing.
    text: reply?.intermediate ? undefined : reply && pen.text(reply) || undefined,
  };
}

/** Everything about a mail transaction. */
export function transactionFields(
  pen: Pen,
  transaction: TransactionFacts,
  end: TransactionEnd,
  cost: Cost,
): Fields {
  const { id, session, original, current, octets, upstream, steps } = transaction;
  const taken = original.recipients.filter((one) => !isRefused(one));
  const refused = original.recipients.filter(isRefused);
  const outcomes = current.recipients.flatMap(({ forwardPath, outcome }) =>
    outcome === undefined ? [] : [`${pen.path(forwardPath)} ${codesOf(outcome)}`]
  );
  const reply = "reply" in end ? end.reply : undefined;
  const step = decisiveStep(steps, end);
  return {
    id,
    ...clientFields(pen, session),
    from: pen.path(original.reversePath),
    to: addresses(pen, taken),
    refused: refused.length === 0
      ? undefined
      : refused.map(({ forwardPath, reply }) => `${pen.path(forwardPath)} ${codesOf(reply!)}`),
    currentFrom: current.reversePath === original.reversePath
      ? undefined
      : pen.path(current.reversePath),
    currentTo: sameRecipients(taken, current.recipients)
      ? undefined
      : addresses(pen, current.recipients),
    outcomes: outcomes.length === 0 ? undefined : outcomes,
    octets,
    refusedAt: end.kind === "refused" ? end.at : undefined,
    keptAs: end.kind === "quarantined" ? end.as : undefined,
    reply: reply && pen.reply(reply),
    verdict: step?.verdict.kind,
    rule: step?.check,
    upstream,
    upstreamReply: cost.upstreamReply && !sameReply(cost.upstreamReply, reply)
      ? pen.reply(cost.upstreamReply)
      : undefined,
    took: milliseconds(cost.took),
    policyTook: milliseconds(cost.policyTook),
    upstreamTook: milliseconds(cost.upstreamTook),
  };
}

function isRefused({ reply }: Recipient): boolean {
  return reply !== undefined && !reply.positive;
}

function addresses(pen: Pen, recipients: readonly Recipient[]): string[] {
  return recipients.map(({ forwardPath }) => pen.path(forwardPath));
}

/** Nobody upstream where nothing was sent there: that the outcome tells. */
function sameRecipients(taken: readonly Recipient[], current: readonly Recipient[]): boolean {
  return current.length === 0 || taken.length === current.length &&
      taken.every(({ forwardPath }, at) => forwardPath.address === current[at].forwardPath.address);
}
