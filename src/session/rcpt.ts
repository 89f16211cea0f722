/**
 * RCPT (RFC 5321 §4.1.1.3): one recipient of the client becomes none, one or several of the upstream,
 * and gets one reply.
 *
 * @module
 */

import { extensionsOf, type RcptParameters } from "../rfc5321/parameter.ts";
import type { Path } from "../rfc5321/path.ts";
import { Reply } from "../rfc5321/reply.ts";
import { lacks, rcptParametersFor } from "./carry.ts";
import type { Recipient } from "./facts.ts";
import type { Handler } from "./handler.ts";
import { linkTo, open } from "./mail.ts";
import { type Soon, when } from "../soon.ts";
import type { ReplyName } from "./replies.ts";
import type { Session } from "./session.ts";
import type { State } from "./state.ts";
import type { Transaction } from "./transaction.ts";
import type { UpstreamLink } from "./upstream.ts";
import { DEFAULT_UPSTREAM } from "./upstreams.ts";

/** See the module. */
export const rcpt: Handler<"RCPT"> = {
  obey(session, { forwardPath, parameters }, next) {
    const transaction = session.transaction!;
    const answer = (reply: ReplyName | Reply): void => session.answer("RCPT", reply);
    const refuse = (reply: ReplyName | Reply): void => {
      const own = transaction.refuse("rcpt", session.own(reply));
      transaction.original.recipients.push({ forwardPath, parameters, reply: own });
      answer(own);
    };
    const objection = objectionTo(session, transaction, forwardPath, parameters);
    if (objection !== undefined) {
      // Not among the recipients: there may be any number of these.
      return answer(transaction.refuse("rcpt", session.own(objection)));
    }
    transaction.attempted++;
    const facts = { ...transaction.facts, forwardPath, given: forwardPath, parameters };
    return when(session.rule("rcpt", facts), (ruling) => {
      // MAIL may have been refused upstream while the policy was thinking.
      if (session.transaction !== transaction) return answer("badSequence");
      if (ruling.refusal !== undefined) return refuse(ruling.refusal);
      const paths = ruling.discard || transaction.discarded ? [] : ruling.paths ?? [forwardPath];
      if (paths.length === 0) {
        const reply = session.settings.replies.recipientOk;
        transaction.original.recipients.push({ forwardPath, parameters, reply });
        session.state = next;
        return answer(reply);
      }
      // What one recipient has become counts, or a client could have each of a thousand become as many.
      transaction.attempted += paths.length - 1;
      const utf8 = transaction.original.parameters.smtputf8 === true;
      if (!utf8 && paths.some((path) => !path.isAscii)) return refuse("needsSmtpUtf8");
      const name = ruling.upstream ?? transaction.route ?? DEFAULT_UPSTREAM;
      if (transaction.mailRefusal !== undefined) {
        return refuse(name === transaction.upstream ? transaction.mailRefusal : "otherUpstream");
      }
      return when(linkOf(session, transaction, name), (link) => {
        if (typeof link === "string" || link instanceof Reply) return refuse(link);
        if (lacks(link, parameters)) return refuse("offerChanged");
        // From here on without a pause, so that MAIL and RCPT travel in one group.
        const unfit = transaction.link === undefined && open(session, transaction, name, link);
        if (unfit) return refuse(unfit);
        const given = { forwardPath, parameters, paths, next };
        session.answer("RCPT", relay(session, transaction, link, given));
      });
    });
  },
};

interface Given {
  readonly forwardPath: Path;
  readonly parameters: RcptParameters;
  readonly paths: readonly Path[];
  readonly next: State;
}

/** Sends all of them before it waits for any: they travel in one group. */
async function relay(
  session: Session,
  transaction: Transaction,
  link: UpstreamLink,
  { forwardPath, parameters, paths, next }: Given,
): Promise<Reply> {
  // In its place from now on: those behind it may be answered before it.
  const recipient: { reply?: Reply } & Recipient = { forwardPath, parameters };
  transaction.original.recipients.push(recipient);
  const sent = paths.map(async (path) => {
    const own = rcptParametersFor(link, parameters, forwardPath, path);
    let reply: Reply;
    try {
      reply = await link.rcpt(path, own);
    } catch (error) {
      return session.failure(error);
    }
    if (reply.positive) {
      transaction.current.recipients.push({ forwardPath: path, parameters: own, reply });
      transaction.sources.push(recipient);
    }
    return reply;
  });
  const replies = sent.length === 1 ? [await sent[0]] : await Promise.all(sent);
  const mailReply = await transaction.mailReply!;
  // A MAIL that waited for its recipients is refused with them; otherwise it has had its answer.
  const reply = transaction.mailWaited && !mailReply.positive ? mailReply : folded(replies);
  recipient.reply = reply;
  if (!reply.positive) transaction.refuse("rcpt", reply);
  // MAIL may have been refused while this was on its way.
  if (reply.positive && session.transaction === transaction) session.state = next;
  return reply;
}

/**
 * One reply for what one recipient has become. Where one of them is only deferred the client keeps
 * the message and tries again: a copy too many is better than one that nobody hears of.
 */
function folded(replies: readonly Reply[]): Reply {
  return replies.find((one) => one.transient) ?? replies.find((one) => one.positive) ?? replies[0];
}

/** The transaction's link, or the one that it is going to have. */
function linkOf(
  session: Session,
  transaction: Transaction,
  name: string,
): Soon<UpstreamLink | ReplyName | Reply> {
  try {
    session.settings.upstreams.get(name);
  } catch (error) {
    return session.failure(error);
  }
  if (transaction.link === undefined) return linkTo(session, name);
  return transaction.upstream === name ? transaction.link : "otherUpstream";
}

function objectionTo(
  session: Session,
  transaction: Transaction,
  path: Path,
  parameters: RcptParameters,
): ReplyName | undefined {
  const most = Math.min(
    session.settings.limits.recipients,
    transaction.link?.extensions.limit("RCPTMAX") ?? Infinity,
  );
  if (transaction.attempted >= most) return "tooManyRecipients";
  if (extensionsOf(parameters).some((extension) => !session.offered.has(extension))) {
    return "unknownParameter";
  }
  if (!path.isAscii && transaction.original.parameters.smtputf8 !== true) return "needsSmtpUtf8";
  return undefined;
}
